"""What a device says of a command, handed to the procedure that gave it."""

from typing import Any

from sqlalchemy import Row

from activities.restart_rows import restarts_of
from api.commands import ProcedureGoneError
from api.context import Context
from models.device_vocabulary import DeviceCommandState
from models.messages.restart_steps import ReportRestart
from models.refusals import WrongState
from workflows.restart import Restart


async def deliver_result(
    context: Context, device: Row[Any], command: Row[Any], state: DeviceCommandState, *, detail: str | None = None
) -> None:
    """The same result twice is taken alike. `detail`: what the device says of it in its own words.

    Raises:
        WrongState: it is over: given up, or taken back.
    """
    if command.state == state:
        return
    report = ReportRestart(
        command_id=f"{command.command_id}-{state}",
        actor=f"device:{device.utm_id}",
        restart_id=command.command_id,
        state=state,
        detail=detail,
    )
    try:
        await context.commands.send(restarts_of(device), Restart.report, report)
    except ProcedureGoneError:
        raise WrongState(state=command.state) from None
