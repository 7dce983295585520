"""Remote-support sessions as devices tell of them (RSA-03, RSA-04, RSA-06).

What names a session goes sealed into its row here, before its procedure hears that there is one; the procedure is told
ids and states only.
"""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import Row, select

from activities.remote_support_rows import identity_of
from api.commands import ProcedureGoneError, parts_of_a_whole
from api.context import Context, Shared
from api.device_authentication import Device
from api.device_input import ResultInput, SessionInput
from api.idempotency import Once, PostedRequest
from api.rate_limits import Limiter
from api.remote_support import begin, identity_of_row
from models import session_credentials
from models.device_vocabulary import (
    DeviceCommandKind,
    DeviceCommandState,
    RemoteSupportEnd,
    RemoteSupportState,
)
from models.messages.procedure import Identity
from models.messages.remote_support_steps import EndRemoteSupport, RemoteSupportStart, ReportRemoteSupport
from models.refusals import FieldError, InvalidInput, NotFound
from models.session_credentials import SessionCredentials
from models.tables.devices import RemoteSupport as Sessions
from models.vocabulary import ProcedureKind
from workflows.remote_support import RemoteSupport

router = APIRouter(prefix="/v1/device/remote-support", tags=["UTM devices"])


class Session(BaseModel):
    request_id: str
    state: RemoteSupportState


@router.post("", status_code=201, response_model=Session)
async def begin_by_hand(
    body: SessionInput, context: Shared, device: Device, limiter: Limiter, posted: PostedRequest
) -> Response:
    """Somebody on site has begun a session: nobody is asked, both sides are mailed, and it is logged (RSA-06)."""
    await limiter.take("result_per_device", device.row.registration_id)
    once = await posted.by(device.as_sender)
    tenant_id = device.row.tenant_id
    request_id = once.draw().remote_support_number()
    # Begun by a report that did not come to its end, it goes on with its repetition, also by who gives no key.
    begun_before = await _starting_by_hand(context, device.row)
    if begun_before in (None, request_id):
        await _begin(context, device, body, once, request_id)
    else:
        request_id = begun_before
    await _keep(context, tenant_id, request_id, body.credentials)  # not at a repetition: the report is, then
    report = ReportRemoteSupport(
        command_id=f"{request_id}-succeeded",
        actor=device.actor,
        device_command_id=request_id,
        state=DeviceCommandState.SUCCEEDED,
    )
    identity = identity_of(tenant_id, request_id, device.row.customer_id)
    standing = await context.commands.send(identity, RemoteSupport.report, report)
    return await once.answer(Session(request_id=request_id, state=standing.state), status=201)


async def _begin(context: Context, device: Device, body: SessionInput, once: Once, request_id: str) -> None:
    """Raises: Unavailable: it is not there yet, and nobody knows its credentials before it is."""
    start = RemoteSupportStart(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor=device.actor,
        identity=identity_of(device.row.tenant_id, request_id, device.row.customer_id),
        registration_id=device.row.registration_id,
        is_manual=True,
        asked_by=body.started_by or "",
        duration_minutes=context.settings.durations.remote_support_session // timedelta(minutes=1),
    )
    with parts_of_a_whole():
        await begin(context, start, device.row)


async def _starting_by_hand(context: Context, device: Row[Any]) -> str | None:
    """The session begun at the device whose procedure does not know yet that it runs."""
    async with context.database.transaction(device.tenant_id) as connection:
        request_id: str | None = await connection.scalar(
            select(Sessions.request_id).where(
                Sessions.tenant_id == device.tenant_id,
                Sessions.registration_id == device.registration_id,
                Sessions.state == RemoteSupportState.STARTING,
                Sessions.command_id == Sessions.request_id,  # nobody has told the device to
            )
        )
    return request_id


@router.post("/end", response_model=Session)
async def end(context: Shared, device: Device, limiter: Limiter, posted: PostedRequest) -> Response:
    """The session at the device is over, whoever had begun it.

    Raises:
        NotFound: none was running.
    """
    await limiter.take("result_per_device", device.row.registration_id)
    once = await posted.by(device.as_sender)
    async with context.database.transaction(device.row.tenant_id) as connection:
        found = await connection.execute(
            select(Sessions.__table__).where(
                Sessions.tenant_id == device.row.tenant_id,
                Sessions.registration_id == device.row.registration_id,
                Sessions.state == RemoteSupportState.RUNNING,
            )
        )
        row: Row[Any] | None = found.first()
    if row is None:
        raise NotFound
    command = EndRemoteSupport(
        command_id=once.command_id, fingerprint=once.fingerprint, actor=device.actor, by=RemoteSupportEnd.DEVICE
    )
    try:
        standing = await context.commands.send(identity_of_row(row), RemoteSupport.end, command)
    except ProcedureGoneError:
        raise NotFound from None
    return await once.answer(Session(request_id=row.request_id, state=standing.state))


async def deliver_session_result(context: Context, device: Row[Any], command: Row[Any], result: ResultInput) -> None:
    """Raises: WrongState, InvalidInput: as `deliver_result`. ProcedureGoneError."""
    starts = command.kind == DeviceCommandKind.REMOTE_SUPPORT_START
    state = DeviceCommandState(result.state)
    if starts and state is DeviceCommandState.SUCCEEDED:
        if result.credentials is None:
            missing = [name for name in ("session_id", "password") if getattr(result, name) is None]
            raise InvalidInput(errors=[FieldError(name, "required") for name in missing])
        # Not at a repetition; and what comes too late its procedure refuses.
        await _keep(context, device.tenant_id, command.command_id, result.credentials)
    report = ReportRemoteSupport(
        command_id=f"{command.command_id}-{result.state}",
        actor=f"device:{device.utm_id}",
        device_command_id=command.command_id,
        state=state,
    )
    identity = Identity(
        tenant_id=device.tenant_id,
        procedure_id=command.procedure_id,
        kind=ProcedureKind.REMOTE_SUPPORT,
        subject=command.command_id,
    )
    await context.commands.send(identity, RemoteSupport.report, report)


async def _keep(context: Context, tenant_id: str, command_id: str, credentials: SessionCredentials) -> None:
    """As long as somebody waits for that session."""
    cipher = context.settings.session_cipher()
    async with context.database.transaction(tenant_id) as connection:
        await session_credentials.keep(connection, cipher, tenant_id, command_id=command_id, credentials=credentials)
