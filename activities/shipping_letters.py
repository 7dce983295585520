"""The mails of shipments and return kits: to whom, with which values (SHP-02, SHP-03, KIT-01…04, UND-03)."""

from dataclasses import dataclass
from datetime import date
from urllib.parse import quote

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mail_templates.wording import day, nothing, person_name, postal_address
from models import outbox, shipments
from models.outbox import Letter
from models.tables.customers import Customer
from models.tables.people import PortalUser
from models.tables.shipments import ReturnKit, Shipment
from models.tables.tenants import Tenant
from models.vocabulary import Language, Mail, SignupState


@dataclass(frozen=True)
class Reader:
    """Somebody at the customer's."""

    mail_address: str
    name: str
    company_name: str


async def contact(connection: AsyncConnection, tenant: Row[tuple[Tenant]], customer_id: str) -> list[Reader]:
    """The customer's contact; nobody once the customer is deleted."""
    found = await connection.execute(
        select(Customer.__table__).where(
            Customer.tenant_id == tenant.tenant_id,
            Customer.customer_id == customer_id,
            Customer.deleted_at.is_(None),
        )
    )
    language = Language(tenant.language)
    return [
        Reader(row.mail_address, person_name(row.last_name, row.first_name, language), row.company_name)
        for row in found
    ]


async def contact_and_users(connection: AsyncConnection, tenant: Row[tuple[Tenant]], customer_id: str) -> list[Reader]:
    """The customer's contact and portal users, each address once (SHP-02)."""
    readers = await contact(connection, tenant, customer_id)
    found = await connection.execute(
        select(PortalUser.__table__)
        .where(
            PortalUser.tenant_id == tenant.tenant_id,
            PortalUser.customer_id == customer_id,
            PortalUser.signup_state.in_((SignupState.OPEN, SignupState.REGISTERED)),
        )
        .order_by(PortalUser.created_at, PortalUser.user_id)
    )
    language = Language(tenant.language)
    company = readers[0].company_name if readers else ""
    readers += [
        Reader(row.mail_address, person_name(row.last_name, row.first_name, language), company) for row in found
    ]
    return list({reader.mail_address: reader for reader in reversed(readers)}.values())[::-1]


def planned_arrival(
    tenant: Row[tuple[Tenant]], parcel: Row[tuple[Shipment]], previous: date | None, readers: list[Reader]
) -> list[Letter]:
    """`previous`: the date that was told before, if one was."""
    language = Language(tenant.language)
    values = _parcel(parcel, language) | {
        "PreviousArrivalDate": day(previous, language) if previous else nothing(language),
        "DestinationAddress": _destination(parcel, language),
    }
    return _to_readers(Mail.UTM_PLANNED_ARRIVAL, language, values, readers)


def waybill(
    tenant: Row[tuple[Tenant]], parcel: Row[tuple[Shipment]], tracking_url: str, readers: list[Reader]
) -> list[Letter]:
    """`tracking_url`: with `{waybill_number}` where the number goes."""
    language = Language(tenant.language)
    values = _parcel(parcel, language) | {
        "CarrierName": parcel.carrier or nothing(language),
        "WaybillNumber": parcel.waybill_number or nothing(language),
        "TrackingURL": tracking_url.replace("{waybill_number}", quote(parcel.waybill_number or "", safe="")),
    }
    return _to_readers(Mail.UTM_WAYBILL_NUMBER, language, values, readers)


def kit_sent(
    tenant: Row[tuple[Tenant]], kit: Row[tuple[ReturnKit]], parcel: Row[tuple[Shipment]], readers: list[Reader]
) -> list[Letter]:
    """With the slip attached when it is printed (KIT-02)."""
    language = Language(tenant.language)
    values = _kit(kit, language) | {
        "CarrierName": parcel.carrier or nothing(language),
        "WaybillNumber": parcel.waybill_number or nothing(language),
        "DestinationAddress": postal_address(kit.postal_code, kit.address, language),
    }
    return _to_readers(Mail.RETURN_KIT_SENT, language, values, readers)


