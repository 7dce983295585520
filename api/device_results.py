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


async def deliver_result(context: Context, device: Row[Any], command: Row[Any], state: DeviceCommandState) -> None:
    """The same result twice is taken alike.

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
    )
    try:
        await context.commands.send(restarts_of(device), Restart.report, report)
    except ProcedureGoneError:
        raise WrongState(state=command.state) from None
