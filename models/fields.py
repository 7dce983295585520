"""The input fields with the requirements' limits (APP-02 to APP-05, CUS-01, USR-01): the one place that states them.

Every text is brought to one form first: NFC, line ends as LF, no white space around it. Lengths count code points of
that form. Refused are control characters, lone surrogates and the marks that turn the direction of writing; in one-line
texts also line breaks and `=?`, with which an encoded word of a mail header begins.

The codes of errors are stable; the sentences to them are in `api/wording.py`.
"""

import contextlib
import ipaddress
import re
import unicodedata
import zoneinfo
from datetime import date, timedelta
from typing import Annotated, Any, TypeVar

import email_validator
from email_validator import EmailNotValidError, ValidatedEmail, validate_email
from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    HttpUrl,
    TypeAdapter,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from models.rules.prefectures import PREFECTURES

T = TypeVar("T")

# Only the form is judged here: intranets have mail domains under `.local`, rehearsals under `.test`.
email_validator.SPECIAL_USE_DOMAIN_NAMES.clear()

_DIRECTION_MARKS = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_REFUSED_CATEGORIES = ("Cc", "Cs", "Zl", "Zp")
_HYPHENS = str.maketrans(dict.fromkeys("‐‑‒–—―−ー", "-"))
_FULL_WIDTH = {code: code + 0xFEE0 for code in range(0x21, 0x7F)}
_POSTAL_CODE = re.compile(r"([0-9]{3})-?([0-9]{4})")
_MAC_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")
_UTM_ID = re.compile(r"[0-9a-f]{12}")
_ANY_URL = TypeAdapter(HttpUrl)
_ANY_DURATION = TypeAdapter(timedelta)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_ORIGIN = re.compile(r"https?://[^/?#@\\\s]+/?", re.IGNORECASE)


