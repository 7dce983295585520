"""What a device says of a command, handed to the procedure that gave it."""

from typing import Any

from sqlalchemy import Row

from activities.restart_rows import restarts_of
from api.commands import ProcedureGoneError
from api.context import Context
from api.device_input import ResultInput
from api.device_sessions import deliver_session_result
from models.device_vocabulary import DeviceCommandKind, DeviceCommandState
from models.messages.restart_steps import ReportRestart
from models.refusals import WrongState
from workflows.restart import Restart


async def deliver_result(context: Context, device: Row[Any], command: Row[Any], result: ResultInput) -> None:
    """The same result twice is taken alike.

    Raises:
        WrongState: it is over: given up, or taken back.
        InvalidInput: a session that has started without saying how it is called.
    """
    state = DeviceCommandState(result.state)
    if command.state == state:
        return
    try:
        if command.kind == DeviceCommandKind.RESTART:
            await _deliver_restart(context, device, command, result)
        else:
            await deliver_session_result(context, device, command, result)
    except ProcedureGoneError:
        raise WrongState(state=command.state) from None


async def _deliver_restart(context: Context, device: Row[Any], command: Row[Any], result: ResultInput) -> None:
    report = ReportRestart(
        command_id=f"{command.command_id}-{result.state}",
        actor=f"device:{device.utm_id}",
        restart_id=command.command_id,
        registration_id=device.registration_id,
        state=DeviceCommandState(result.state),
        detail=result.detail,
    )
    await context.commands.send(restarts_of(device), Restart.report, report)
