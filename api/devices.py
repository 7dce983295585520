"""What UTMs say and ask of themselves (UTM-06): heartbeats, polls for commands, and what became of those.

Devices need no `Idempotency-Key`: a heartbeat twice is a heartbeat, and a command's result counts once by command and
state. Only for one that sends a key all the same a first answer is stored, which thousands would have to pay for.
"""

import asyncio
from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Row, select

from api.context import Context, Shared
from api.device_authentication import Device, ShownToken, UtmDevice
from api.device_desk import DeviceDesk, desk
from api.device_input import HeartbeatInput, ResultInput
from api.device_results import deliver_result
from api.doorbell import Line
from api.idempotency import PostedRequest
from api.rate_limits import Limiter
from models.command_offers import OfferedCommand as Offered
from models.device_vocabulary import DeviceCommandKind
from models.identifiers import Draw
from models.refusals import NotFound
from models.tables.devices import DeviceCommand

router = APIRouter(prefix="/v1/device", tags=["UTM devices"])
LONGEST_WAIT_SECONDS = 60
_SHORT_WAIT_SECONDS = 10

Desk = Annotated[DeviceDesk, Depends(desk)]
Wait = Annotated[int, Query(ge=0, le=LONGEST_WAIT_SECONDS, description="Seconds to wait for a command, at most.")]


class Heard(BaseModel):
    now: datetime
    clock_skew_seconds: float | None = Field(None, description="By how much the device's clock is ahead of ours.")


class Command(BaseModel):
    command_id: str
    kind: DeviceCommandKind
    issued_at: datetime


class Commands(BaseModel):
    commands: list[Command]


class Result(BaseModel):
    command_id: str
    state: Literal["started", "succeeded", "failed"]


@router.post("/heartbeat", response_model=Heard)
async def heartbeat(
    body: HeartbeatInput, token: ShownToken, desk: Desk, limiter: Limiter, posted: PostedRequest
) -> Response:
    """The device lives. It is `online` until five minutes after its last heartbeat, a repeated one too."""
    await limiter.take("heartbeat_per_device", token.token_digest)
    now = await desk.heard(token, version=body.version, ip_address=body.ip_address)
    once = await posted.by(f"device:{token.token_digest}")
    skew = None if body.device_time is None else round((body.device_time - now).total_seconds(), 3)
    return await once.answer(Heard(now=now, clock_skew_seconds=skew), exclude_none=True)


@router.get("/commands")
async def commands(request: Request, token: ShownToken, desk: Desk, limiter: Limiter, wait: Wait = 0) -> Commands:
    """What the device is to do now; with `wait`, as soon as there is something, or nothing after about so many seconds.

    A command comes again until the device has reported that it started: it acts once by `command_id`.
    """
    await limiter.take("poll_per_device", token.token_digest)
    with desk.doorbell.line(token.tenant_id) as line:
        found = await _found(request, token, desk, line, wait)
    return Commands(commands=[Command.model_validate(vars(command)) for command in found])


@router.post("/commands/{command_id}/result", response_model=Result)
async def report(
    command_id: str,
    body: ResultInput,
    context: Shared,
    device: Device,
    limiter: Limiter,
    posted: PostedRequest,
) -> Response:
    """Tell what becomes of a command. The same report again is answered alike; one that comes too late is refused."""
    await limiter.take("result_per_device", device.row.registration_id)
    once = await posted.by(device.as_sender)
    command = await _command(context, device, command_id)
    await deliver_result(context, device.row, command, body)
    return await once.answer(Result(command_id=command_id, state=body.state))


async def _found(request: Request, token: ShownToken, desk: DeviceDesk, line: Line, wait: float) -> list[Offered]:
    """What there is at the first look after which there is something, or when the time is over."""
    loop = asyncio.get_running_loop()
    until = loop.time() + not_all_at_once(wait)
    hanging_up: asyncio.Task[None] | None = None
    try:
        while True:
            look = await desk.look(token)
            line.narrow(look.offers.registration_id)
            seconds = until - loop.time()
            if look.offers.commands or seconds <= 0 or desk.doorbell.is_closed:
                return look.offers.commands
            if look.offers.next_at is not None:
                seconds = min(seconds, (look.offers.next_at - look.at).total_seconds())
            hanging_up = hanging_up or asyncio.create_task(_hang_up(request, line))
            has_rung = await line.rung(seconds)
            if hanging_up.done() or desk.doorbell.is_closed or (not has_rung and loop.time() >= until):
                return []
    finally:
        if hanging_up is not None:
            hanging_up.cancel()


def not_all_at_once(seconds: float) -> float:
    """So long, or up to 15 of 100 less of what is beyond ten seconds.

    Thousands who were held up together, by a restart of this process for one, would come back together for ever.
    """
    return seconds - max(0, seconds - _SHORT_WAIT_SECONDS) * Draw().below(150) / 1000


async def _hang_up(request: Request, line: Line) -> None:
    """Rings when the device has gone away: nobody is to be told anything then."""
    while (await request.receive())["type"] != "http.disconnect":
        pass
    line.bell.set()


async def _command(context: Context, device: UtmDevice, command_id: str) -> Row[Any]:
    """Raises: NotFound: there is no such command, or it is another device's."""
    async with context.database.transaction(device.row.tenant_id) as connection:
        found = await connection.execute(
            select(DeviceCommand.__table__).where(
                DeviceCommand.tenant_id == device.row.tenant_id,
                DeviceCommand.registration_id == device.row.registration_id,
                DeviceCommand.command_id == command_id,
            )
        )
        row: Row[Any] | None = found.first()
    if row is None:
        raise NotFound
    return row
