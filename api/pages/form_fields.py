"""A form's fields as its template shows them: label, entry, hint, and what is wrong beside each."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from api.wording import sentence
from models.refusals import FieldError
from models.vocabulary import Language

_NOT_IN_IDS = re.compile(r"[^\w-]+")


@dataclass(frozen=True, kw_only=True)
class Field:
    """`kind`: an input's type, or `select`. `choices`: (value, label)."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    required: bool = True
    hint: str = ""
    autocomplete: str = ""
    numeric: bool = False
    choices: Sequence[tuple[str, str]] = ()
    short: bool = False
    place: str = ""
    """Of which block it is, where several look alike: named in the summary of errors."""
    errors: tuple[str, ...] = ()
    warning: str = ""
    focused: bool = False

    @property
    def id(self) -> str:
        return field_id(self.name)

    def full_label(self, language: Language) -> str:
        """With the block that it is in: `送付先1 住所`, `Address (Destination 1)`."""
        if not self.place:
            return self.label
        return f"{self.place} {self.label}" if language is Language.JA else f"{self.label} ({self.place})"

    @property
    def described_by(self) -> str:
        """The ids of what explains the entry, for screen readers."""
        parts = {"hint": self.hint, "errors": self.errors, "warning": self.warning}
        return " ".join(f"{self.id}-{part}" for part, there in parts.items() if there)


@dataclass(frozen=True)
class Wrong:
    """A line of the summary: which field, what is wrong, and where it is; no `target` when it is no field of ours."""

    label: str
    message: str
    target: str | None


@dataclass(frozen=True)
class Judgement:
    """What has been said about the entries of a form, by field name."""

    language: Language
    errors: Sequence[FieldError] = ()
    warnings: Mapping[str, str] = field(default_factory=dict)
    focused: str = ""

    def on(self, shown: Field) -> Field:
        """The field with what concerns it."""
        return replace(
            shown,
            errors=self.sentences(shown.name),
            warning=self.warnings.get(shown.name, ""),
            focused=shown.name == self.focused,
        )

    def sentences(self, name: str) -> tuple[str, ...]:
        """What is wrong with the field, or with a whole section."""
        return tuple(sentence(error, self.language) for error in self.errors if error.field == name)

    def summary(self, fields: Sequence[Field], sections: Mapping[str, str] | None = None) -> list[Wrong]:
        """A line for each wrong field, in the order of the page.

        `sections`: the titles of sections that can be wrong as a whole.
        """
        known = {shown.name for shown in fields}
        lines = [
            Wrong(shown.full_label(self.language), " ".join(shown.errors), shown.id) for shown in fields if shown.errors
        ]
        titles = sections or {}
        others = [error for error in self.errors if error.field not in known]
        return lines + [
            Wrong(
                titles.get(error.field, error.field),
                sentence(error, self.language),
                field_id(error.field) if error.field in titles else None,
            )
            for error in others
        ]


def field_id(name: str) -> str:
    """An id that can stand in a fragment: `utm_destinations.0.quantity` is `utm_destinations-0-quantity`."""
    return _NOT_IN_IDS.sub("-", name)
