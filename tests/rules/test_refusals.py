"""Refusals on their way through a workflow and back."""

import json

import pytest

from models.refusals import FieldError, InvalidInput, Refusal, WrongState


@pytest.mark.parametrize("code", sorted(Refusal.known))
def test_every_refusal_comes_back_from_its_code(code: str) -> None:
    """A workflow raises (code, details); the API makes the same refusal of it."""
    sent = Refusal.known[code](detail="why", state="approved", retry_after=3, facts={"max_bytes": 1})
    details = json.loads(json.dumps(sent.details()))
    back = Refusal.from_code(code, details)
    assert type(back) is Refusal.known[code]
    assert back.details() == details


@pytest.mark.parametrize("kind", Refusal.known.values())
def test_every_refusal_speaks_both_languages(kind: type[Refusal]) -> None:
    """The sentence is there in Japanese and in English."""
    refusal = kind(facts={"max_bytes": 65536})
    assert refusal.sentence("ja") != refusal.sentence("en")
    assert 400 <= kind.status < 600


def test_field_errors_survive_the_way() -> None:
    """With the limits that their messages name."""
    error = FieldError("extra.市場", "too_long", {"max_length": 10})
    back = Refusal.from_code("invalid_input", json.loads(json.dumps(InvalidInput(errors=[error]).details())))
    assert back is not None
    assert back.errors == (error,)


def test_a_code_of_somebody_else_is_none_of_ours() -> None:
    """The caller sees an unexpected error, not a made-up refusal."""
    assert Refusal.from_code("ValueError", {}) is None


def test_a_code_belongs_to_one_situation() -> None:
    """A second class with a taken code is a mistake found at import."""
    with pytest.raises(TypeError, match="share the code"):
        type("Other", (Refusal,), {"code": WrongState.code, "status": 409, "en": "", "ja": ""})
