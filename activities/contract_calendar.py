"""What the calendar brings to a contract, done within a step's transaction (CON-04, CON-05, CAN-05, UND-01)."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection

from activities import contract_letters as letters
from activities.contract_letters import post
from activities.contract_rows import change_contract
from models.contracts import PORTAL_CLOSES, UNDO_CLOSES, Coming, last_day_of
from models.messages.procedure import Step
from models.rules.contract_agenda import Due, Event, notice_name
from models.rules.contract_terms import Term
from models.vocabulary import ContractErrand, ContractStatus

HAPPENED: dict[str, str] = {
    Event.START: "contract_started",
    Event.RENEWAL: "contract_renewed",
    Event.EXPIRY: "contract_expired",
    Event.END: "contract_ended",
    Event.NOTICE: "renewal_notice_sent",
    UNDO_CLOSES: "undo_window_closed",
    PORTAL_CLOSES: "portal_days_over",
}
"""What the timeline says of each once it has been."""


async def reach(connection: AsyncConnection, message: Step, contract: Row[Any], one: Coming) -> Row[Any]:
    """Do what is due, and give the contract as it then is."""
    match one.what:
        case Event.RENEWAL if one.renewed:
            return await renew(connection, contract, one.renewed)
        case Event.NOTICE if one.renewed:
            await post_notice(connection, message, contract, one.at, renewed=one.renewed)
        case Event.EXPIRY:
            return await change_contract(connection, contract, status=ContractStatus.EXPIRED, ended_at=one.at)
        case Event.END:
            return await change_contract(connection, contract, ended_at=one.at)
    return contract


async def renew(connection: AsyncConnection, contract: Row[Any], renewed: Term) -> Row[Any]:
    return await change_contract(connection, contract, term_number=renewed.number, term_end_date=renewed.last_day)


async def post_notice(
    connection: AsyncConnection, message: Step, contract: Row[Any], due_at: datetime, *, renewed: Term
) -> None:
    """Each notice goes out once, ever: one that an undo makes up for is the one of its day."""
    step = notice_name(renewed, due_at)
    await post(connection, message, lambda to: letters.renewal_notice(contract, renewed, to), step=step)


async def make_up(connection: AsyncConnection, message: Step, contract: Row[Any], notice: Due | None) -> None:
    """Send at once the notice that had fallen away, if one had (UND-06)."""
    if notice is not None and notice.renewed is not None:
        await post_notice(connection, message, contract, notice.at, renewed=notice.renewed)


def left_by(contract: Row[Any], due: Sequence[Coming]) -> dict[str, Any]:
    """What the workflow goes on with after what was due: whether a term began, and errands for other procedures."""
    events = {one.what for one in due}
    ended = contract.includes_utm and events & {Event.END, Event.EXPIRY}
    stop = (ContractErrand.STOP_SHIPMENT,) if ended and contract.shipping_required else ()
    kits = (ContractErrand.BEGIN_RETURN_KITS,) if ended else ()
    return {
        "renewed": Event.RENEWAL in events,
        "mails": Event.NOTICE in events,
        "errands": (*stop, *kits),
        "errands_day": last_day_of(contract),
        "portal_closed": PORTAL_CLOSES in events,
    }
