"""A real SMTP server for tests: it keeps what it accepts, and misbehaves as told."""

import asyncio
import email
import email.policy
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import cached_property

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

LINK = re.compile(r"https?://\S+/(?:links|apply)/\S+")


@dataclass(frozen=True)
class ReceivedMail:
    recipient: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        return str(self.message["Subject"])

    @cached_property
    def message_id(self) -> str:
        return str(self.message["Message-ID"])

    @property
    def text(self) -> str:
        part = self.message.get_body(("plain",))
        assert part is not None
        return str(part.get_content())

    @property
    def link(self) -> str:
        found = LINK.search(self.text)
        assert found, f"no link in {self.text}"
        return found.group()

    @property
    def token(self) -> str:
        return self.link.rsplit("/", 1)[1]


@dataclass
class MailServer:
    """`answer` may return another SMTP answer than 250, by recipient; `mails` are those accepted, in order.

    `thanks` is what it says to have taken one.

    `drops`: break the connection after the final dot, without an answer, having taken the mail all the same.
    """

    port: int
    mails: list[ReceivedMail] = field(default_factory=list)
    answer: Callable[[str], str | bytes | None] = lambda _recipient: None
    thanks: str | bytes = "250 OK"
    drops: Callable[[str], bool] = lambda _recipient: False
    connections: list[SMTP] = field(default_factory=list)
    _controller: Controller | None = None

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's hook
        self, server: SMTP, session: Session, envelope: Envelope, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        self.connections.append(server)
        return responses

    async def handle_RCPT(  # noqa: N802 - likewise
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str | bytes:
        refusal = self.answer(address)
        if refusal is None:
            envelope.rcpt_tos.append(address)
        return refusal or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str | bytes:  # noqa: N802 - likewise
        content = envelope.content
        assert isinstance(content, bytes)
        message = email.message_from_bytes(content, policy=email.policy.default)
        assert isinstance(message, EmailMessage)
        for recipient in envelope.rcpt_tos:
            self.take(ReceivedMail(recipient, message))
        if any(self.drops(recipient) for recipient in envelope.rcpt_tos):
            _transport(server).abort()
        return self.thanks

    def take(self, mail: ReceivedMail) -> None:
        self.mails.append(mail)

    def to(self, recipient: str) -> list[ReceivedMail]:
        return [mail for mail in self.mails if mail.recipient == recipient]

    def controller(self) -> Controller:
        return Controller(self, hostname="127.0.0.1", port=self.port)

    def start(self) -> None:
        self._controller = self.controller()
        self._controller.start()

    def stop(self) -> None:
        """Be gone: open connections break, new ones are refused."""
        if self._controller is None:
            return
        for connection in self.connections:
            if connection.transport is not None:
                self._controller.loop.call_soon_threadsafe(_transport(connection).abort)
        self._controller.stop()
        self._controller = None


def _transport(connection: SMTP) -> asyncio.Transport:
    assert isinstance(connection.transport, asyncio.Transport)
    return connection.transport
