"""Delivering the ledger's mails: in order, each once, with patience (design: mail)."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity
from temporalio.exceptions import ApplicationError, ApplicationErrorCategory

from activities.letterpress import Letterpress, Printed
from activities.outages import OUTAGES, outlasting
from activities.records import Records
from activities.smtp import Courier, Fate, Outcome
from mail_templates.message import UnsafeMailError
from mail_templates.rendering import WrongValuesError
from models.clock import Clock
from models.messages.procedure import DeliverMails, RefusedMails, SettleMails
from models.tables.procedures import Mail
from models.vocabulary import MailState, OperatorAction

_HEARTBEAT_SECONDS = 3
_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(minutes=30)
_WAITING = (MailState.QUEUED, MailState.DEFERRED, MailState.UNKNOWN, MailState.SENDING)


class MailActivities:
    def __init__(self, records: Records, clock: Clock, courier: Courier, letterpress: Letterpress) -> None:
        self._records = records
        self._clock = clock
        self._courier = courier
        self._letterpress = letterpress
        self._notes: set[asyncio.Task[None]] = set()
        """What mail servers have answered, on its way into the ledger."""

    @activity.defn
    async def deliver_mails(self, order: DeliverMails) -> RefusedMails:
        """Send everything of the procedure that is due, in order. One recipient's trouble does not stop the next.

        Raises:
            ApplicationError: something is left for later; it carries the pause until the next try.
        """
        while (row := await self._take_next(order)) is not None:
            activity.heartbeat()
            if await self._send(row) is Fate.UNREACHABLE:
                break
        return await self._what_is_left(order)

    @activity.defn
    async def settle_mails(self, message: SettleMails) -> None:
        """What an operator wants for refused mails."""
        retry = message.action is OperatorAction.RETRY
        values: dict[str, Any] = (
            {"state": MailState.QUEUED, "next_attempt_at": None, "queued_at": message.at, "attempts": 0}
            if retry
            else {"state": MailState.SKIPPED}
        )
        async with self._records.database.transaction(message.tenant_id) as connection:
            await connection.execute(
                update(Mail)
                .where(
                    Mail.tenant_id == message.tenant_id,
                    Mail.mail_id.in_(message.mail_ids),
                    Mail.state == MailState.FAILED,
                )
                .values(values)
            )

    async def _take_next(self, order: DeliverMails) -> Row[tuple[Mail]] | None:
        """Lease the first mail that is due. A lease that ran out was a sender's that died: the mail goes again."""
        if self._notes:
            await asyncio.wait(self._notes)
        now = await self._clock.now()
        async with self._records.database.transaction(order.tenant_id) as connection:
            waiting = (
                select(Mail.__table__)
                .where(Mail.tenant_id == order.tenant_id, Mail.procedure_id == order.procedure_id)
                .where(Mail.state.in_(_WAITING), or_(Mail.next_attempt_at.is_(None), Mail.next_attempt_at <= now))
                .where(or_(Mail.lease_until.is_(None), Mail.lease_until <= now))
                .order_by(Mail.sequence)
                .limit(1)
                .with_for_update()
            )
            row = (await connection.execute(waiting)).first()
            if row is not None:
                lease = now + self._records.durations.mail_lease
                await _change(connection, row, state=MailState.SENDING, attempts=row.attempts + 1, lease_until=lease)
            return row

    async def _send(self, row: Row[tuple[Mail]]) -> Fate:
        try:
            async with self._records.database.transaction(row.tenant_id) as connection:
                printed = await self._letterpress.print(connection, row)
        except (UnsafeMailError, WrongValuesError) as error:
            # Not to be sent as it is, however often it is tried: an operator is told, the other mails go on.
            async with self._records.database.transaction(row.tenant_id) as connection:
                await _change(
                    connection,
                    row,
                    state=MailState.FAILED,
                    lease_until=None,
                    smtp_answer=f"not sent: {type(error).__name__}",
                )
            return Fate.REFUSED
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
        async with self._records.database.transaction(row.tenant_id) as connection:
            await _change(connection, row, lease_until=None, **_kept(printed), **self._became(row, outcome, now))

    @asynccontextmanager
    async def _lease_kept(self, row: Row[tuple[Mail]]) -> AsyncIterator[None]:
        """Keep the mail ours, and tell Temporal that we live, however long the mail server takes to answer."""

        async def keep() -> None:
            while True:
                await asyncio.sleep(_HEARTBEAT_SECONDS)
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
        """The ledger's account of the try."""
        durations = self._records.durations
        answer = {"smtp_answer": outcome.answer}
        if outcome.fate is Fate.ACCEPTED:
            return answer | {"state": MailState.SENT, "sent_at": now}
        once_more = outcome.fate is Fate.UNKNOWN and row.state != MailState.UNKNOWN
        if once_more:
            return answer | {"state": MailState.UNKNOWN, "next_attempt_at": now + durations.mail_unknown_pause}
        hopeless = outcome.fate in {Fate.REFUSED, Fate.UNKNOWN}
        if hopeless or now >= row.queued_at + durations.mail_patience:
            return answer | {"state": MailState.FAILED}
        pause = min(_FIRST_PAUSE * 2 ** min(row.attempts, 10), _LONGEST_PAUSE)
        # A mail that may have gone out before keeps that mark, so that it goes once more and no oftener.
        state = MailState.UNKNOWN if row.state == MailState.UNKNOWN else MailState.DEFERRED
        return answer | {"state": state, "next_attempt_at": now + pause}

    async def _what_is_left(self, order: DeliverMails) -> RefusedMails:
        now = await self._clock.now()
        async with self._records.database.transaction(order.tenant_id) as connection:
            rows = (
                await connection.execute(
                    select(Mail.mail_id, Mail.state, Mail.next_attempt_at, Mail.lease_until, Mail.smtp_answer).where(
                        Mail.tenant_id == order.tenant_id,
                        Mail.procedure_id == order.procedure_id,
                        Mail.state.in_((*_WAITING, MailState.FAILED)),
                    )
                )
            ).all()
        later = [row for row in rows if row.state != MailState.FAILED]
        if later:
            next_try = min(max(row.next_attempt_at or now, row.lease_until or now) for row in later)
            pause = max(next_try - now, timedelta(seconds=1))
            message = f"{len(later)} mails wait for their next try"
            raise ApplicationError(
                message, type="mails_wait", next_retry_delay=pause, category=ApplicationErrorCategory.BENIGN
            )
        failed = [row for row in rows if row.state == MailState.FAILED]
        return RefusedMails(
            mail_ids=tuple(row.mail_id for row in failed),
            reason="; ".join(sorted({f"the mail server answered {(row.smtp_answer or '')[:80]}" for row in failed})),
        )


def _kept(printed: Printed) -> dict[str, Any]:
    """What staff can read of it: as sent, without the link's secret (TPL-07)."""
    return {"subject": printed.subject, "text": printed.text, "html": printed.html}


async def _change(connection: AsyncConnection, row: Row[tuple[Mail]], **values: object) -> None:
    await connection.execute(
        update(Mail).where(Mail.tenant_id == row.tenant_id, Mail.mail_id == row.mail_id).values(**values)
    )
