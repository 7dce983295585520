"""The two fields of a new password, wherever one is chosen."""

from api.pages.form_fields import Field
from api.pages.visit import Visit
from models.rules.passwords import SIGNS

PASSWORDS = ("password", "password_confirmation")


def password_fields(visit: Visit, *, kept: bool = False) -> list[Field]:
    """The new password, typed twice. `kept`: one has been entered already and need not be again."""
    hints = {"password": "password_kept_hint" if kept else "password_hint"}
    return [
        Field(
            name=name,
            label=visit.words[name],
            kind="password",
            required=not kept,
            hint=visit.say(hints[name], signs=" ".join(SIGNS)) if name in hints else "",
            autocomplete="new-password",
        )
        for name in PASSWORDS
    ]
