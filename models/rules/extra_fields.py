"""The operator's extra questions on a tenant's application form, and the answers to them (SET-05, APP-05, APP-17)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

from models.refusals import FieldError


class ExtraFieldKind(StrEnum):
    TEXT = "text"
    CHOICE = "choice"


@dataclass(frozen=True)
class ExtraField:
    """A question. `label` is also its name in requests, in the form (`extra.<label>`) and in the CSV's head."""

    label: str
    required: bool
    kind: ExtraFieldKind
    choices: tuple[str, ...] = ()

    @classmethod
    def of(cls, stored: Mapping[str, Any]) -> Self:
        """From the JSON that the tenant's row keeps."""
        return cls(
            stored["label"], stored["required"], ExtraFieldKind(stored["kind"]), tuple(stored.get("choices", ()))
        )


def definition_errors(fields: Sequence[ExtraField]) -> tuple[FieldError, ...]:
    """Labels must differ; a choice needs choices that differ, and a text has none. Fields are named `fields.<n>.…`."""
    labels = [field.label for field in fields]
    errors = []
    for index, field in enumerate(fields):
        if field.label in labels[:index]:
            errors.append(FieldError(f"fields.{index}.label", "duplicate"))
        if field.kind is ExtraFieldKind.TEXT and field.choices:
            errors.append(FieldError(f"fields.{index}.choices", "unknown_field"))
        if field.kind is ExtraFieldKind.CHOICE and not field.choices:
            errors.append(FieldError(f"fields.{index}.choices", "required"))
        if len(set(field.choices)) < len(field.choices):
            errors.append(FieldError(f"fields.{index}.choices", "duplicate"))
    return tuple(errors)


def answer_errors(answers: Mapping[str, str], fields: Sequence[ExtraField]) -> tuple[FieldError, ...]:
    """What is wrong with the answers by label. A blank answer is none."""
    known = {field.label: field for field in fields}
    given = given_answers(answers)
    errors = [FieldError(f"extra.{label}", "unknown_field") for label in answers if label not in known]
    for label, field in known.items():
        if label not in given and field.required:
            errors.append(FieldError(f"extra.{label}", "required"))
        if label in given and field.kind is ExtraFieldKind.CHOICE and given[label] not in field.choices:
            errors.append(FieldError(f"extra.{label}", "unknown_choice", {"choices": ", ".join(field.choices)}))
    return tuple(errors)


def given_answers(answers: Mapping[str, str]) -> dict[str, str]:
    """Without what a form leaves empty: what to store."""
    return {label: answer for label, answer in answers.items() if answer.strip()}
