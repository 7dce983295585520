"""A mail server that notes every mail before it answers; it can be held at a stage, put down, and told to refuse."""

import asyncio
import email
import email.policy
import ssl
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from enum import StrEnum

from aiosmtpd.smtp import SMTP, Envelope, Session

from tests.faults.mail_manners import Manner, Refusing, Turn
from tests.mail_server import ReceivedMail

_BROKEN_WITHIN = 3.0  # seconds from the final dot: whoever goes later has had our answer long before
_NOTED_WITHIN = 1.0  # seconds from the final dot: whoever dies later has written our answer down long before


class Stage(StrEnum):
    BEFORE_DATA = "before its data"
    AFTER_DOT = "after its final dot"


@dataclass
class Acceptance:
    """A mail that we hold, whether or not its sender heard so. Times are of the monotonic clock."""

    mail: ReceivedMail
    at: float
    heard: bool = False
    """The sender went on in the same conversation, so it had our answer."""
    broken_at: float | None = None
    sender_froze: bool = False
    """It stood still from before our answer until long after its time."""

    @property
    def is_ambiguous(self) -> bool:
        """The sender died after the final dot, and before it had our answer or had written it down.

        A copy of it is nobody's fault (RFC 1047). It may have gone on with another procedure's mail meanwhile.
        """
        within = _NOTED_WITHIN if self.heard else _BROKEN_WITHIN
        return self.sender_froze or (self.broken_at is not None and self.broken_at - self.at < within)


@dataclass
class Hold:
    """Mails to certain recipients stop at a stage until it ends."""

    stage: Stage
    suits: Callable[[str], bool]
    waiting: asyncio.Event = field(default_factory=asyncio.Event)
    ended: asyncio.Event = field(default_factory=asyncio.Event)


class _Conversation(SMTP):
    """Tells the sink when the connection begins and breaks."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.event_handler.conversations.add(transport)

    def connection_lost(self, error: Exception | None) -> None:
        self.event_handler.conversations.discard(self.transport)
        self.event_handler.broken(self.session)
        super().connection_lost(error)

    async def _handle_client(self) -> None:
        refusal = self.event_handler.refusing.answer(Turn.GREETING)
        if refusal is None:
            return await super()._handle_client()
        await self.push(refusal)
        assert self.transport is not None
        return self.transport.close()

    async def smtp_DATA(self, arg: str) -> None:  # noqa: N802 - aiosmtpd's name
        recipients = self.envelope.rcpt_tos if self.envelope else []
        refusal = self.event_handler.refusing.answer(Turn.DATA, *recipients)
        if refusal is None:
            await super().smtp_DATA(arg)
        elif refusal is Manner.RESET:
            await self.push("354 Go ahead")
            await self._reader.readline()
            _drop(self)
        else:
            await self.push(refusal)


class MailSink:
    def __init__(self, port: int) -> None:
        self.port = port
        self.accepted: list[Acceptance] = []
        self.conversations: set[asyncio.Transport] = set()
        self.refusing = Refusing()
        self.tls: ssl.SSLContext | None = None
        """What it offers STARTTLS with."""
        self._taken_in: dict[Session, list[Acceptance]] = {}
        """The mails of each conversation, until it ends. All but the last have been heard of."""
        self._holds: list[Hold] = []
        self._server: asyncio.Server | None = None
        self._news = asyncio.Event()

    async def come_up(self) -> None:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: _Conversation(self, hostname="127.0.0.1", loop=loop, tls_context=self.tls), "127.0.0.1", self.port
        )

    async def go_down(self) -> None:
        """No one is listened to any more, and every conversation ends."""
        if self._server is not None:
            self._server.close()
            self._server = None
        await self.hang_up()

    async def hang_up(self) -> None:
        """Every conversation ends."""
        for transport in list(self.conversations):
            transport.abort()
        await asyncio.sleep(0.1)  # every conversation takes leave in a turn of its own

    def to(self, recipient: str) -> list[Acceptance]:
        """Each mail once, in the order of arrival."""
        found = [acceptance for acceptance in self.accepted if acceptance.mail.recipient == recipient]
        first = {acceptance.mail.message_id: acceptance for acceptance in reversed(found)}
        return sorted(first.values(), key=lambda acceptance: acceptance.at)

    async def wait_for(self, recipient: str, nth: int = 1) -> ReceivedMail:
        """The nth mail to the recipient. Waits for ever: whoever asks knows how long is too long."""
        while len(self.to(recipient)) < nth:
            self._news.clear()
            await self._news.wait()
        return self.to(recipient)[nth - 1].mail

    @asynccontextmanager
    async def held(self, stage: Stage, suits: Callable[[str], bool]) -> AsyncIterator[Hold]:
        hold = Hold(stage, suits)
        self._holds.append(hold)
        try:
            yield hold
        finally:
            self._holds.remove(hold)
            hold.ended.set()

    # What aiosmtpd calls.

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's hook
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        self._went_on(session)
        envelope.mail_from = address
        return self.refusing.answer(Turn.MAIL) or "250 OK"

    async def handle_QUIT(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        self._went_on(session)
        self._taken_in.pop(session, None)
        return "221 Bye"

    async def handle_RCPT(  # noqa: N802 - likewise
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        await self._pass(Stage.BEFORE_DATA, address)
        refusal = self.refusing.answer(Turn.RCPT, address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        assert isinstance(envelope.content, bytes)
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        [recipient] = envelope.rcpt_tos
        refusal = self.refusing.answer(Turn.DOT, recipient)
        if refusal is not None and refusal is not Manner.TAKE_AND_DROP:
            return refusal
        acceptance = Acceptance(ReceivedMail(recipient, message), time.monotonic())
        self.accepted.append(acceptance)
        self._taken_in.setdefault(session, []).append(acceptance)
        self._news.set()
        await self._pass(Stage.AFTER_DOT, recipient)
        if refusal is not None:
            _drop(server)
        return "250 OK"

    def broken(self, session: Session) -> None:
        for acceptance in self._taken_in.pop(session, []):
            acceptance.broken_at = time.monotonic()

    def _went_on(self, session: Session) -> None:
        for acceptance in self._taken_in.get(session, [])[-1:]:
            acceptance.heard = True

    async def _pass(self, stage: Stage, recipient: str) -> None:
        for hold in list(self._holds):
            if hold.stage is stage and hold.suits(recipient):
                hold.waiting.set()
                await hold.ended.wait()


def _drop(conversation: SMTP) -> None:
    assert isinstance(conversation.transport, asyncio.Transport)
    conversation.transport.abort()
