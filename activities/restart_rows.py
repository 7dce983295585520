"""The rows of restarts: moved on under a condition, and told to the device, the customer and the procedure's page."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Row, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from mail_templates.wording import moment, restart_failure
from models import outbox, procedures
from models.device_vocabulary import RestartReason, RestartState
from models.durations import Durations
from models.messages.procedure import Identity
from models.messages.restart_steps import OpenRestart, RestartStanding, RestartStart, RestartStep
from models.outbox import Letter, Posting
from models.procedures import Beginning, Standing
from models.refusals import NotFound
from models.tables.customers import Customer
from models.tables.devices import DeviceCommand, Restart
from models.tables.utms import Utm
from models.vocabulary import Language, Mail, ProcedureKind

UNDER_WAY = (RestartState.REQUESTED, RestartState.IN_PROGRESS)
OPEN = (RestartState.SCHEDULED, *UNDER_WAY)


@dataclass(frozen=True)
class Device:
    row: Row[Any]
    company_name: str


def restarts_of(utm: Row[Any]) -> Identity:
    """The procedure of a UTM's restarts."""
    return Identity.of(ProcedureKind.RESTART, utm.tenant_id, utm.utm_id, utm.customer_id)


async def device(connection: AsyncConnection, tenant_id: str, registration_id: str) -> Device:
    """Raises: NotFound: it has been deleted (UTM-04)."""
    found = await connection.execute(
        select(Utm.__table__, Customer.company_name)
        .join(Customer, (Customer.tenant_id == Utm.tenant_id) & (Customer.customer_id == Utm.customer_id))
        .where(Utm.tenant_id == tenant_id, Utm.registration_id == registration_id, Utm.deleted_at.is_(None))
    )
    row = found.first()
    if row is None:
        raise NotFound
    return Device(row, row.company_name)


async def present_registration(connection: AsyncConnection, start: RestartStart) -> str:
    """The UTM's; while it has none, the one that the procedure goes by."""
    found = await connection.scalar(
        select(Utm.registration_id).where(
            Utm.tenant_id == start.identity.tenant_id, Utm.utm_id == start.identity.subject, Utm.deleted_at.is_(None)
        )
    )
    return found or start.registration_id


async def hold(connection: AsyncConnection, step: RestartStep, state: RestartState) -> bool:
    """Whether it is in that state, and stays so until the transaction ends, unless that moves it."""
    held = await connection.execute(
        select(Restart.restart_id)
        .where(
            Restart.tenant_id == step.identity.tenant_id,
            Restart.restart_id == step.restart_id,
            Restart.registration_id == step.registration_id,
            Restart.state == state,
        )
        .with_for_update()
    )
    return held.first() is not None


async def move(
    connection: AsyncConnection,
    step: RestartStep,
    before: tuple[RestartState, ...],
    state: RestartState,
    **values: object,
) -> Row[Any] | None:
    """None: it no longer is in one of the states that it may be in before."""
    moved = await connection.execute(
        update(Restart)
        .where(
            Restart.tenant_id == step.identity.tenant_id,
            Restart.restart_id == step.restart_id,
            Restart.registration_id == step.registration_id,
            Restart.state.in_(before),
        )
        .values(state=state, **values)
        .returning(Restart.__table__)
    )
    row: Row[Any] | None = moved.first()
    return row


async def tell_customer(
    connection: AsyncConnection, step: RestartStep, mail: Mail, told: Device, restart: Row[Any]
) -> None:
    """One mail to each of the customer's alert addresses (RST-03, RST-04, RST-05, RST-07)."""
    tenant = await tenant_row(connection, step.identity.tenant_id)
    language = Language(tenant.language)
    values = {
        "CompanyName": told.company_name,
        "UTMName": told.row.name,
        "UTMID": told.row.utm_id,
        "RestartAt": moment(restart.at, tenant.time_zone, language),
    }
    if mail is Mail.UTM_RESTART_FAILED:
        values["FailureReason"] = restart_failure(RestartReason(restart.reason), restart.detail, language)
    posting = Posting(tenant_id=tenant.tenant_id, procedure_id=step.identity.procedure_id, step=step.step, at=step.at)
    addresses = told.row.customer_addresses
    letters = [Letter(mail=mail, recipient=address, language=language, values=values) for address in addresses]
    await outbox.post(connection, posting, letters)


