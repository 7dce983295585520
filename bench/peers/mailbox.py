"""The mail server of all engines: it notes every mail, and tells who waits for one."""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Container, Mapping

from aiosmtpd.smtp import SMTP, Envelope, Session

from bench.peers.peer import Awaited
from tests.faults.sink import Acceptance, MailSink


class Mailbox(MailSink):
    """Mails are told apart by recipient and subject; what comes again with both is a copy."""

    def __init__(self, port: int) -> None:
        super().__init__(port)
        self._copies: dict[str, Counter[str]] = defaultdict(Counter)
        self._arrived_at: dict[Awaited, float] = {}
        self._waiting: dict[Awaited, asyncio.Future[float]] = {}
        self._next: dict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def arrival(self, awaited: Awaited) -> float:
        """Seconds of the monotonic clock at which it was taken in. Waits for ever."""
        if awaited in self._arrived_at:
            return self._arrived_at[awaited]
        waiting = self._waiting.setdefault(awaited, asyncio.get_running_loop().create_future())
        return await asyncio.shield(waiting)

    async def next_at(self, domain: str) -> None:
        """Wait for the next mail to anybody there."""
        event = self._next[domain]
        event.clear()
        await event.wait()

    def lost_and_doubled(self, due: Mapping[str, int]) -> tuple[int, int]:
        """Of the mails that each recipient was to get: how many are not there, and how many came more than once."""
        lost = sum(max(0, number - len(self._copies[recipient])) for recipient, number in due.items())
        doubled = sum(copies - 1 for recipient in due for copies in self._copies[recipient].values())
        return lost, doubled

    def longest_unnoted(self, recipients: Container[str]) -> float:
        """Of the mails that came more than once: seconds from the first one until its conversation broke, at most."""
        seen: dict[tuple[str, str], Acceptance] = {}
        longest = 0.0
        for acceptance in self.accepted:
            mail = acceptance.mail
            first = seen.setdefault((mail.recipient, mail.subject), acceptance)
            if first is not acceptance and first.broken_at is not None and mail.recipient in recipients:
                longest = max(longest, first.broken_at - first.at)
        return longest

    def forget(self) -> None:
        """Of the mails that have come so far, keep what is counted and not what they say."""
        self.accepted.clear()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's hook
        answer = await super().handle_DATA(server, session, envelope)
        acceptance = self.accepted[-1]
        recipient, copies = acceptance.mail.recipient, self._copies[acceptance.mail.recipient]
        copies[acceptance.mail.subject] += 1
        self._next[recipient.rpartition("@")[2]].set()
        awaited = Awaited(recipient, len(copies))
        if awaited not in self._arrived_at:
            self._arrived_at[awaited] = acceptance.at
            if (waiting := self._waiting.pop(awaited, None)) is not None:
                waiting.set_result(acceptance.at)
        return answer
