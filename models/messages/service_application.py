"""What an applicant sends (APP-02 to APP-05), with the names of the HTTP API."""

from typing import Annotated

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from models.fields import (
    Address,
    Answer,
    CompanyName,
    Department,
    FamilyName,
    GivenName,
    Input,
    MailAddress,
    MobileNumber,
    OrAbsent,
    PhoneNumber,
    PortalUserFamilyName,
    PortalUserGivenName,
    Position,
    PostalCode,
    Prefecture,
    Quantity,
    Title,
)


class Company(Input):
    """The applying company and who speaks for it (APP-02)."""

    company_name: CompanyName
    last_name: FamilyName
    first_name: GivenName
    department: OrAbsent[Department] = None
    position: OrAbsent[Position] = None
    mail_address: MailAddress
    postal_code: PostalCode
    prefecture: Prefecture
    address: Address
    phone_number: PhoneNumber


class Destination(Input):
    """Where a UTM goes, and who receives it there (APP-03, CON-02)."""

    company_name: CompanyName
    last_name: FamilyName
    first_name: GivenName
    department: OrAbsent[Department] = None
    postal_code: PostalCode
    prefecture: Prefecture
    address: Address
    phone_number: PhoneNumber


class UtmDestination(Destination):
    """Where UTMs go, and how many (APP-03)."""

    quantity: Quantity


class PortalUserInput(Input):
    """APP-04, USR-01."""

    last_name: PortalUserFamilyName
    first_name: PortalUserGivenName
    mail_address: MailAddress
    mobile_number: OrAbsent[MobileNumber] = None


def _no_address_twice(users: list[PortalUserInput]) -> list[PortalUserInput]:
    addresses = [user.mail_address for user in users]
    repeats = [index for index, address in enumerate(addresses) if address in addresses[:index]]
    if repeats:
        fields = [f"{index}.mail_address" for index in repeats]
        raise PydanticCustomError("duplicate", "is given twice", {"fields": fields})
    return users


ExtraAnswers = Annotated[dict[Title, Answer], Field(max_length=100)]
"""To the tenant's extra fields, by label; what they must be is `models/rules/extra_fields.py`'s to say (APP-05)."""


class ServiceApplicationInput(Input):
    company: Company
    utm_destinations: Annotated[list[UtmDestination], Field(min_length=1, max_length=20)]
    portal_users: Annotated[
        list[PortalUserInput], Field(min_length=1, max_length=20), AfterValidator(_no_address_twice)
    ]
    extra: ExtraAnswers = Field(default_factory=dict)
