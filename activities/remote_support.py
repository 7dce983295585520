"""Remote support's steps in the database, each one transaction (RSA-01…07)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Row
from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity

from activities import approval_rows
from activities import remote_support_letters as letters
from activities import remote_support_rows as rows
from activities.approval_rows import Question
from activities.records import Records, fact_of
from models import device_commands
from models.approval_vocabulary import ApprovalKind
from models.device_vocabulary import DeviceCommandState, RemoteSupportEnd, RemoteSupportState
from models.messages.approval_steps import Asked
from models.messages.remote_support_steps import (
    RecordRemoteSupport,
    RecordRemoteSupportEnd,
    RecordRemoteSupportReport,
    RecordRemoteSupportUndecided,
    RemoteSupportStanding,
    RemoteSupportStep,
)
from models.refusals import NotFound, WrongState
from models.vocabulary import Mail

_STARTED, _SUCCEEDED, _FAILED = (
    DeviceCommandState.STARTED,
    DeviceCommandState.SUCCEEDED,
    DeviceCommandState.FAILED,
)


class RemoteSupportActivities:
    def __init__(self, records: Records) -> None:
        self._records = records
        self._durations = records.durations

    @activity.defn
    async def record_remote_support(self, message: RecordRemoteSupport) -> RemoteSupportStanding:
        """Asked for, and the administrators mailed (RSA-01); or begun at the device, which will say how (RSA-06).

        Raises:
            NotFound: the UTM has been deleted. NoAdministrators: nobody could approve it.
            RemoteSupportOpen: a session is open at the device, or asked for.
        """
        start = message.start

        async def work(connection: AsyncConnection) -> RemoteSupportStanding:
            device = await rows.device(connection, message)
            await rows.refuse_if_open(connection, message.identity, device.row, is_manual=start.is_manual)
            await rows.begin(connection, message, device)
            if start.is_manual:
                state, due_at = RemoteSupportState.STARTING, message.at + self._durations.remote_support_answer
                expected = {"attempts": self._durations.remote_support_attempts, "command_id": message.identity.subject}
                await rows.insert_one(connection, message, device, state=state, **expected)
                return await rows.show(connection, message, state, due_at=due_at)
            asked = await self._ask(connection, message, device)
            state = RemoteSupportState.AWAITING_APPROVAL
            await rows.insert_one(connection, message, device, state=state, approval_id=asked.approval_id)
            return RemoteSupportStanding(state=state, asked=asked)

        what = "remote_support_begun_at_device" if start.is_manual else "remote_support_requested"
        return await self._records.once(fact_of(message, what), RemoteSupportStanding, work)

    @activity.defn
    async def record_remote_support_undecided(self, message: RecordRemoteSupportUndecided) -> RemoteSupportStanding:
        """Denied, expired or withdrawn: the approval has told everybody (RSA-02)."""

        async def work(connection: AsyncConnection) -> RemoteSupportStanding:
            row = await rows.row(connection, message)
            await rows.change(connection, row, state=message.state, ended_at=message.at)
            return await rows.show(connection, message, message.state)

        return await self._records.once(
            fact_of(message, f"remote_support_{message.state}"), RemoteSupportStanding, work
        )

    @activity.defn
    async def record_remote_support_start(self, message: RemoteSupportStep) -> RemoteSupportStanding:
        """Approved: the device is told to start (RSA-03), unless it is gone, or busy with another session by now."""

        async def work(connection: AsyncConnection) -> RemoteSupportStanding:
            row = await rows.row(connection, message)
            try:
                await rows.device(connection, message)
            except NotFound:
                return await self._fail(connection, message, row, RemoteSupportEnd.DEVICE_DELETED)
            if await rows.open_state(connection, message.identity, row, rows.SESSIONS) is not None:
                return await self._fail(connection, message, row, RemoteSupportEnd.BUSY)
            await rows.change(connection, row, state=RemoteSupportState.STARTING)
            return await self._tell_device(connection, message, row)

        return await self._records.once(fact_of(message, "remote_support_starting"), RemoteSupportStanding, work)

    @activity.defn
    async def record_remote_support_report(self, message: RecordRemoteSupportReport) -> RemoteSupportStanding:
        """The device begins, has done, or could not do what it was told: to start, or to stop.

        Raises:
            WrongState: nobody waits for that any more.
        """

        async def work(connection: AsyncConnection) -> RemoteSupportStanding:
            row = await rows.row(connection, message)
            if row.command_id != message.command_id:
                raise WrongState(state=row.state)
            await device_commands.settle(connection, row.tenant_id, message.command_id, message.state, at=message.at)
            if message.state is _STARTED:
                due_at = message.at + self._durations.remote_support_answer
                return await rows.show(connection, message, RemoteSupportState(row.state), due_at=due_at)
            if message.state is _FAILED:
                return await self._try_again(connection, message, row, after=self._durations.remote_support_retry)
            if row.state == RemoteSupportState.ENDED:
                await rows.change(connection, row, command_id=None, stopped_at=message.at)
                return await rows.show(connection, message, RemoteSupportState.ENDED)
            return await self._run(connection, message, row)

        what = f"remote_support_device_{message.state}"
        return await self._records.once(fact_of(message, what), RemoteSupportStanding, work)

    @activity.defn
    async def record_remote_support_unanswered(self, message: RemoteSupportStep) -> RemoteSupportStanding:
        """The device has not answered in time: the next attempt, or the end of them (RSA-03)."""

        async def work(connection: AsyncConnection) -> RemoteSupportStanding:
            row = await rows.row(connection, message)
            if row.command_id is not None:
                expired = DeviceCommandState.EXPIRED
                await device_commands.settle(connection, row.tenant_id, row.command_id, expired, at=message.at)
                return await self._try_again(connection, message, row)
            return await self._tell_device(connection, message, row)  # the pause after a failure is over

        what = "remote_support_unanswered"
        return await self._records.once(fact_of(message, what), RemoteSupportStanding, work)

    @activity.defn
    async def record_remote_support_end(self, message: RecordRemoteSupportEnd) -> RemoteSupportStanding:
        """Over: credentials erased, links dead, the device told to stop, both sides told (RSA-04, RSA-05).

        Of what was not begun, nothing is left to be told.
        """

        async def work(connection: AsyncConnection) -> RemoteSupportStanding:
            row = await rows.row(connection, message)
            if row.state not in rows.SESSIONS:
                return await self._end_without_session(connection, message, row)
            needs_stop = message.by not in (RemoteSupportEnd.DEVICE, RemoteSupportEnd.DEVICE_DELETED)
            if row.state == RemoteSupportState.STARTING and row.command_id is not None:
                taken_back = await device_commands.withdraw(connection, row.tenant_id, row.command_id, message.at)
                # What the device has already, it may carry out all the same: it is not told again, and told to stop.
                withdrawn = DeviceCommandState.WITHDRAWN
                await device_commands.settle(connection, row.tenant_id, row.command_id, withdrawn, at=message.at)
                needs_stop = needs_stop and not taken_back
            ended = {"ended_at": message.at, "ended_by": message.by, "attempts": 0, "command_id": None}
            row = await rows.change(connection, row, state=RemoteSupportState.ENDED, credentials=None, **ended)
            await letters.forget_session(connection, message, row)
            await letters.tell_both(connection, message, row, Mail.REMOTE_SUPPORT_ENDED)
            if needs_stop:
                return await self._tell_device(connection, message, row, mails=True)
            return await rows.show(connection, message, RemoteSupportState.ENDED, mails=True)

        fact = replace(fact_of(message, "remote_support_ended"), detail={"by": message.by, "from": message.client})
        return await self._records.once(fact, RemoteSupportStanding, work)

    # Private steps.

    async def _ask(self, connection: AsyncConnection, message: RecordRemoteSupport, device: rows.Device) -> Asked:
        utm, start = device.row, message.start
        known = await approval_rows.administrators(connection, utm.tenant_id, utm.customer_id)
        question = Question(
            kind=ApprovalKind.REMOTE_SUPPORT,
            customer_id=utm.customer_id,
            asked_by=start.asked_by,
            asked_for=letters.place(device),
            reason=start.reason,
            approvers=known,
            requesters=utm.service_desk_addresses,
            deadline=message.at + self._durations.remote_support_approval,
        )
        return await approval_rows.ask(connection, message, question=question, records=self._records)

    async def _run(
        self, connection: AsyncConnection, message: RemoteSupportStep, row: Row[Any]
    ) -> RemoteSupportStanding:
        """The session runs; its credentials have been sealed into the row before (RSA-04)."""
        if row.credentials is None:
            raise WrongState(state=row.state)
        ends_at = message.at + timedelta(minutes=row.duration_minutes)
        state = RemoteSupportState.RUNNING
        row = await rows.change(connection, row, state=state, command_id=None, started_at=message.at, ends_at=ends_at)
        await letters.tell_session(connection, message, row, link_key=self._records.link_key)
        return await rows.show(connection, message, state, due_at=ends_at, mails=True)

    async def _try_again(
        self, connection: AsyncConnection, message: RemoteSupportStep, row: Row[Any], *, after: timedelta | None = None
    ) -> RemoteSupportStanding:
        """At once, or after a pause; after the last attempt both sides are told (RSA-03)."""
        state = RemoteSupportState(row.state)
        if row.attempts < self._durations.remote_support_attempts:
            if after is None:
                return await self._tell_device(connection, message, row)
            await rows.change(connection, row, command_id=None)
            return await rows.show(connection, message, state, due_at=message.at + after)
        if state is RemoteSupportState.STARTING:
            return await self._fail(connection, message, row, RemoteSupportEnd.NOT_STARTED)
        row = await rows.change(connection, row, command_id=None)
        await letters.tell_both(connection, message, row, Mail.REMOTE_SUPPORT_UNSTOPPED)
        return await rows.show(connection, message, state, mails=True)

    async def _tell_device(
        self, connection: AsyncConnection, message: RemoteSupportStep, row: Row[Any], *, mails: bool = False
    ) -> RemoteSupportStanding:
        """To start, or once it is ended to stop."""
        due_at = message.at + self._durations.remote_support_answer
        row = await rows.order(connection, message, row, until=due_at)
        return await rows.show(connection, message, RemoteSupportState(row.state), due_at=due_at, mails=mails)

    async def _fail(
        self, connection: AsyncConnection, message: RemoteSupportStep, row: Row[Any], why: RemoteSupportEnd
    ) -> RemoteSupportStanding:
        state = RemoteSupportState.FAILED
        ended = {"ended_at": message.at, "ended_by": why, "credentials": None, "command_id": None}
        row = await rows.change(connection, row, state=state, **ended)
        await letters.tell_both(connection, message, row, Mail.REMOTE_SUPPORT_FAILED)
        return await rows.show(connection, message, state, mails=True)

    async def _end_without_session(
        self, connection: AsyncConnection, message: RecordRemoteSupportEnd, row: Row[Any]
    ) -> RemoteSupportStanding:
        """By an operator's end: a request is withdrawn, and what is over stays as it is."""
        state = RemoteSupportState(row.state)
        if state is RemoteSupportState.AWAITING_APPROVAL:
            state = RemoteSupportState.WITHDRAWN
            await rows.change(connection, row, state=state, ended_at=message.at, ended_by=message.by)
        return await rows.show(connection, message, state)
