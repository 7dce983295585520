"""The limits of the input fields, both sides of each."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from models import fields
from models.messages.extra_fields import ExtraFieldInput
from models.messages.service_application import PortalUserInput, ServiceApplicationInput
from models.rules.prefectures import PREFECTURES


def taken(field: Any, value: object) -> Any:
    return TypeAdapter(field).validate_python(value)


def refused(field: Any, value: object) -> str:
    with pytest.raises(ValidationError) as refusal:
        taken(field, value)
    return refusal.value.errors()[0]["type"]


LENGTHS = [
    (fields.CompanyName, 40),
    (fields.FamilyName, 100),
    (fields.GivenName, 100),
    (fields.PortalUserFamilyName, 256),
    (fields.Department, 40),
    (fields.Position, 255),
    (fields.Address, 100),
    (fields.Memo, 255),
]


@pytest.mark.requirement("APP-02", "APP-03", "APP-04", "CUS-01")
@pytest.mark.parametrize(("field", "limit"), LENGTHS)
def test_a_text_may_be_as_long_as_its_limit_and_no_longer(field: Any, limit: int) -> None:
    """Lengths count characters as people see them composed, not bytes and not combining marks."""
    assert taken(field, "か\u3099" * limit) == "が" * limit
    assert refused(field, "が" * (limit + 1)) == "string_too_long"


@pytest.mark.parametrize("value", ["", " ", "\u3000", "\u200b", "\u200b \u2060"])
def test_what_nobody_can_see_is_no_entry(value: str) -> None:
    """A required text of blanks or zero-width characters is missing; an optional one is absent."""
    assert refused(fields.CompanyName, value) == "string_too_short"


@pytest.mark.parametrize("value", [1, "true", "yes", 0.0])
def test_what_could_be_meant_for_yes_is_no_answer(value: object) -> None:
    """As the API's description has it; a fuzz of all operations found that words and numbers were taken."""
    field = {"label": "a", "kind": "text"}
    assert ExtraFieldInput.model_validate({**field, "required": True}).required
    assert refused(ExtraFieldInput, {**field, "required": value}) == "bool_type"


@pytest.mark.parametrize("value", ["", " ", "\u3000"])
def test_an_optional_field_left_empty_is_absent(value: str) -> None:
    """A form sends empty strings for what nobody filled in."""
    assert (
        PortalUserInput(last_name="a", first_name="b", mail_address="a@b.jp", mobile_number=value).mobile_number is None
    )


@pytest.mark.parametrize(
    "value", ["a\x00b", "a\r\nBcc: x@y.jp", "a\u2028b", "a\u202eb", "a\u2066b", "a\ud800b", "a\x7fb", "=?utf-8?q?x?="]
)
def test_a_one_line_text_refuses_what_could_break_out_of_its_place(value: str) -> None:
    """Controls, direction marks, lone surrogates and encoded words go into no header and no page."""
    assert refused(fields.CompanyName, value) == "invalid_characters"


def test_a_memo_keeps_its_lines() -> None:
    """Line ends become LF; other controls are refused."""
    assert taken(fields.Memo, " a\r\nb\rc ") == "a\nb\nc"
    assert refused(fields.Memo, "a\x08b") == "invalid_characters"


@pytest.mark.requirement("APP-02")
@pytest.mark.parametrize("value", ["a" * 243 + "@example.com", "a@b.jp", "a+b@sub.example.test", "o'neil@x.local"])
def test_a_mail_address_of_up_to_255_characters_is_taken(value: str) -> None:
    """Only the form is judged; whether it works is found out by mail."""
    assert taken(fields.MailAddress, value) == value


@pytest.mark.parametrize(
    "value",
    [
        *("a@b.com,c@d.com", "a@b.com;c@d.com", "a@b.com c@d.com", '"a"@b.com', "Taro <a@b.com>", "<a@b.com>"),
        *("a@b", "a@localhost", "a@[127.0.0.1]", "@b.com", "a@", "a", "a@b..com", ".a@b.com", "a@-b.com"),
        *("あ@b.com", "a@b.com@c.com", "a@xn--a.com", "a(x)@b.com"),
    ],
)
def test_what_is_not_one_bare_address_is_refused(value: str) -> None:
    """No lists, names, comments, quotes, literals or host names."""
    assert refused(fields.MailAddress, value) == "invalid_mail_address"


def test_a_mail_address_over_the_limit_is_refused() -> None:
    """256 characters are one too many; a line break is refused for what it is."""
    assert refused(fields.MailAddress, "a" * 244 + "@example.com") == "string_too_long"
    assert refused(fields.MailAddress, "a@b.jp\r\nBcc:c@d.jp") == "invalid_characters"


def test_two_spellings_of_an_address_are_one() -> None:
    """Kept in lower case with the domain as IDNA."""
    assert taken(fields.MailAddress, " Taro@日本.JP ") == "taro@xn--wgv71a.jp"


@pytest.mark.requirement("APP-02")
@pytest.mark.parametrize("value", ["1000001", "100-0001", "１００－０００１", "１００ー０００１", "100−0001"])
def test_a_postal_code_is_kept_in_one_form(value: str) -> None:
    """Seven digits, or three and four with a hyphen, half or full width."""
    assert taken(fields.PostalCode, value) == "100-0001"


@pytest.mark.parametrize("value", ["100001", "10000011", "1000-001", "100--0001", "100 0001", "abc-defg", "〒100-0001"])
def test_other_postal_codes_are_refused(value: str) -> None:
    """Neither fewer nor more digits, nor a hyphen elsewhere."""
    assert refused(fields.PostalCode, value) == "invalid_postal_code"


