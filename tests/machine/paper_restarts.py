"""The restarts of one UTM, and a contract, on paper."""

from dataclasses import dataclass
from datetime import date, datetime, time

from tests.contracts_model.plain import MIDNIGHT, MORNING, PlainContract
from tests.machine.paper import DAY, JST, MINUTE, Offer, Page

_CONFIRMED_WITHIN = 15 * MINUTE


@dataclass
class Slot:
    at: datetime
    is_taken: bool = False
    """The device has it already."""

    def take(self) -> None:
        self.is_taken = True


class Restarts(Page):
    def __init__(self, procedure_id: str, *, customer: str) -> None:
        super().__init__(procedure_id, "none")
        self.scheduled: Slot | None = None
        self.is_taken = False
        """The device has been told of the one under way."""
        self.was_scheduled = False
        self._since: datetime | None = None
        self._customer = [customer]
        self._until: datetime | None = None

    @property
    def is_under_way(self) -> bool:
        return self._until is not None

    @property
    def due(self) -> datetime | None:
        return self._until or (self.scheduled.at if self.scheduled else None)

    def happen(self, at: datetime) -> None:
        if self.is_under_way:
            self._fail(at)
            return
        slot, self.scheduled = self.scheduled, None
        self.write(at, "restart_slot_reached", state="requested")
        self._begin(at, since=slot.at if slot else at, was_scheduled=True)
        self.is_taken = bool(slot and slot.is_taken)

    def schedule(self, slot: datetime, at: datetime) -> bool:
        if self.scheduled and self.scheduled.is_taken:
            return False
        self.scheduled = Slot(slot)
        self.write(at, "restart_scheduled", state=None if self.is_under_way else "scheduled")
        self.mail("utm_restart_scheduled", self._customer)
        return True

    def at_once(self, at: datetime, *, is_online: bool) -> str:
        """What it is answered: the code of the refusal, or `ok`."""
        if self.is_under_way:
            return "restart_in_progress"
        if not is_online:
            return "utm_offline"
        self.write(at, "restart_requested", state="requested")
        self._begin(at, since=at, was_scheduled=False)
        return "ok"

    def cancel(self, at: datetime) -> bool:
        if self.scheduled is None or self.scheduled.is_taken:
            return False
        self.scheduled = None
        self.write(at, "restart_cancelled", state=None if self.is_under_way else "cancelled")
        self.mail("utm_restart_cancelled", self._customer)
        return True

    @property
    def is_busy(self) -> bool:
        return self.state == "in_progress"

    def offers(self, at: datetime) -> list[Offer]:
        """Also one whose slot comes while another is under way."""
        found = [Offer(self._since, "restart", self._take)] if self._since and self.state == "requested" else []
        slot = self.scheduled
        if slot and slot.at <= at < slot.at + _CONFIRMED_WITHIN:
            found.append(Offer(slot.at, "restart", slot.take))
        return found

    def report(self, said: str, at: datetime) -> bool:
        if not self.is_under_way:
            return False
        if said == "started":
            if self.state != "requested":
                return False
            self.write(at, "restart_in_progress", state="in_progress")
            self._until = at + _CONFIRMED_WITHIN
        elif said == "succeeded":
            self.write(at, "restart_succeeded")
            self._end("succeeded", at)
        else:
            self._fail(at)
        return True

    def _begin(self, at: datetime, *, since: datetime, was_scheduled: bool) -> None:
        self._since, self.was_scheduled, self.is_taken = since, was_scheduled, False
        self._until = at + _CONFIRMED_WITHIN

    def _take(self) -> None:
        self.is_taken = True

    def _fail(self, at: datetime) -> None:
        self.write(at, "restart_failed")
        if self.was_scheduled:
            self.mail("utm_restart_failed", self._customer)
        self._end("failed", at)

    def _end(self, state: str, at: datetime) -> None:
        self._until = self._since = None
        self.state = "scheduled" if self.scheduled else state
        if self.scheduled and self.scheduled.at <= at:
            self.happen(at)


class Contract(Page):
    """The paper calendar of `tests/contracts_model`, in the tenant's own time."""

    def __init__(self, procedure_id: str, at: datetime, *, plain: PlainContract, notified: str) -> None:
        super().__init__(procedure_id, "active")
        self.number = procedure_id[-11:]
        self.plain = plain
        self._notified = notified
        self._lived_until = local(at)
        plain.apply(local(at).date())

    @property
    def landmark(self) -> datetime:
        """The next day on which something turns."""
        today = self._lived_until.date()
        days = [self.plain.ends + DAY]
        if self.plain.cancelled_for:
            days += [
                self.plain.cancelled_for + DAY,
                (self.plain.cancelled_for.replace(day=1) + 31 * DAY).replace(day=1),
            ]
        return instant(min((day for day in days if day > today), default=today + 30 * DAY), MIDNIGHT)

    def live(self, until: datetime) -> None:
        if local(until) > self._lived_until:
            self.plain.live(self._lived_until, local(until))
            self._lived_until = local(until)
        self.mails.clear()
        for mail in self.plain.mails:
            self.mail(mail.template, [self._notified])

    @property
    def terms(self) -> tuple[str, date | None, bool, int, date]:
        plain = self.plain
        return plain.status, plain.cancelled_for, plain.has_ended, plain.term, plain.ends


def next_turn(now: datetime) -> datetime:
    """The next midnight or morning, when calendars turn."""
    day = local(now).date()
    turns = [instant(day + days * DAY, at) for days in (0, 1) for at in (MIDNIGHT, MORNING)]
    return min(turn for turn in turns if turn > now)


def local(at: datetime) -> datetime:
    return at.astimezone(JST).replace(tzinfo=None)


def instant(day: date, at: time) -> datetime:
    return datetime.combine(day, at, tzinfo=JST)


def slot_after(now: datetime, ahead: int) -> datetime:
    """The so-manieth full quarter of an hour from now."""
    quarter = int(now.timestamp() // 900) + ahead
    return datetime.fromtimestamp(quarter * 900, now.tzinfo)
