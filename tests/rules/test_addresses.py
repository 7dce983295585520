"""Postal codes and house numbers (APP-06)."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from models.postal_codes import Place, find_place
from models.rules.addresses import lacks_house_number

pytestmark = pytest.mark.requirement("APP-06", "CAN-04")


@pytest.mark.parametrize(
    ("code", "prefecture", "town"),
    [
        ("100-0001", "東京都", "千代田区千代田"),
        ("100-0000", "東京都", "千代田区"),
        ("100-8111", "東京都", "千代田区千代田"),  # an office of its own
        ("604-8242", "京都府", "京都市中京区柳水町"),
        ("498-0000", "愛知県", "弥富市"),  # shared with the next prefecture
        ("004-0000", "北海道", "札幌市"),  # two wards
        ("029-5503", "岩手県", "和賀郡西和賀町"),  # several parts in one name
        ("761-4103", "香川県", "小豆郡土庄町"),
        ("066-0005", "北海道", "千歳市協和"),  # a remark in brackets
    ],
)
def test_a_postal_code_names_prefecture_and_town(code: str, prefecture: str, town: str) -> None:
    """As far as the code says; the house number is the person's."""
    assert find_place(code) == Place(code, prefecture, town)


def test_an_unknown_code_has_no_place() -> None:
    """It is not made up."""
    assert find_place("999-9999") is None


def test_codes_are_found_from_any_thread() -> None:
    """The data's connection belongs to one lookup."""
    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(find_place, ["100-0001"] * 40)) == {find_place("100-0001")}


@pytest.mark.parametrize(
    ("address", "town", "lacks"),
    [
        ("千代田区千代田1-1", "千代田区千代田", False),
        ("千代田区千代田１丁目", "千代田区千代田", False),
        ("千代田区千代田一丁目", "千代田区千代田", False),
        ("千代田区千代田", "千代田区千代田", True),
        ("千代田区四番町", "千代田区四番町", True),
        ("港区三田", "港区三田", True),
        ("港区三田", "", True),
        ("港区三田2丁目", "", False),
        ("札幌市北24条", "札幌市北24条", True),
        ("4th Street", "千代田区千代田", False),
        ("港区三田２－１", "", False),
        ("港区三田②", "", False),
        ("港区三田三丁目", "", False),
        ("港区三田三丁目五番二号", "港区三田", False),
        ("港区三田 五番地", "", False),
        ("港区三田十二番", "", False),
        ("千代田区四番町", "", True),
        ("千代田区六番町 第二ビル", "", True),
        ("千代田区四番町五", "千代田区四番町", False),
        ("千代田区四番町五", "", True),  # nobody can tell where the town ends
        ("文京区千石", "", True),
        ("八王子市三崎町", "", True),
        ("港区三田二―一", "", False),
        ("上田市一の二", "", False),
        ("四日市市無番地", "", False),
        ("四日市市無番地", "四日市市", False),
        ("八丈島八丈町樫立", "", True),
        ("", "", True),
    ],
)
def test_an_address_without_a_digit_after_the_town_is_noticed(address: str, town: str, *, lacks: bool) -> None:
    """Numbers in the town's own name do not count."""
    assert lacks_house_number(address, town) is lacks