class Input(BaseModel):
    """What callers send. An unknown field is an error, never a silent loss."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _normal_form(value: str, *, allowed_controls: str = "") -> str:
    for character in value:
        refused = unicodedata.category(character) in _REFUSED_CATEGORIES and character not in allowed_controls
        if refused or character in _DIRECTION_MARKS:
            raise PydanticCustomError("invalid_characters", "contains characters that are not allowed")
    text = unicodedata.normalize("NFC", value).strip()
    # What nobody can see is no entry: zero-width characters alone count as nothing.
    return text if any(unicodedata.category(character)[0] not in "CZ" for character in text) else ""


def _one_line(value: Any) -> Any:  # noqa: ANN401 - what is not text is pydantic's to refuse
    if not isinstance(value, str):
        return value
    text = _normal_form(value)
    if "=?" in text:
        raise PydanticCustomError("invalid_characters", "contains characters that are not allowed")
    return text


def _several_lines(value: Any) -> Any:  # noqa: ANN401 - likewise
    if not isinstance(value, str):
        return value
    return _normal_form(value.replace("\r\n", "\n").replace("\r", "\n"), allowed_controls="\n\t")


def _folded(value: Any) -> Any:  # noqa: ANN401 - likewise
    """Full-width digits and signs as ASCII ones (NFKC), as people type them in Japanese."""
    line = _one_line(value)
    return unicodedata.normalize("NFKC", line).strip() if isinstance(line, str) else line


def _full_width(value: Any) -> Any:  # noqa: ANN401 - likewise
    """Half-width letters, kana and spaces as full-width ones; one space between two words."""
    line = _folded(value)
    return "　".join(line.translate(_FULL_WIDTH).split()) if isinstance(line, str) else line


def _two_names(value: str) -> str:
    if value and "　" not in value:
        raise PydanticCustomError("name_needs_space", "must have a space between family and given name")
    return value


def _digits(value: str) -> str:
    if value and not (value.isascii() and value.isdigit()):
        raise PydanticCustomError("digits_only", "must have digits only")
    return value


def _postal_code(value: str) -> str:
    if not value:
        return value
    match = _POSTAL_CODE.fullmatch(value.translate(_HYPHENS))
    if match is None:
        raise PydanticCustomError("invalid_postal_code", "must have 7 digits, or 3, a hyphen and 4")
    return "-".join(match.groups())


def _utm_id(value: str) -> str:
    if value and not _UTM_ID.fullmatch(value):
        raise PydanticCustomError("invalid_utm_id", "must be 12 lower-case hex digits")
    return value


def _mac_address(value: str) -> str:
    if value and not _MAC_ADDRESS.fullmatch(value):
        raise PydanticCustomError("invalid_mac_address", "must be six pairs of hex digits with colons between")
    return value.upper()


def _ip_address(value: str) -> str:
    try:
        address = ipaddress.ip_address(value)
    except ValueError:
        address = None
    if value and (address is None or getattr(address, "scope_id", None)):
        raise PydanticCustomError("invalid_ip_address", "must be an IPv4 or IPv6 address")
    return str(address or "")


def _prefecture(value: str) -> str:
    if value and value not in PREFECTURES:
        raise PydanticCustomError("unknown_prefecture", "must be one of the 47 prefectures")
    return value


def _half_address(address: str) -> ValidatedEmail:
    return validate_email(
        address, check_deliverability=False, allow_smtputf8=False, globally_deliverable=False, allow_quoted_local=False
    )


def _mail_address(value: str) -> str:
    if not value:
        return value
    local_part, _, domain = value.rpartition("@")
    try:
        # In halves: validated whole, the library allows 254 characters, and the requirement is 255.
        local_part = _half_address(f"{local_part}@x.jp").local_part
        domain = _half_address(f"x@{domain}").ascii_domain
    except EmailNotValidError:
        raise PydanticCustomError("invalid_mail_address", "is not a mail address") from None
    if "." not in domain:
        raise PydanticCustomError("invalid_mail_address", "is not a mail address")
    return f"{local_part}@{domain}".lower()


def _time_zone(value: str) -> str:
    if value and value not in zoneinfo.available_timezones():
        raise PydanticCustomError("unknown_time_zone", "is not the name of a time zone")
    return value


def _web_address(value: str) -> str:
    if not value:
        return value
    try:
        url = _ANY_URL.validate_python(value)
    except ValidationError:
        raise PydanticCustomError("invalid_url", "must be an http or https address") from None
    if url.username or url.password or "\\" in value:
        raise PydanticCustomError("invalid_url", "must be an http or https address")
    return value


def _base_url(value: str) -> str:
    if any(sign in _web_address(value) for sign in "?#"):
        raise PydanticCustomError("invalid_url", "must be an http or https address")
    return value.rstrip("/")


def _origin(value: str) -> str:
    if not value:
        return value
    _web_address(value)
    if not _ORIGIN.fullmatch(value):
        raise PydanticCustomError("invalid_origin", "must be https://host/ without a path")
    return str(_ANY_URL.validate_python(value))


def _day(value: Any) -> Any:  # noqa: ANN401 - likewise
    """Not what pydantic would take for a date as well: a number of seconds, or an instant at midnight."""
    line = _folded(value)
    if not isinstance(line, str) or not _DAY.fullmatch(line):
        raise PydanticCustomError("invalid_date", "must be a date, YYYY-MM-DD")
    return line


def _instant(value: Any) -> Any:  # noqa: ANN401 - likewise
    """A number could be seconds or milliseconds; only text says what it means."""
    if not isinstance(value, str):
        raise PydanticCustomError("invalid_instant", "must be an instant with its offset (RFC 3339)")
    return value


def _duration(value: Any) -> Any:  # noqa: ANN401 - likewise
    """ISO 8601; a year is 365 days and a month 30."""
    if isinstance(value, str) and value.startswith("P"):
        with contextlib.suppress(ValidationError):
            return _ANY_DURATION.validate_python(value)
    raise PydanticCustomError("invalid_duration", "must be a duration such as P7D or PT1H")


def _whole_number(value: Any) -> Any:  # noqa: ANN401 - likewise
    """A form sends text, JSON a number; `true` is neither."""
    if isinstance(value, bool | float):
        raise PydanticCustomError("whole_number", "must be a whole number")
    return _folded(value)


def _absent_if_blank(value: Any) -> Any:  # noqa: ANN401 - likewise
    return None if isinstance(value, str) and not value.strip() else value


def _tell_blank(schema: dict[str, Any]) -> None:
    """In the API's description."""
    schema["anyOf"].append({"type": "string", "pattern": r"^\s*$", "title": BLANK})


BLANK = "Blank"
OrAbsent = Annotated[T | None, BeforeValidator(_absent_if_blank), Field(json_schema_extra=_tell_blank)]
"""An optional field: what a form leaves empty is absent."""

_Line = BeforeValidator(_one_line)
_Lines = BeforeValidator(_several_lines)
_Fold = BeforeValidator(_folded)

CompanyName = Annotated[str, Field(min_length=1, max_length=40), _Line]
FamilyName = Annotated[str, Field(min_length=1, max_length=100), _Line]
GivenName = FamilyName
PortalUserFamilyName = Annotated[str, Field(min_length=1, max_length=256), _Line]
PortalUserGivenName = PortalUserFamilyName
PersonName = Annotated[str, Field(min_length=1, max_length=201), _Line]
UserName = Annotated[str, Field(min_length=1, max_length=201), AfterValidator(_two_names), BeforeValidator(_full_width)]
"""Family and given name in one field, kept in full-width characters with a full-width space between (TEN-03)."""
Department = Annotated[str, Field(min_length=1, max_length=40), _Line]
Position = Annotated[str, Field(min_length=1, max_length=255), _Line]
TenantName = Annotated[str, Field(min_length=1, max_length=100), _Line]
Title = Annotated[str, Field(min_length=1, max_length=255), _Line]
"""A one-line name of a thing: an API key, a link, a label."""
Address = Annotated[str, Field(min_length=1, max_length=100), _Line]
Memo = Annotated[str, Field(max_length=255), _Lines]
"""May be empty: that clears it."""
Description = Annotated[str, Field(min_length=1, max_length=1000), _Lines]
Reason = Annotated[str, Field(min_length=1, max_length=1000), _Lines]
Answer = Annotated[str, Field(max_length=1000), _Lines]
"""An answer to an extra field (APP-05)."""

