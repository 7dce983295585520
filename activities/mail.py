"""Delivering the ledger's mails: in order, each once, with patience."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Insert, Row, Select, bindparam, exists, func, insert, literal_column, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.letterpress import Letterpress, Printed, SecretGoneError
from activities.outages import OUTAGES, outlasting
from activities.records import Records
from activities.smtp import Courier, Fate, Outcome
from mail_templates.message import UnsafeMailError
from mail_templates.rendering import WrongValuesError
from mail_templates.return_slip import NoJapaneseFontError
from models import audit
from models.audit import Fact
from models.clock import Clock
from models.database import Prepared
from models.messages.procedure import DeliverMails, Delivery, RefusedMail, SettleMail
from models.outbox import UNDELIVERED
from models.rules.words_without_addresses import without_addresses
from models.tables.procedures import AuditEntry, Mail
from models.vocabulary import MailState, OperatorAction

_HEARTBEAT_SECONDS = 3
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(minutes=30)


def queue_of_mails(task_queue: str) -> str:
    """The queue in which the deliveries of that queue's procedures wait."""
    return f"{task_queue}-mails"


@dataclass(frozen=True)
class Taken:
    """A mail that is ours to send; not printed when it must not go as it is."""

    row: Row[tuple[Mail]]
    printed: Printed | None


@dataclass(frozen=True)
class Left:
    """Nothing can be sent at `now`: what waits for later, and what no further try would deliver."""

    now: datetime
    rows: Sequence[Row[tuple[Mail]]]

    def delivery(self) -> Delivery:
        """Raises: ApplicationError: all that is left waits; it carries the pause until the next try."""
        later = [row for row in self.rows if row.state != MailState.FAILED]
        failed = [row for row in self.rows if row.state == MailState.FAILED]
        if failed or not later:
            refused = tuple(RefusedMail(mail_id=row.mail_id, reason=_why_refused(row)) for row in failed)
            return Delivery(refused=refused, waiting=bool(later))
        raise ApplicationError(
            f"{len(later)} mails wait for their next try",
            type="mails_wait",
            next_retry_delay=max(_next_try(later, self.now) - self.now, timedelta(seconds=1)),
            category=ApplicationErrorCategory.BENIGN,  # to be expected: neither a warning in the log nor a failure
        )


