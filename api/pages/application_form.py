"""The application's form as its template shows it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from pydantic import BaseModel

from api.pages.application_entries import MOST, Block, Entries
from api.pages.form_fields import Field, Judgement, Wrong, field_id
from api.pages.prefecture_names import IN_LATIN_LETTERS
from api.pages.wording import words
from models.messages.service_application import Company, PortalUserInput, UtmDestination
from models.rules.extra_fields import ExtraField, ExtraFieldKind
from models.vocabulary import Language

_MODELS: dict[str, type[BaseModel]] = {
    "company": Company,
    "utm_destinations": UtmDestination,
    "portal_users": PortalUserInput,
}
_AUTOCOMPLETE = {
    "company_name": "organization",
    "last_name": "family-name",
    "first_name": "given-name",
    "position": "organization-title",
    "mail_address": "email",
    "postal_code": "postal-code",
    "prefecture": "address-level1",
    "address": "address-line1",
    "phone_number": "tel-national",
    "mobile_number": "mobile tel-national",
}
_KINDS = {
    "mail_address": "email",
    "phone_number": "tel",
    "mobile_number": "tel",
    "prefecture": "select",
}
_HINTS = {
    "postal_code": "postal_code_hint",
    "address": "address_hint",
    "phone_number": "digits_hint",
    "mobile_number": "mobile_number_hint",
}
_SHORT = frozenset({"postal_code", "prefecture", "phone_number", "mobile_number", "quantity"})
_NUMERIC = frozenset({"postal_code", "quantity"})


@dataclass(frozen=True)
class FormBlock:
    """One company, destination or user: its fields by their last name; `name` is what their names begin with."""

    name: str
    title: str
    fields: dict[str, Field]


@dataclass(frozen=True)
class FormList:
    """A section of blocks that can become more or fewer."""

    name: str
    blocks: Sequence[FormBlock]
    errors: tuple[str, ...]

    @property
    def id(self) -> str:
        return field_id(self.name)

    @property
    def is_full(self) -> bool:
        return len(self.blocks) >= MOST


@dataclass(frozen=True)
class ApplicationForm:
    company: FormBlock
    lists: Sequence[FormList]
    extra: Sequence[Field]
    wrong: Sequence[Wrong]
    doubtful: Sequence[Field]
    """Fields that the person is asked about; none while only a button has been pressed."""


def application_form(entries: Entries, questions: Sequence[ExtraField], judgement: Judgement) -> ApplicationForm:
    """All fields with their entries, and what has been said about them."""
    said = words(judgement.language)
    company = _block("company", "company", said["company_section"], entries.company, judgement)
    lists = [
        _list("utm_destinations", entries.utm_destinations, judgement),
        _list("portal_users", entries.portal_users, judgement),
    ]
    extra = [judgement.on(_question(question, entries.extra)) for question in questions]
    sections = {section.name: said[f"{section.name}_section"] for section in lists}
    fields = [*company.fields.values(), *_fields_of(lists), *extra]
    doubtful = [] if judgement.focused else [shown for shown in fields if shown.warning]
    return ApplicationForm(company, lists, extra, judgement.summary(fields, sections), doubtful)


def _fields_of(lists: Sequence[FormList]) -> Iterator[Field]:
    return (shown for section in lists for block in section.blocks for shown in block.fields.values())


def _list(name: str, blocks: Sequence[Block], judgement: Judgement) -> FormList:
    title = words(judgement.language)[f"{name}_item"]
    shown = [
        _block(name, f"{name}.{index}", title.format(number=index + 1), block, judgement)
        for index, block in enumerate(blocks or [{}])
    ]
    return FormList(name, shown, judgement.sentences(name))


def _block(kind: str, prefix: str, title: str, entries: Block, judgement: Judgement) -> FormBlock:
    # Browsers keep what they fill in for one block apart from the others by these.
    section = "" if kind == "company" else f"section-{prefix.replace('.', '-').replace('_', '-')} "
    fields = {
        name: judgement.on(
            replace(
                _named(name, judgement.language),
                name=f"{prefix}.{name}",
                value=entries.get(name, ""),
                required=info.is_required(),
                place=title,
                autocomplete=section + _AUTOCOMPLETE[name] if name in _AUTOCOMPLETE else "",
            )
        )
        for name, info in _MODELS[kind].model_fields.items()
    }
    return FormBlock(prefix, title, fields)


def _named(name: str, language: Language) -> Field:
    """What a field of that name is like wherever it stands."""
    said = words(language)
    return Field(
        name=name,
        label=said[name],
        kind=_KINDS.get(name, "text"),
        hint=said[_HINTS[name]] if name in _HINTS else "",
        numeric=name in _NUMERIC,
        short=name in _SHORT,
        choices=_prefectures(language) if name == "prefecture" else (),
    )


def _prefectures(language: Language) -> list[tuple[str, str]]:
    if language is Language.JA:
        return [(name, name) for name in IN_LATIN_LETTERS]
    return [(name, f"{latin} {name}") for name, latin in IN_LATIN_LETTERS.items()]


def _question(question: ExtraField, answers: Block) -> Field:
    """One of the tenant's own questions (SET-05)."""
    return Field(
        name=f"extra.{question.label}",
        label=question.label,
        kind="select" if question.kind is ExtraFieldKind.CHOICE else "text",
        value=answers.get(question.label, ""),
        required=question.required,
        choices=[(choice, choice) for choice in question.choices],
    )