MailAddress = Annotated[
    str,
    Field(min_length=1, max_length=255, json_schema_extra={"format": "email"}),
    AfterValidator(_mail_address),
    _Line,
]
"""One bare address (RFC 5321), kept in lower case with an IDNA domain: two spellings of one address are equal."""
UtmMailAddress = Annotated[
    str,
    Field(min_length=1, max_length=254, json_schema_extra={"format": "email"}),
    AfterValidator(_mail_address),
    _Line,
]
"""Of those a UTM's mails go to (UTM-01)."""
PostalCode = Annotated[
    str, Field(min_length=1, examples=["100-0001"]), AfterValidator(_postal_code), BeforeValidator(_folded)
]
"""Kept as `NNN-NNNN`."""
Prefecture = Annotated[
    str, Field(min_length=1, json_schema_extra={"enum": list(PREFECTURES)}), AfterValidator(_prefecture), _Line
]
PhoneNumber = Annotated[
    str, Field(min_length=1, max_length=15, json_schema_extra={"pattern": "^[0-9]+$"}), AfterValidator(_digits), _Fold
]
MobileNumber = Annotated[
    str, Field(min_length=1, max_length=11, json_schema_extra={"pattern": "^[0-9]+$"}), AfterValidator(_digits), _Fold
]
OneTimeCode = Annotated[str, Field(min_length=1, max_length=20), _Fold]
"""Of an SMS, as somebody types it."""
TypedToken = Annotated[str, Field(min_length=1, max_length=255), _Fold]
"""Of a viewer, as somebody types it out of a mail (VWR-04)."""
CompanyCode = Annotated[str, Field(min_length=1, max_length=40), AfterValidator(str.upper), _Fold]
"""A customer's id, as somebody types it (VWR-01)."""
Quantity = Annotated[int, Field(ge=1, le=999), BeforeValidator(_whole_number)]
Yen = Annotated[int, Field(ge=0, le=999_999_999), BeforeValidator(_whole_number)]
Percent = Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole_number)]
TermLength = Annotated[int, Field(ge=1, le=120), BeforeValidator(_whole_number)]
"""Of months or years (CON-01)."""
RenewalLength = Annotated[int, Field(ge=0, le=120), BeforeValidator(_whole_number)]
"""Likewise; 0 is none."""
LongMemo = Annotated[str, Field(max_length=500), _Lines]
UtmId = Annotated[
    str, Field(min_length=1, json_schema_extra={"pattern": "^[0-9a-f]{12}$"}), AfterValidator(_utm_id), _Line
]
"""The device's WAN MAC address without colons."""
MacAddress = Annotated[str, Field(min_length=1, examples=["A0:B1:C2:D3:E4:F5"]), AfterValidator(_mac_address), _Line]
"""Kept in capitals (UTM-02)."""
UtmName = Annotated[str, Field(min_length=1, max_length=50), _Line]
SerialNumber = Annotated[str, Field(min_length=15, max_length=30), _Line]
InstallationAddress = Annotated[str, Field(min_length=1, max_length=104), _Line]
"""With its prefecture (UTM-01)."""
DeliveryStatus = Annotated[str, Field(min_length=1, max_length=104), _Line]
FirmwareVersion = Annotated[str, Field(min_length=1, max_length=64), _Line]
IpAddress = Annotated[str, Field(min_length=1, examples=["192.0.2.1"]), AfterValidator(_ip_address), _Line]
"""IPv4 or IPv6, kept in its shortest form."""
ShortageGraceDays = Annotated[int, Field(ge=0, le=99), BeforeValidator(_whole_number)]
"""SET-02."""
Day = Annotated[date, BeforeValidator(_day)]
"""A calendar date, `YYYY-MM-DD` (GEN-01)."""
Instant = Annotated[AwareDatetime, BeforeValidator(_instant)]
"""RFC 3339, with its offset."""
Duration = Annotated[timedelta, BeforeValidator(_duration)]
TimeZoneName = Annotated[str, Field(min_length=1, examples=["Asia/Tokyo"]), AfterValidator(_time_zone), _Line]
WebAddress = Annotated[
    str, Field(min_length=1, max_length=2000, json_schema_extra={"format": "uri"}), AfterValidator(_web_address), _Line
]
"""http or https, without a user name in it."""
BaseUrl = Annotated[
    str, Field(min_length=1, max_length=255, json_schema_extra={"format": "uri"}), AfterValidator(_base_url), _Line
]
"""What paths are put behind: kept without a slash at its end."""
CountryCode = Annotated[str, Field(pattern="^[A-Z]{2}$", examples=["JP"])]
"""ISO 3166-1 alpha-2: whose holidays are no business days."""
Origin = Annotated[
    str, Field(min_length=1, max_length=255, examples=["https://www.example.jp/"]), AfterValidator(_origin), _Line
]
"""Scheme, host and perhaps a port, kept as `https://host/` (SET-03)."""