class MailActivities:
    def __init__(self, records: Records, clock: Clock, courier: Courier, letterpress: Letterpress) -> None:
        self._records = records
        self._clock = clock
        self._courier = courier
        self._letterpress = letterpress
        self._notes: set[asyncio.Task[None]] = set()
        """What mail servers have answered, on its way into the ledger."""

    @activity.defn
    async def deliver_mails(self, order: DeliverMails) -> Delivery:
        """Send everything of the procedure that is due, in order. One recipient's trouble does not stop the next.

        Raises:
            ApplicationError: something is left for later; it carries the pause until the next try.
        """
        while True:
            taken = await self._take_next(order)
            if isinstance(taken, Left):
                return taken.delivery()
            activity.heartbeat()
            if taken.printed is not None and await self._send(taken.row, taken.printed) is Fate.UNREACHABLE:
                return (await self._what_is_left(order)).delivery()

    @activity.defn
    async def settle_mail(self, message: SettleMail) -> None:
        """What an operator wants for a refused mail."""
        values: dict[str, Any] = {"state": MailState.SKIPPED}
        if message.action is OperatorAction.RETRY:
            values = {"state": MailState.QUEUED, "next_attempt_at": None, "queued_at": message.at, "attempts": 0}
        async with self._records.database.transaction(message.tenant_id) as connection:
            settled = await connection.execute(
                update(Mail)
                .where(
                    Mail.tenant_id == message.tenant_id,
                    Mail.mail_id == message.mail_id,
                    Mail.state == MailState.FAILED,
                )
                .values(values)
                .returning(Mail.__table__)
            )
            row: Row[tuple[Mail]] | None = settled.first()
            if row is not None and row.state == MailState.SKIPPED:
                await _tell(connection, row, "mail_skipped", message.at, actor=message.actor)

    async def _take_next(self, order: DeliverMails) -> Taken | Left:
        """Lease and print the first mail that may go. A lease that ran out was a sender's that died: it goes again.

        A mail that only waits for the server to be there again goes whenever another one does: nothing overtakes it.
        """
        if self._notes:
            await asyncio.wait(self._notes)
        now = await self._clock.now()
        async with self._records.database.transaction(order.tenant_id) as connection:
            bounds = {"tenant": order.tenant_id, "procedure": order.procedure_id, "now": now}
            row = (await connection.execute(_NEXT, bounds)).first()
            if row is None:
                return Left(now, await _unsent(connection, order))
            lease = now + self._records.durations.mail_lease
            await connection.execute(_LEASE, {"tenant": row.tenant_id, "mail": row.mail_id, "lease": lease})
            return Taken(row, await self._print(connection, row, now))

    async def _send(self, row: Row[tuple[Mail]], printed: Printed) -> Fate:
        async with self._lease_kept(row):
            outcome = await self._courier.send(printed.recipient, printed.wire)
            activity.metric_meter().create_counter(
                "tetsuzuki_mails", "Tries to send a mail, by what became of them."
            ).add(1, {"template": row.template, "outcome": outcome.fate})
            note = asyncio.create_task(outlasting(lambda: self._note(row, printed, outcome)))
            self._notes.add(note)
            note.add_done_callback(self._notes.discard)
            await asyncio.shield(note)  # also when Temporal has given this try up: the mail server has not
        return outcome.fate

    async def _note(self, row: Row[tuple[Mail]], printed: Printed, outcome: Outcome) -> None:
        """What became of the try. Until it stands in the ledger, the mail might be sent again."""
        now = await self._clock.now()
        if outcome.fate is Fate.ACCEPTED:
            noted = {"mail": row.mail_id, "attempt": row.attempts + 1, "noted_at": now, "answer": outcome.answer}
            shown = {f"shown_{name}": value for name, value in _kept(printed).items()}
            await self._records.database.at_once(row.tenant_id, _SENT, {"tenant": row.tenant_id, **noted, **shown})
            return
        became = self._became(row, outcome, now)
        async with self._records.database.transaction(row.tenant_id) as connection:
            if await _is_withdrawn(connection, row):
                became = {"state": MailState.SKIPPED, "smtp_answer": outcome.answer}
            if not await _change(connection, row, lease_until=None, **_kept(printed), **became):
                return  # it stands there already
            if became["state"] == MailState.FAILED:
                await _tell(connection, row, "mail_failed", now)
            if "next_attempt_at" in became:
                is_for_all = outcome.fate is Fate.UNREACHABLE
                await _wait_too(connection, row, became["next_attempt_at"], is_for_all=is_for_all)

    async def _print(self, connection: AsyncConnection, row: Row[tuple[Mail]], now: datetime) -> Printed | None:
        """None for a mail that must not be sent as it is: an operator is told, the other mails go on."""
        try:
            return await self._letterpress.print(connection, row)
        except SecretGoneError:
            await _change(connection, row, state=MailState.SKIPPED, lease_until=None, smtp_answer="not sent: too late")
            await _tell(connection, row, "mail_skipped", now)
            return None
        except (UnsafeMailError, WrongValuesError, NoJapaneseFontError) as error:
            answer = f"not sent: {type(error).__name__}"
            await _change(connection, row, state=MailState.FAILED, lease_until=None, smtp_answer=answer)
            await _tell(connection, row, "mail_failed", now)
            return None

    @asynccontextmanager
    async def _lease_kept(self, row: Row[tuple[Mail]]) -> AsyncIterator[None]:
        """Keep the mail ours, and tell Temporal that we live, however long the mail server takes to answer."""
        patience = self._records.durations.mail_lease.total_seconds() - _HEARTBEAT_SECONDS

        async def keep() -> None:
            while True:
                # Of what comes to pass while the process stands still this is the first that it hears of afterwards.
                alarm = asyncio.get_running_loop().call_later(patience, self._courier.let_go)
                try:
                    await asyncio.sleep(_HEARTBEAT_SECONDS)
                finally:
                    alarm.cancel()
                activity.heartbeat()
                lease = await self._clock.now() + self._records.durations.mail_lease
                with suppress(*OUTAGES):  # no other sender can take the mail then either
                    async with self._records.database.transaction(row.tenant_id) as connection:
                        await _change(connection, row, lease_until=lease)

        task = asyncio.create_task(keep())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    def _became(self, row: Row[tuple[Mail]], outcome: Outcome, now: datetime) -> dict[str, Any]:
        """The ledger's account of a try that the server has not taken."""
        durations = self._records.durations
        answer = {"smtp_answer": outcome.answer}
        once_more = outcome.fate is Fate.UNKNOWN and row.state != MailState.UNKNOWN
        if once_more:
            return answer | {"state": MailState.UNKNOWN, "next_attempt_at": now + durations.mail_unknown_pause}
        hopeless = outcome.fate in {Fate.REFUSED, Fate.UNKNOWN}
        if hopeless or now >= row.queued_at + durations.mail_patience:
            return answer | {"state": MailState.FAILED}
        pause = min(_FIRST_PAUSE * 2 ** min(row.attempts, 10), _LONGEST_PAUSE)
        # A mail that may have gone out before keeps that mark, so that it goes once more and no oftener.
        state = MailState.QUEUED if outcome.fate is Fate.UNREACHABLE else MailState.DEFERRED
        return answer | {
            "state": MailState.UNKNOWN if row.state == MailState.UNKNOWN else state,
            "next_attempt_at": now + pause,
        }

    async def _what_is_left(self, order: DeliverMails) -> Left:
        now = await self._clock.now()
        async with self._records.database.transaction(order.tenant_id) as connection:
            return Left(now, await _unsent(connection, order))


