"""What a password may be (TEN-05)."""

import pytest

from models.common_passwords import common_passwords
from models.rules.passwords import SIGNS, is_common, password_errors

pytestmark = pytest.mark.requirement("TEN-05")

GOOD = "Kumo7-yane.Tako"


def codes(password: str, confirmation: str | None = None, mail_address: str = "taro.yamada@example.jp") -> list[str]:
    errors = password_errors(
        password,
        password if confirmation is None else confirmation,
        mail_address=mail_address,
        common=common_passwords(),
    )
    return [error.code for error in errors]


@pytest.mark.parametrize("password", [GOOD, "S3cure-Passw0rd!", "Correct-Horse-7", "Tetsuzuki-2026!"])
def test_a_password_of_allowed_characters_is_taken(password: str) -> None:
    """No rule of composition beyond characters and length."""
    assert codes(password) == []


def test_the_length_is_12_to_128() -> None:
    """Both sides of both limits."""
    long = "kX9-" + "uVw7%zRt" * 20
    assert codes(GOOD[:12]) == []
    assert codes(GOOD[:11]) == ["too_short"]
    assert codes((GOOD + long)[:128]) == []
    assert codes((GOOD + long)[:129]) == ["too_long"]


@pytest.mark.parametrize("sign", SIGNS)
def test_every_listed_sign_is_allowed(sign: str) -> None:
    """All 31 of them."""
    assert len(set(SIGNS)) == 31
    assert codes(GOOD + sign) == []


@pytest.mark.parametrize("character", [" ", "|", "あ", "é", "\t", "\n", "\x00", "１", "\ud800"])
def test_any_other_character_is_refused(character: str) -> None:
    """The set is ASCII, without the space and the bar."""
    assert codes(GOOD + character) == ["password_characters"]


def test_the_address_is_no_password() -> None:
    """Nor is what stands before its @, in any case."""
    assert codes("Taro.Yamada@Example.JP") == ["password_is_address"]
    assert codes("taro.yamada.x", mail_address="Taro.Yamada.X@example.jp") == ["password_is_address"]


@pytest.mark.parametrize(
    "password",
    [
        *("password1234", "Password123!", "passwordpassword", "P@ssw0rd1234", "qwertyuiop12", "1qaz2wsx3edc"),
        *("123456789012", "987654321098", "aaaaaaaaaaaa", "abcabcabcabc", "abcdefghijkl", "qwertyuiopas"),
        *("peanutbutter", "LetMeIn12345", "tetsuzuki000", "adminadmin123"),
    ],
)
def test_a_common_password_is_refused(password: str) -> None:
    """Known from leaks, repetitive, along the keyboard, or a favourite word with a favourite number."""
    assert codes(password) == ["password_common"]


def test_the_known_ones_are_those_that_could_be_chosen() -> None:
    """The list has only what the other rules would let pass, in the form it is compared in."""
    known = common_passwords()
    assert len(known) > 200
    assert all(len(password) >= 12 and password == password.lower() for password in known)
    assert not is_common(GOOD, known)


def test_the_second_entry_must_be_the_same() -> None:
    """Case included; the error stands at the second field."""
    assert codes(GOOD, GOOD.lower()) == ["differs"]
    (error,) = password_errors(GOOD, "", mail_address="a@b.jp", common=frozenset())
    assert error.field == "password_confirmation"