async def tell_failure(connection: AsyncConnection, step: RestartStep, restart: Row[Any]) -> bool:
    """Whoever was told of the slot hears that nothing came of it; who asks for one at once looks at the status."""
    if not restart.is_scheduled:
        return False
    told = await device(connection, step.identity.tenant_id, step.registration_id)
    await tell_customer(connection, step, Mail.UTM_RESTART_FAILED, told, restart)
    return True


async def standing(
    connection: AsyncConnection, tenant_id: str, registration_id: str, durations: Durations
) -> dict[str, OpenRestart | None]:
    """What is open at the UTM: what is scheduled, and what is under way."""
    rows = await connection.execute(
        select(Restart.__table__, DeviceCommand.offer_until)
        .outerjoin(
            DeviceCommand,
            (DeviceCommand.tenant_id == Restart.tenant_id) & (DeviceCommand.command_id == Restart.restart_id),
        )
        .where(Restart.tenant_id == tenant_id, Restart.registration_id == registration_id, Restart.state.in_(OPEN))
        .order_by(Restart.at)
    )
    found: dict[str, OpenRestart | None] = {"scheduled": None, "current": None}
    for row in rows:
        due_at = {
            RestartState.SCHEDULED: row.at,
            RestartState.REQUESTED: row.offer_until,
            RestartState.IN_PROGRESS: (row.begun_at or row.at) + durations.restart_result,
        }[RestartState(row.state)]
        name = "scheduled" if row.state == RestartState.SCHEDULED else "current"
        found[name] = OpenRestart(
            restart_id=row.restart_id,
            state=RestartState(row.state),
            due_at=due_at,
            missed_at=row.at + durations.restart_lateness,
        )
    return found


async def show(
    connection: AsyncConnection, step: RestartStep, row: Row[Any] | None, durations: Durations
) -> RestartStanding:
    """The procedure's page, and the answer: what became of `row`, and what is open now."""
    identity = step.identity
    found = await standing(connection, identity.tenant_id, step.registration_id, durations)
    current, scheduled = found["current"], found["scheduled"]
    foremost = current or scheduled
    last = RestartState(row.state) if row is not None else RestartState.CANCELLED
    upcoming = [(current.due_at, "give_up_restart")] if current else []
    upcoming += [(scheduled.due_at, "restart")] if scheduled else []
    await procedures.show(
        connection,
        identity.tenant_id,
        identity.procedure_id,
        Standing(
            state=foremost.state if foremost else last,
            waiting_for=waiting_for(foremost),
            upcoming=upcoming,
            ended_at=None if foremost else step.at,
        ),
    )
    return RestartStanding(
        state=last,
        restart_id=step.restart_id,
        at=row.at if row is not None else None,
        reason=RestartReason(row.reason) if row is not None and row.reason else None,
        scheduled=scheduled,
        current=current,
    )


def waiting_for(foremost: OpenRestart | None) -> str | None:
    if foremost is None:
        return None
    return "slot" if foremost.state is RestartState.SCHEDULED else "device"


async def begin(connection: AsyncConnection, step: RestartStep, customer_id: str) -> None:
    """Show the procedure; one that had ended begins anew under its id."""
    identity = step.identity
    beginning = Beginning(
        tenant_id=identity.tenant_id,
        procedure_id=identity.procedure_id,
        kind=ProcedureKind.RESTART,
        subject=identity.subject,
        started_at=step.at,
        customer_id=customer_id,
    )
    await procedures.begin(connection, beginning, Standing(state="starting"))