def _next() -> Select[tuple[Mail]]:
    """The first mail of `procedure` that may go `now`, locked."""
    earlier = aliased(Mail)
    now = bindparam("now", type_=Mail.lease_until.type)
    overtakes = exists().where(
        earlier.tenant_id == Mail.tenant_id,
        earlier.procedure_id == Mail.procedure_id,
        earlier.recipient == Mail.recipient,
        earlier.sequence < Mail.sequence,
        or_(earlier.state.in_(UNDELIVERED), earlier.lease_until > now),  # withdrawn, and with the mail server still
    )
    return (
        select(Mail.__table__)
        .where(Mail.tenant_id == bindparam("tenant"), Mail.procedure_id == bindparam("procedure"))
        .where(Mail.state.in_(UNDELIVERED), or_(Mail.lease_until.is_(None), Mail.lease_until <= now))
        .where(or_(Mail.state == MailState.QUEUED, Mail.next_attempt_at.is_(None), Mail.next_attempt_at <= now))
        .where(~overtakes)
        .order_by(Mail.sequence)
        .limit(1)
        .with_for_update()
    )


def _sent() -> Insert:
    """What `_change` and `_tell` do, in one statement: as long as it is not written, the mail would come twice."""
    at = bindparam("noted_at", type_=Mail.sent_at.type)
    sent = (
        update(Mail)
        .where(Mail.tenant_id == bindparam("tenant"), Mail.mail_id == bindparam("mail"))
        .where(Mail.lease_until.is_not(None), Mail.attempts == bindparam("attempt"))
        .values(state=MailState.SENT.value, sent_at=at, lease_until=None, smtp_answer=bindparam("answer"))
        .values(subject=bindparam("shown_subject"), text=bindparam("shown_text"), html=bindparam("shown_html"))
        .returning(Mail.tenant_id, Mail.mail_id, Mail.procedure_id, Mail.template)
        .cte("sent")
    )
    fact = {
        "tenant_id": sent.c.tenant_id,
        "at": at,
        "actor": literal_column("'system'"),
        "what": literal_column("'mail_sent'"),
        "subject": sent.c.mail_id,
        "procedure_id": sent.c.procedure_id,
        "detail": func.jsonb_build_object("template", sent.c.template),
    }
    return insert(AuditEntry).from_select(list(fact), select(*fact.values()))


