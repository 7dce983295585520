"""Whether what a dry run foresaw has come true: each of its lines, against what the product says has happened."""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.demo_cast import Json
from local.demo_narration import minute
from local.demo_office import Office, in_japan
from models.vocabulary import ConsequenceKind as Kind

_SAME = timedelta(minutes=1)
"""A dry run's present moment is some seconds before the act's."""
_IN_TIMELINE = {
    Kind.CANCELLED: "contract_cancelled",
    Kind.ENDS: "contract_ended",
    Kind.UNDO_CLOSES: "undo_window_closed",
    Kind.PORTAL_CLOSES: "portal_days_over",
}


@dataclass(frozen=True)
class Verdict:
    """`came`: what came of it, in words; `is_true`: as foreseen, to the minute."""

    at: str
    foreseen: str
    came: str
    is_true: bool


class Foresight:
    """Of a contract's cancellation. `consequences`: as the dry run told them."""

    def __init__(self, office: Office, number: str, consequences: list[Json]) -> None:
        self._office = office
        self._number = number
        self._consequences = consequences
        self._witnesses: dict[Kind, Callable[[Json], Awaitable[str | None]]] = {
            Kind.MAIL: self._mail,
            Kind.FEE: self._fee,
            Kind.CUSTOMER_CANCELLED: self._status,
            Kind.NO_RENEWAL: self._no_renewal,
            Kind.NOTICE_DROPPED: self._no_notice,
            Kind.KIT_REQUESTED: self._kit,
            Kind.DELETABLE: self._deletable,
        }

    def lines(self) -> list[str]:
        return [f"{minute(one['at'])}  {one['text']}" for one in self._consequences]

    @property
    def last(self) -> datetime:
        return max(datetime.fromisoformat(one["at"]) for one in self._consequences)

    async def verdicts(self) -> list[Verdict]:
        return [await self._verdict(one) for one in self._consequences]

    async def _verdict(self, one: Json) -> Verdict:
        kind = Kind(one["what"])
        if kind in _IN_TIMELINE:
            came = await self._in_timeline(one, f"contract-{self._office.tenant}-{self._number}", _IN_TIMELINE[kind])
        else:
            came = await self._witnesses[kind](one)
        return Verdict(minute(one["at"]), one["text"], came or "did not happen", came is not None)

    # What there is to see of each kind; None when it is not to be seen.

    async def _in_timeline(self, one: Json, procedure_id: str, what: str) -> str | None:
        events = [event for event in await self._office.timeline(procedure_id) if event["what"] == what]
        return next((f"happened {_short(event['at'])}" for event in _at_its_time(events, one, "at")), None)

    async def _mail(self, one: Json) -> str | None:
        told = one["detail"]
        for recipient in told["recipients"]:
            mails = await self._office.mails(told["template"], to=recipient)
            if not list(_at_its_time(mails, one, "queued_at")):
                return None
        return f"mailed {_short(one['at'])}"

    async def _fee(self, one: Json) -> str | None:
        fee = (await self._contract())["fee"]
        return f"{fee:,} yen on the contract" if fee == one["detail"]["amount"] else None

    async def _status(self, one: Json) -> str | None:  # noqa: ARG002 - it has no particulars
        status = (await self._office.of_customer("GET"))["status"]
        return "customer cancelled" if status == "cancelled" else None

    async def _no_renewal(self, one: Json) -> str | None:
        renewed = [event for event in (await self._contract())["timeline"] if event["what"] == "contract_renewed"]
        return None if list(_at_its_time(renewed, one, "at")) else "no renewal"

    async def _no_notice(self, one: Json) -> str | None:
        notices = await self._office.mails("contract_renewal_notice")
        return None if list(_at_its_time(notices, one, "queued_at")) else "no mail"

    async def _kit(self, one: Json) -> str | None:
        [kit] = (await self._office.of_customer("GET", f"/contracts/{self._number}/return-kits"))["items"]
        if (kit["utm_id"], kit["address"]) != (one["detail"]["utm_id"], one["detail"]["address"]):
            return None
        return await self._in_timeline(one, kit["procedure_id"], "return_kit_requested")

    async def _deletable(self, one: Json) -> str | None:
        customer = await self._office.of_customer("GET")
        if customer["deletable_from"] != one["detail"]["deletable_from"] or customer["deletion_blockers"] != ["utm"]:
            return None
        return f"deletable from {customer['deletable_from'][5:]}"

    async def _contract(self) -> Json:
        return await self._office.of_customer("GET", f"/contracts/{self._number}?lang=en")


def _short(instant: str) -> str:
    return f"{in_japan(instant):%m-%d %H:%M}"


def _at_its_time(found: Iterable[Json], one: Json, field: str) -> Iterable[Json]:
    foreseen_at = datetime.fromisoformat(one["at"])
    return (event for event in found if abs(datetime.fromisoformat(event[field]) - foreseen_at) < _SAME)