@pytest.mark.requirement("APP-02")
def test_a_prefecture_is_one_of_the_47() -> None:
    """By its full Japanese name."""
    assert len(set(PREFECTURES)) == 47
    assert taken(fields.Prefecture, "東京都") == "東京都"
    assert refused(fields.Prefecture, "東京") == "unknown_prefecture"


@pytest.mark.requirement("APP-02", "APP-04")
@pytest.mark.parametrize(("field", "limit"), [(fields.PhoneNumber, 15), (fields.MobileNumber, 11)])
def test_a_phone_number_has_digits_only(field: Any, limit: int) -> None:
    """Full-width digits are folded; hyphens, signs and letters refused."""
    assert taken(field, "０" * limit) == "0" * limit
    assert refused(field, "0" * (limit + 1)) == "string_too_long"
    for value in ("03-12345", "+81312345", "0312a", "٠٣١٢"):
        assert refused(field, value) == "digits_only"


@pytest.mark.requirement("APP-03")
def test_a_quantity_is_a_whole_number_from_1_to_999() -> None:
    """As a number or, from a form, as text."""
    assert [taken(fields.Quantity, value) for value in (1, 999, "3", "３")] == [1, 999, 3, 3]
    for value in (0, 1000, -1, "0", "1000", 1.5, 1.0, True, "", "x", None):
        assert refused(fields.Quantity, value)


@pytest.mark.requirement("SET-04")
def test_a_web_address_is_http_or_https() -> None:
    """Other schemes, user names and relative addresses are refused."""
    assert taken(fields.WebAddress, "https://a.jp/x?y#z") == "https://a.jp/x?y#z"
    for value in (
        "javascript:alert(1)",
        "ftp://a.jp",
        "//a.jp",
        "/x",
        "https://u:p@a.jp",
        "https:\\\\a.jp",
        "https://",
    ):
        assert refused(fields.WebAddress, value) == "invalid_url"


@pytest.mark.requirement("SET-03")
def test_an_origin_has_no_path() -> None:
    """Kept with its final slash, host in lower case."""
    assert taken(fields.Origin, "https://A.example.jp") == "https://a.example.jp/"
    for value in ("https://a.jp/x", "https://a.jp/?q", "https://a.jp#x"):
        assert refused(fields.Origin, value) == "invalid_origin"


def test_a_time_zone_is_one_of_the_names_in_use() -> None:
    """Names, not offsets, abbreviations or files."""
    assert taken(fields.TimeZoneName, "Asia/Tokyo") == "Asia/Tokyo"
    for value in ("JST", "+09:00", "../../etc/passwd"):
        assert refused(fields.TimeZoneName, value) == "unknown_time_zone"


@given(st.text())
def test_no_text_gets_through_in_two_forms(value: str) -> None:
    """What is taken once is taken again unchanged, and is fit for a database and a mail header."""
    try:
        text = taken(fields.Position, value)
    except ValidationError:
        return
    assert taken(fields.Position, text) == text
    assert text.encode()
    assert not set(text) & {"\n", "\r", "\x00", "\u202e"}


def application(**changes: object) -> dict[str, Any]:
    place = {
        "company_name": "株式会社サンプル",
        "last_name": "山田",
        "first_name": "太郎",
        "postal_code": "1000001",
        "prefecture": "東京都",
        "address": "千代田区千代田1-1",
        "phone_number": "0312345678",
    }
    return {
        "company": {**place, "mail_address": "taro@example.jp"},
        "utm_destinations": [{**place, "quantity": 1}],
        "portal_users": [{"last_name": "山田", "first_name": "花子", "mail_address": "hanako@example.jp"}],
        **changes,
    }


@pytest.mark.requirement("APP-03", "APP-04")
@pytest.mark.parametrize("part", ["utm_destinations", "portal_users"])
def test_an_application_has_one_to_twenty_of_each(part: str) -> None:
    """None and twenty-one are refused at the list itself."""
    user = {"last_name": "a", "first_name": "b"}
    users = [{**user, "mail_address": f"u{index}@example.jp"} for index in range(21)]
    destinations = [application()["utm_destinations"][0] for _ in range(21)]
    entries = users if part == "portal_users" else destinations
    for count, fits in ((0, False), (1, True), (20, True), (21, False)):
        given_input = application(**{part: entries[:count]})
        if fits:
            ServiceApplicationInput.model_validate(given_input)
        else:
            with pytest.raises(ValidationError):
                ServiceApplicationInput.model_validate(given_input)


@pytest.mark.requirement("APP-04")
def test_no_address_is_given_twice_however_it_is_spelled() -> None:
    """Each repetition is named."""
    user = {"last_name": "a", "first_name": "b"}
    users = [{**user, "mail_address": address} for address in ("a@x.jp", "b@x.jp", "A@X.jp", "b@x.JP")]
    with pytest.raises(ValidationError) as refusal:
        ServiceApplicationInput.model_validate(application(portal_users=users))
    (error,) = refusal.value.errors()
    assert (error["type"], error["ctx"]) == ("duplicate", {"fields": ["2.mail_address", "3.mail_address"]})


def test_an_unknown_field_is_an_error() -> None:
    """Nobody sets a state, a tenant or a price by adding it."""
    with pytest.raises(ValidationError):
        ServiceApplicationInput.model_validate(application(state="approved"))
