"""Handing mails to the mail server: one connection for many mails, and an honest account of what became of each."""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

import aiosmtplib
from aiosmtplib import SMTP, SMTPException, SMTPResponseException

_COMMAND_SECONDS = 60
_FINAL_DOT_SECONDS = 600  # RFC 5321, 4.5.3.2.6: the server may take ten minutes to answer the final dot
_MAILS_PER_CONNECTION = 100
_LONGEST_ANSWER = 500  # characters


class Fate(StrEnum):
    ACCEPTED = "accepted"
    DEFERRED = "deferred"
    """The server said not now (4xx), for this mail."""
    REFUSED = "refused"
    """The server said no for good (5xx)."""
    UNREACHABLE = "unreachable"
    """The server is not there; nothing was handed over, and other mails will fare alike."""
    UNKNOWN = "unknown"
    """The connection broke after the data went out: the server may have taken it or not."""


@dataclass(frozen=True)
class Outcome:
    fate: Fate
    answer: str


@dataclass(frozen=True, kw_only=True)
class SmtpServer:
    host: str
    port: int
    sender: str
    use_tls: bool = False
    start_tls: bool = False
    username: str | None = None
    password: str | None = None


class StoodStillError(OSError):
    """This process stood still for so long that another one has the mail by now: it was not handed over to the end."""


class Courier(Protocol):
    async def send(self, recipient: str, message: bytes) -> Outcome:
        """Raises: StoodStillError."""
        ...

    def let_go(self) -> None:
        """Hand over nothing more of what is in hand: this process has stood still."""


class SmtpCourier:
    """Sends one mail at a time over a connection that it keeps. Certificates are checked when TLS is on."""

    def __init__(self, server: SmtpServer) -> None:
        self._server = server
        self._smtp: SMTP | None = None
        self._sent = 0
        self._standstills = 0
        self._turn = asyncio.Lock()

    async def send(self, recipient: str, message: bytes) -> Outcome:
        standstills = self._standstills
        async with self._turn:
            self._expect_no_more_than(standstills)
            reused = self._smtp is not None
            outcome = await self._try(recipient, message)
            if outcome.fate is not Fate.ACCEPTED:
                self._expect_no_more_than(standstills)
            if reused and outcome.fate is Fate.UNREACHABLE:
                # Servers close idle connections without a word; that says nothing about the server.
                return await self._try(recipient, message)
            return outcome

    def let_go(self) -> None:
        self._standstills += 1
        if self._smtp is not None:
            self._smtp.close()

    def _expect_no_more_than(self, standstills: int) -> None:
        if self._standstills > standstills:
            raise StoodStillError("stood still with a mail in hand")

    async def _try(self, recipient: str, message: bytes) -> Outcome:
        try:
            smtp = await self._connected()
            return await self._hand_over(smtp, recipient, message)
        except (SMTPException, OSError, ValueError) as error:
            await self._drop()
            return Outcome(Fate.UNREACHABLE, _words(error))
        except asyncio.CancelledError:
            await self._drop()  # in the middle of a conversation that nobody will take up again
            raise

    async def close(self) -> None:
        async with self._turn:
            smtp, self._smtp = self._smtp, None
            if smtp is not None and smtp.is_connected:
                await smtp.quit()

    async def _connected(self) -> SMTP:
        if self._smtp is not None and self._smtp.is_connected and self._sent < _MAILS_PER_CONNECTION:
            return self._smtp
        await self._drop()
        server = self._server
        smtp = SMTP(
            hostname=server.host,
            port=server.port,
            use_tls=server.use_tls,
            start_tls=server.start_tls,
            username=server.username,
            password=server.password,
            timeout=_COMMAND_SECONDS,
        )
        await smtp.connect()
        self._smtp, self._sent = smtp, 0
        return smtp

    async def _hand_over(self, smtp: SMTP, recipient: str, message: bytes) -> Outcome:
        data_sent = False
        try:
            await smtp.mail(self._server.sender)
            await smtp.rcpt(recipient)
            data_sent = smtp.is_connected
            answer = await smtp.data(message, timeout=_FINAL_DOT_SECONDS)
        except SMTPResponseException as error:
            return await self._answered(smtp, error)
        except (SMTPException, OSError) as error:
            if not data_sent:
                raise
            await self._drop()
            return Outcome(Fate.UNKNOWN, _words(error))
        self._sent += 1
        return Outcome(Fate.ACCEPTED, _kept(f"{answer.code} {answer.message}"))

    async def _answered(self, smtp: SMTP, error: SMTPResponseException) -> Outcome:
        answer = _kept(f"{error.code} {error.message}")
        if error.code == aiosmtplib.SMTPStatus.domain_unavailable or not smtp.is_connected:  # 421: it is going down
            await self._drop()
            return Outcome(Fate.UNREACHABLE, answer)
        try:
            await smtp.rset()
        except (SMTPException, OSError):
            await self._drop()
        permanent = 500 <= error.code < 600  # noqa: PLR2004 - RFC 5321: 5yz is a permanent negative answer
        return Outcome(Fate.REFUSED if permanent else Fate.DEFERRED, answer)

    async def _drop(self) -> None:
        smtp, self._smtp = self._smtp, None
        if smtp is not None:
            smtp.close()


def _words(error: Exception) -> str:
    return _kept(f"{type(error).__name__}: {error}")


def _kept(answer: str) -> str:
    """What the ledger can keep of it: servers also answer in other encodings than UTF-8, which came as surrogates."""
    readable = answer.encode(errors="surrogateescape").decode(errors="replace")
    return readable.replace("\0", "\N{REPLACEMENT CHARACTER}")[:_LONGEST_ANSWER]
