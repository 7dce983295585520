"""Emptying what names a customer's people: company, applications, contracts, devices, parcels and mails (CUS-05).

Numbers, amounts, dates and quantities stay, as does the audit log, which holds nothing personal.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Row, case, cast, delete, exists, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.ext.asyncio import AsyncConnection

from models import idempotent_answers
from models.erasure import ERASED, emptied_mails, erase_account_mails, erase_mails
from models.messages.procedure import Identity
from models.messages.service_application import Company, UtmDestination
from models.shipments import NOWHERE
from models.tables.applications import PersonalInvitation, ServiceApplication, UtmAddition
from models.tables.approvals import Administrator, Approval, Approver
from models.tables.contracts import Contract
from models.tables.customers import Customer
from models.tables.devices import RemoteSupport, Restart
from models.tables.procedures import Mail, Procedure
from models.tables.shipments import ReturnKit, Shipment
from models.tables.utms import Utm
from models.tables.viewers import Viewer
from models.vocabulary import AdditionState, ProcedureKind

_NO_ACCESS = {"department": None, "credential_digest": None}


async def erase_company(
    connection: AsyncConnection, tenant_id: str, customer_id: str, *, users: list[Row[Any]], now: datetime
) -> None:
    """All of it, within the deletion's transaction."""
    row = await _empty(connection, tenant_id, customer_id, now)
    about = [customer_id]
    if row.application_number is not None:
        about += await _erase_application(connection, tenant_id, row.application_number)
    await _empty_what_it_had(connection, tenant_id, customer_id)
    await _empty_restarts(connection, tenant_id, customer_id)
    await _erase_restart_mails(connection, tenant_id, customer_id)
    about += await _empty_additions(connection, tenant_id, customer_id)
    await idempotent_answers.erase(connection, tenant_id, about)
    await _empty_approvals(connection, tenant_id, customer_id)
    signups = [Identity.of(ProcedureKind.SIGNUP, tenant_id, user.user_id).procedure_id for user in users]
    await erase_mails(connection, tenant_id, [*signups, *await _procedures(connection, tenant_id, customer_id)])
    people = {user.person_id for user in users if user.person_id is not None}
    recipients = {recipient for user in users for recipient in (user.mail_address, user.mobile_number) if recipient}
    await erase_account_mails(connection, tenant_id, people, recipients=recipients)


async def _empty(connection: AsyncConnection, tenant_id: str, customer_id: str, now: datetime) -> Row[Any]:
    """The number, the amounts and the dates stay."""
    nothing = dict.fromkeys(("memo1", "memo2", "memo3", "department", "position"))
    blank = dict.fromkeys(
        (
            *("company_name", "last_name", "first_name", "mail_address"),
            *("postal_code", "prefecture", "address", "phone_number"),
        ),
        "",
    )
    gone = await connection.execute(
        update(Customer)
        .where(Customer.tenant_id == tenant_id, Customer.customer_id == customer_id)
        .values(deleted_at=now, version=Customer.version + 1, extra={}, **nothing, **blank)
        .returning(Customer.application_number)
    )
    return gone.one()


