"""What an operator is told of a refused mail names nobody (CUS-05)."""

import pytest

from models.rules.words_without_addresses import without_addresses

pytestmark = pytest.mark.requirement("CUS-05", "GEN-08")


@pytest.mark.parametrize(
    ("said", "left"),
    [
        ("550 5.1.1 <taro@minato.example>: Recipient address rejected", "550 5.1.1 … Recipient address rejected"),
        ("550 5.1.1 <taro@minato.example>... User unknown", "550 5.1.1 … User unknown"),
        ("550 TARO: no such user, see taro-san", "550 …: no such user, see …-san"),
        ("552 5.2.2 mailbox full", "552 5.2.2 mailbox full"),
        ("550 other@minato.example\nand mailto:third@x.example?subject=y", "550 …\nand …"),
    ],
)
def test_code_and_words_stay_and_no_address_does(said: str, left: str) -> None:
    assert without_addresses(said, "taro@minato.example") == left


def test_a_number_that_got_a_code_is_left_out_too() -> None:
    assert without_addresses("550 09012345678@sms.example: 09012345678 is gone", "09012345678") == "550 … … is gone"
