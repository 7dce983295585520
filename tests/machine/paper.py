"""What should happen, kept on paper: plain Python that knows the requirements and nothing of the product but its words.

A page for each procedure: its state, the lines of its log, and the mails that it has posted. `live` turns the days.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
JST = timezone(9 * HOUR)


@dataclass(frozen=True)
class Line:
    """Of the log; the instant before which it must not stand there."""

    what: str
    not_before: datetime


@dataclass(frozen=True)
class Offer:
    """What a device is told, if nothing older is, and it is busy with nothing."""

    since: datetime
    kind: str
    take: Callable[[], None]


class Page:
    """Of one procedure."""

    def __init__(self, procedure_id: str, state: str) -> None:
        self.procedure_id = procedure_id
        self.state = state
        self.log: list[Line] = []
        self.mails = Counter[tuple[str, str]]()
        """Template and recipient."""

    @property
    def due(self) -> datetime | None:
        """When the next thing happens by itself."""
        return None

    @property
    def is_busy(self) -> bool:
        """The device has begun with what it was told."""
        return False

    @property
    def is_over(self) -> bool:
        return self.due is None

    def offers(self, at: datetime) -> list[Offer]:
        """To the device."""
        return []

    def happen(self, at: datetime) -> None:
        """What is due then."""

    def live(self, until: datetime) -> None:
        while (due := self.due) is not None and due <= until:
            self.happen(due)

    def write(self, at: datetime, *lines: str, state: str | None = None) -> None:
        self.log += [Line(what, at) for what in lines]
        self.state = state or self.state

    def mail(self, template: str, recipients: Iterable[str]) -> None:
        self.mails.update((template, recipient) for recipient in recipients)


class Application(Page):
    def __init__(
        self, procedure_id: str, at: datetime, *, applicant: str, notified: str, users: tuple[str, ...]
    ) -> None:
        super().__init__(procedure_id, "awaiting_confirmation")
        self.number = procedure_id[-12:]
        self.users = users
        self._applicant, self._notified = applicant, notified
        self._confirm_by = at + DAY
        self._reminders: list[datetime] = []
        self.write(at, "application_submitted")
        self.mail("application_confirmation", [applicant])

    @property
    def is_undecided(self) -> bool:
        return self.state in ("unapproved", "on_hold")

    @property
    def due(self) -> datetime | None:
        if self.state == "awaiting_confirmation":
            return self._confirm_by
        return self._reminders[0] if self.is_undecided else None

    def happen(self, at: datetime) -> None:
        if self.state == "awaiting_confirmation":
            self.write(at, "application_lapsed", state="lapsed")
            return
        self.write(at, "application_reminder")
        self.mail("application_reminder", [self._notified])
        self._reminders = self._reminders[1:] or [at + 7 * DAY]

    def confirm(self, at: datetime, is_business_day: Callable[[date], bool]) -> bool:
        """Each command tells whether it had its effect."""
        if self.state != "awaiting_confirmation":
            return False
        self.write(at, "application_confirmed", state="unapproved")
        self.mail("application_completed", [self._applicant])
        self.mail("application_received", [self._notified])
        self._reminders = [business_days_later(at, count, is_business_day) for count in (3, 7)]
        return True

    def decide(self, decision: str, at: datetime) -> bool:
        if not self.is_undecided or (decision == "hold" and self.state == "on_hold"):
            return False
        if decision == "hold":
            self.write(at, "application_put_on_hold", state="on_hold")
            self._reminders = [at + 30 * DAY]
            return True
        state = {"approve": "approved", "deny": "denied"}[decision]
        self.write(at, f"application_{state}", state=state)
        self.mail("application_result", [self._applicant])
        self.mail("application_decided", [self._notified])
        return True

    def withdraw(self, at: datetime) -> bool:
        if self.state != "awaiting_confirmation" and not self.is_undecided:
            return False
        self.write(at, "application_withdrawn", state="withdrawn")
        return True


class Signup(Page):
    """Of a portal user."""

    def __init__(self, procedure_id: str, at: datetime, *, address: str, customer_id: str) -> None:
        super().__init__(procedure_id, "signup_open")
        self.user_id = procedure_id[-8:]
        self.address, self.customer_id = address, customer_id
        self._open(at)

    @property
    def due(self) -> datetime | None:
        return self._dates[0] if self.state == "signup_open" else None

    def happen(self, at: datetime) -> None:
        self._dates.pop(0)
        if not self._dates:
            self.write(at, "signup_expired", state="signup_expired")
            return
        self.write(at, "signup_reminder")
        self.mail("signup_reminder", [self.address])

    def register(self, at: datetime) -> bool:
        if self.state != "signup_open":
            return False
        self.write(at, "signup_registered", state="registered")
        return True

    def resend(self, at: datetime) -> bool:
        if self.state not in ("signup_open", "signup_expired"):
            return False
        self._open(at)
        return True

    def delete(self, at: datetime) -> bool:
        """True: the procedure hears of it; one that is over does not."""
        if self.state != "signup_open":
            return False
        self.write(at, "signup_deleted", state="deleted")
        return True

    def _open(self, at: datetime) -> None:
        self.write(at, "signup_opened", state="signup_open")
        self.mail("portal_user_signup", [self.address])
        self._dates = [at + 4 * DAY, at + 6 * DAY, at + 7 * DAY]


class Reset(Page):
    """Of a forgotten password, by mail."""

    def __init__(self, procedure_id: str, at: datetime, *, address: str) -> None:
        super().__init__(procedure_id, "requested")
        self.is_dead = False
        self._expires_at = at + HOUR
        self.write(at, "password_reset_requested")
        self.mail("password_reset_mail", [address])

    @property
    def due(self) -> datetime | None:
        return self._expires_at if self.state == "requested" else None

    def happen(self, at: datetime) -> None:
        self.write(at, "password_reset_expired", state="expired")

    def complete(self, at: datetime) -> bool:
        if self.state != "requested" or self.is_dead:
            return False
        self.write(at, "password_reset_completed", state="completed")
        return True


class Locked(Page):
    """The notice of a lock."""

    def __init__(self, procedure_id: str, at: datetime, *, address: str) -> None:
        super().__init__(procedure_id, "locked")
        self.write(at, "account_locked")
        self.mail("account_locked", [address])


class Account:
    """A person's password, and the wrong ones in a row."""

    def __init__(self) -> None:
        self.wrong_in_a_row = 0
        self.locked_until: datetime | None = None

    def is_locked(self, at: datetime) -> bool:
        return self.locked_until is not None and at < self.locked_until

    def try_in(self, at: datetime, *, is_right: bool) -> int:
        """What a sign-in is answered."""
        if self.is_locked(at):
            return 423
        if self.locked_until is not None:
            self.unlock()
        if is_right:
            self.wrong_in_a_row = 0
            return 201
        self.wrong_in_a_row += 1
        if self.wrong_in_a_row == 10:
            self.locked_until = at + HOUR
        return 401

    def unlock(self) -> None:
        self.wrong_in_a_row, self.locked_until = 0, None


def business_days_later(at: datetime, count: int, is_business_day: Callable[[date], bool]) -> datetime:
    """At the same time of day."""
    local = at.astimezone(JST)
    while count:
        local += DAY
        count -= is_business_day(local.date())
    return local.astimezone(at.tzinfo)