# Made once: to put them together takes longer than to run them.
_NEXT = _next()
_SENT = Prepared(_sent())
_LEASE = (
    update(Mail)
    .where(Mail.tenant_id == bindparam("tenant"), Mail.mail_id == bindparam("mail"))
    .values(state=MailState.SENDING, attempts=Mail.attempts + 1, lease_until=bindparam("lease"))
)
_UNSENT = (
    select(Mail.__table__)
    .where(Mail.tenant_id == bindparam("tenant"), Mail.procedure_id == bindparam("procedure"))
    .where(Mail.mail_id.not_in(bindparam("reported", expanding=True)))
    .where(Mail.state.in_((*UNDELIVERED, MailState.FAILED)))
    .order_by(Mail.sequence)
)


async def _unsent(connection: AsyncConnection, order: DeliverMails) -> Sequence[Row[tuple[Mail]]]:
    bounds = {"tenant": order.tenant_id, "procedure": order.procedure_id, "reported": order.reported}
    return (await connection.execute(_UNSENT, bounds)).all()


def _next_try(waiting: Sequence[Row[tuple[Mail]]], now: datetime) -> datetime:
    """Of each recipient's first mail: the later ones wait behind it."""
    first: dict[str, Row[tuple[Mail]]] = {}
    for row in waiting:
        first.setdefault(row.recipient, row)
    return min(max(row.next_attempt_at or now, row.lease_until or now) for row in first.values())


def _why_refused(row: Row[tuple[Mail]]) -> str:
    """The address stands in the ledger, where it can be erased; the reason goes into histories (CUS-05)."""
    said = without_addresses(row.smtp_answer or "", row.recipient)
    return f"{row.template}, given up at try {row.attempts}: {said[:200]}"


async def _wait_too(connection: AsyncConnection, row: Row[tuple[Mail]], until: datetime, *, is_for_all: bool) -> None:
    """The recipient's later mails wait behind this one; where no server is, the whole procedure's do."""
    behind = (
        update(Mail)
        .where(
            Mail.tenant_id == row.tenant_id,
            Mail.procedure_id == row.procedure_id,
            Mail.state == MailState.QUEUED,
        )
        .values(next_attempt_at=until)
    )
    await connection.execute(behind if is_for_all else behind.where(Mail.recipient == row.recipient))


async def _tell(
    connection: AsyncConnection, row: Row[tuple[Mail]], what: str, at: datetime, *, actor: str = "system"
) -> None:
    """The audit log and the procedure's timeline hold what became of each mail (GEN-04)."""
    fact = Fact(
        tenant_id=row.tenant_id,
        at=at,
        actor=actor,
        what=what,
        subject=row.mail_id,
        procedure_id=row.procedure_id,
        detail={"template": row.template},
    )
    await audit.record(connection, fact)


def _kept(printed: Printed) -> dict[str, Any]:
    """What staff can read of it: as sent, without the link's secret (TPL-07)."""
    return {"subject": printed.subject, "text": printed.text, "html": printed.html}


async def _is_withdrawn(connection: AsyncConnection, row: Row[tuple[Mail]]) -> bool:
    """While it was being sent."""
    mine = (Mail.tenant_id == row.tenant_id, Mail.mail_id == row.mail_id)
    found = await connection.execute(select(Mail.state).where(*mine).with_for_update())
    return found.scalar_one() == MailState.SKIPPED


async def _change(connection: AsyncConnection, row: Row[tuple[Mail]], **values: object) -> bool:
    """As long as the mail is still on the try that was begun with the row; False when it no longer is."""
    changed = await connection.execute(
        update(Mail)
        .where(
            Mail.tenant_id == row.tenant_id,
            Mail.mail_id == row.mail_id,
            Mail.lease_until.is_not(None),
            Mail.attempts == row.attempts + 1,
        )
        .values(**values)
    )
    return changed.rowcount == 1
