"""What callers say of a UTM: at its registration, and when staff or a portal user change it (UTM-01 to UTM-03)."""

from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_core import PydanticCustomError

from models.fields import (
    DeliveryStatus,
    Input,
    InstallationAddress,
    MacAddress,
    OrAbsent,
    PostalCode,
    SerialNumber,
    Title,
    UtmId,
    UtmMailAddress,
    UtmName,
)
from models.refusals import FieldError
from models.rules.utm_devices import mac_address_of

BY_PORTAL_USERS = frozenset(
    ("name", "postal_code", "address", "customer_addresses", "report_addresses", "mac_address"),
)
"""What portal users may change (UTM-02, UTM-03); the rest is the staff's."""


def _no_address_twice(addresses: list[str]) -> list[str]:
    repeats = [str(index) for index, address in enumerate(addresses) if address in addresses[:index]]
    if repeats:
        raise PydanticCustomError("duplicate", "is given twice", {"fields": repeats})
    return addresses


def _refused(_: object) -> None:
    raise PydanticCustomError("read_only", "cannot be changed")


Addresses = Annotated[list[UtmMailAddress], Field(max_length=3), AfterValidator(_no_address_twice)]
Fixed = Annotated[None, BeforeValidator(_refused), Field(json_schema_extra={"readOnly": True})]


class NewUtm(Input):
    """Postal code and address can be left out, both, where the customer's applications name exactly one (ADD-05)."""

    utm_id: UtmId
    name: UtmName
    serial_number: SerialNumber
    postal_code: OrAbsent[PostalCode] = None
    address: OrAbsent[InstallationAddress] = None
    """Where it is installed, with the prefecture."""
    delivery_status: DeliveryStatus
    customer_addresses: Addresses = Field(default_factory=list)
    """Alerts of the device go to these and to the service desk's, monthly reports to the further ones too."""
    service_desk_addresses: Addresses = Field(default_factory=list)
    report_addresses: Addresses = Field(default_factory=list)
    mac_address: OrAbsent[MacAddress] = None
    contract_number: OrAbsent[Title] = None
    """Left out: the contract that names the device, else the oldest in force that covers one more."""


class UtmChange(Input):
    """What is not named stays as it is. A MAC address can be entered once, and not taken back."""

    utm_id: Fixed = None
    serial_number: Fixed = None
    name: UtmName = ""
    postal_code: PostalCode = ""
    address: InstallationAddress = ""
    delivery_status: DeliveryStatus = ""
    customer_addresses: Addresses = Field(default_factory=list)
    service_desk_addresses: Addresses = Field(default_factory=list)
    report_addresses: Addresses = Field(default_factory=list)
    mac_address: MacAddress = ""
    contract_number: OrAbsent[Title] = None


def change_errors(changed: dict[str, Any], *, utm_id: str, entered_mac: str | None, by_staff: bool) -> list[FieldError]:
    """What the caller may not change of the fields that would."""
    errors = [FieldError(name, "read_only") for name in changed if not by_staff and name not in BY_PORTAL_USERS]
    if "mac_address" in changed:
        errors += mac_errors(changed["mac_address"], utm_id=utm_id, entered_mac=entered_mac)
    return errors


def mac_errors(mac_address: str | None, *, utm_id: str, entered_mac: str | None = None) -> list[FieldError]:
    if entered_mac is not None:
        return [FieldError("mac_address", "read_only")]
    is_its_own = mac_address is None or mac_address == mac_address_of(utm_id)
    return [] if is_its_own else [FieldError("mac_address", "mac_of_another_utm")]