def kit_reminder(tenant: Row[tuple[Tenant]], kit: Row[tuple[ReturnKit]], readers: list[Reader]) -> list[Letter]:
    language = Language(tenant.language)
    return _to_readers(Mail.RETURN_KIT_REMINDER, language, _kit(kit, language), readers)


def kit_recalled(tenant: Row[tuple[Tenant]], kit: Row[tuple[ReturnKit]], readers: list[Reader]) -> list[Letter]:
    language = Language(tenant.language)
    values = _kit(kit, language)
    del values["DueDate"]
    return _to_readers(Mail.RETURN_KIT_RECALLED, language, values, readers)


async def kit_undeliverable(
    connection: AsyncConnection, tenant: Row[tuple[Tenant]], kit: Row[tuple[ReturnKit]]
) -> list[Letter]:
    """To staff, at the tenant's notification addresses (KIT-03)."""
    language = Language(tenant.language)
    more = {"DestinationAddress": postal_address(kit.postal_code, kit.address, language)}
    return await _to_staff(connection, tenant, kit, Mail.RETURN_KIT_UNDELIVERABLE, more)


async def kit_unreturned(
    connection: AsyncConnection, tenant: Row[tuple[Tenant]], kit: Row[tuple[ReturnKit]], charge: str
) -> list[Letter]:
    """To staff. `charge`: in words."""
    language = Language(tenant.language)
    due = day(kit.due_date, language) if kit.due_date else nothing(language)
    return await _to_staff(connection, tenant, kit, Mail.RETURN_KIT_UNRETURNED, {"DueDate": due, "Charge": charge})


def charge_in_words(amount: int, language: Language) -> str:
    """`50,000円（税抜）`, or that there is none."""
    if not amount:
        return nothing(language)
    return f"{amount:,}円（税抜）" if language is Language.JA else f"{amount:,} yen before tax"


async def _to_staff(
    connection: AsyncConnection,
    tenant: Row[tuple[Tenant]],
    kit: Row[tuple[ReturnKit]],
    mail: Mail,
    more: dict[str, str],
) -> list[Letter]:
    language = Language(tenant.language)
    readers = await contact(connection, tenant, kit.customer_id)
    values = _kit(kit, language) | {
        "CompanyName": readers[0].company_name if readers else nothing(language),
        "CustomerID": kit.customer_id,
    }
    del values["DueDate"]
    addresses = await outbox.notification_addresses(connection, tenant.tenant_id)
    return [Letter(mail=mail, recipient=address, language=language, values=values | more) for address in addresses]


def _to_readers(mail: Mail, language: Language, values: dict[str, str], readers: list[Reader]) -> list[Letter]:
    return [
        Letter(
            mail=mail,
            recipient=reader.mail_address,
            language=language,
            values=values | {"CompanyName": reader.company_name, "ContactName": reader.name},
        )
        for reader in readers
    ]


def _parcel(parcel: Row[tuple[Shipment]], language: Language) -> dict[str, str]:
    planned = parcel.planned_arrival_date
    return {
        "ContractNumber": parcel.contract_number,
        "ProductName": parcel.product_name,
        "PlannedArrivalDate": day(planned, language) if planned else nothing(language),
    }


def _kit(kit: Row[tuple[ReturnKit]], language: Language) -> dict[str, str]:
    return {
        "ContractNumber": kit.contract_number,
        "UTMName": kit.utm_name,
        "UTMID": kit.utm_id,
        "DueDate": day(kit.due_date, language) if kit.due_date else nothing(language),
    }


def _destination(parcel: Row[tuple[Shipment]], language: Language) -> str:
    to = shipments.destination_of(parcel)
    return postal_address(to.postal_code, to.prefecture + to.address, language)