async def _empty_what_it_had(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    emptied: dict[type[Contract | Utm | Shipment | ReturnKit | RemoteSupport | Viewer], dict[str, Any]] = {
        Contract: {"memo1": None, "memo2": None, "memo3": None, "destination": None},
        Utm: {"name": ""},
        Shipment: {"destination": NOWHERE},
        RemoteSupport: {"asked_by": "", "reason": ""},
        Viewer: {**dict.fromkeys(("name", "mail_address", "pc_name", "pc_digest"), ""), **_NO_ACCESS},
        ReturnKit: {"utm_name": "", "postal_code": "", "address": ""},
    }
    for table, values in emptied.items():
        mine = (table.tenant_id == tenant_id, table.customer_id == customer_id)
        await connection.execute(update(table).where(*mine).values(**values))


async def _empty_restarts(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    """Nobody knows what its devices have said in words of their own."""
    devices = select(Utm.registration_id).where(Utm.tenant_id == tenant_id, Utm.customer_id == customer_id)
    await connection.execute(
        update(Restart).where(Restart.tenant_id == tenant_id, Restart.registration_id.in_(devices)).values(detail=None)
    )


async def _erase_restart_mails(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    """A UTM's restarts are one procedure, whosever it is: what they wrote of it while it was this customer's."""
    named = literal(Identity.of(ProcedureKind.RESTART, tenant_id, "").procedure_id) + Utm.utm_id
    mine = (Utm.tenant_id == tenant_id, Utm.customer_id == customer_id)
    while_mine = Mail.queued_at.between(Utm.created_at, func.coalesce(Utm.deleted_at, Mail.queued_at))
    await connection.execute(
        emptied_mails(tenant_id).where(
            # Implied by the next line; without it Postgres reads every mail of the tenant: no index serves `between`.
            Mail.procedure_id.in_(select(named).where(*mine)),
            exists().where(*mine, named == Mail.procedure_id, while_mine),
        )
    )


async def _empty_additions(connection: AsyncConnection, tenant_id: str, customer_id: str) -> list[str]:
    """The quantities stay. What is still undecided has been sent while the deletion was under way, and ends with it.

    Returns their numbers.
    """
    quantity = func.jsonb_build_object("quantity", UtmAddition.destination["quantity"])
    undecided = UtmAddition.state == AdditionState.UNAPPROVED
    emptied = await connection.execute(
        update(UtmAddition)
        .where(UtmAddition.tenant_id == tenant_id, UtmAddition.customer_id == customer_id)
        .values(
            **dict.fromkeys(("last_name", "first_name", "mail_address"), ""),
            destination=cast(dict.fromkeys(UtmDestination.model_fields, ""), JSONB).concat(quantity),
            state=case((undecided, AdditionState.ENDED), else_=UtmAddition.state),
        )
        .returning(UtmAddition.application_number)
    )
    return [*emptied.scalars()]


async def _empty_approvals(connection: AsyncConnection, tenant_id: str, customer_id: str) -> None:
    """What was decided and when stays; who asked, who decided and why does not."""
    mine = (Approval.tenant_id == tenant_id, Approval.customer_id == customer_id)
    emptied = await connection.execute(
        update(Approval)
        .where(*mine)
        .values(
            asked_by="", asked_for="", reason="", requesters=[], escalation=[], decided_by=None, decision_reason=None
        )
        .returning(Approval.approval_id)
    )
    await connection.execute(
        update(Approver)
        .where(Approver.tenant_id == tenant_id, Approver.approval_id.in_(emptied.scalars().all()))
        .values(
            mail_address=literal(f"{ERASED}:") + Approver.link_id,  # still another one for each
            name=None,
            reason=None,
            decided_from=None,
        )
    )
    await connection.execute(
        delete(Administrator).where(Administrator.tenant_id == tenant_id, Administrator.customer_id == customer_id)
    )


async def _procedures(connection: AsyncConnection, tenant_id: str, customer_id: str) -> list[str]:
    """But for restarts, which may have been another's before."""
    found = await connection.execute(
        select(Procedure.procedure_id).where(
            Procedure.tenant_id == tenant_id,
            Procedure.customer_id == customer_id,
            Procedure.kind != ProcedureKind.RESTART,
        )
    )
    return [*found.scalars()]


async def _erase_application(connection: AsyncConnection, tenant_id: str, number: str) -> list[str]:
    """The number, the dates and the quantities stay; whoever stood in it does not.

    Returns the number, and the ids of the invitations that led to it.
    """
    found = await connection.execute(
        select(ServiceApplication.utm_destinations).where(
            ServiceApplication.tenant_id == tenant_id, ServiceApplication.application_number == number
        )
    )
    destinations = [
        {**dict.fromkeys(destination, ""), "quantity": destination["quantity"]} for destination in found.scalar_one()
    ]
    await connection.execute(
        update(ServiceApplication)
        .where(ServiceApplication.tenant_id == tenant_id, ServiceApplication.application_number == number)
        .values(
            company_name=ERASED,
            company=dict.fromkeys(Company.model_fields, ""),
            utm_destinations=destinations,
            portal_users=[],
            extra={},
            memo1=None,
            memo2=None,
            memo3=None,
        )
    )
    application = Identity.of(ProcedureKind.SERVICE_APPLICATION, tenant_id, number)
    invited = await connection.execute(
        update(PersonalInvitation)
        .where(PersonalInvitation.tenant_id == tenant_id, PersonalInvitation.application_number == number)
        .values(mail_address=ERASED, name=None)
        .returning(PersonalInvitation.invitation_id)
    )
    invitation_ids = [*invited.scalars()]
    invitations = [Identity.of(ProcedureKind.PERSONAL_INVITATION, tenant_id, found) for found in invitation_ids]
    await erase_mails(connection, tenant_id, [one.procedure_id for one in (application, *invitations)])
    return [number, *invitation_ids]
