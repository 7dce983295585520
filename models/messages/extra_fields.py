"""What the operator sends to define a tenant's extra questions (SET-05)."""

from typing import Annotated

from pydantic import Field, StrictBool

from models.fields import Input, Title
from models.rules.extra_fields import ExtraField, ExtraFieldKind


class ExtraFieldInput(Input):
    label: Title
    required: StrictBool
    kind: ExtraFieldKind
    choices: Annotated[list[Title], Field(max_length=100)] = Field(default_factory=list)

    def definition(self) -> ExtraField:
        return ExtraField(label=self.label, required=self.required, kind=self.kind, choices=tuple(self.choices))


class ExtraFieldsInput(Input):
    """All of them: what is not named is gone. `models.rules.extra_fields.definition_errors` judges them together."""

    fields: Annotated[list[ExtraFieldInput], Field(max_length=50)]
