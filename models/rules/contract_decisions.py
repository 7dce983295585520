"""Which commands a contract is open to, and how it refuses the others (CON-08, CAN-06, CAN-07, UND-01)."""

from dataclasses import dataclass
from datetime import date, datetime
from zoneinfo import ZoneInfo

from models.refusals import AlreadyCancelled, CancellationOver, Refusal, UndoNotOffered, UndoWindowClosed, WrongState
from models.rules.cancellation import service_ends_at, undo_deadline
from models.vocabulary import ContractCommand, ContractStatus


@dataclass(frozen=True)
class Standing:
    """What a decision about a contract looks at; `cancellation_date` where it is cancelled."""

    status: ContractStatus
    zone: str
    includes_utm: bool
    cancellation_date: date | None = None


def refusal_of(command: ContractCommand, standing: Standing, now: datetime) -> Refusal | None:
    """Why the contract refuses the command at this instant; None when it takes it.

    A command is judged by the clock, not by what a timer has already done: at the very deadline it is too late.
    """
    wanted = ContractStatus.ACTIVE if command in _ON_ACTIVE else ContractStatus.CANCELLED
    if standing.status is not wanted or (wanted is ContractStatus.CANCELLED and standing.cancellation_date is None):
        return _wrong_state(command, standing)
    match command, standing.cancellation_date:
        case ContractCommand.RESCHEDULE, date() as day if now >= service_ends_at(day, standing.zone):
            return CancellationOver(state=standing.status, facts=_told(day))
        case ContractCommand.UNDO, date() if not standing.includes_utm:
            return UndoNotOffered(state=standing.status)
        case ContractCommand.UNDO, date() as day if now >= (deadline := undo_deadline(day, standing.zone)):
            shown = deadline.astimezone(ZoneInfo(standing.zone)).isoformat()
            return UndoWindowClosed(state=standing.status, facts={**_told(day), "undo_deadline": shown})
    return None


_ON_ACTIVE = (ContractCommand.CHANGE, ContractCommand.CANCEL)


def _wrong_state(command: ContractCommand, standing: Standing) -> Refusal:
    day = standing.cancellation_date
    if command is ContractCommand.CANCEL and standing.status is ContractStatus.CANCELLED and day:
        return AlreadyCancelled(state=standing.status, facts=_told(day))
    return WrongState(state=standing.status)


def _told(cancellation_date: date) -> dict[str, str]:
    return {"cancellation_date": cancellation_date.isoformat()}
