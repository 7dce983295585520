"""The built-in inbox: takes every mail that the product sends, sends none on, and shows them to whoever sits here."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import uvicorn
from aiosmtpd import smtp
from starlette.applications import Starlette

from local.inbox_pages.pages import inbox_app
from local.mail_folder import Envelope, MailFolder
from local.processes import port_is_free
from models.clock import Clock, SystemClock

HOST = "127.0.0.1"
LARGEST_MAIL = 32 * 1024 * 1024  # bytes


@dataclass(frozen=True)
class InboxPorts:
    smtp: int
    web: int


class MailReceiver:
    """What aiosmtpd calls for each mail."""

    def __init__(self, folder: MailFolder, clock: Clock) -> None:
        self._folder = folder
        self._clock = clock

    async def handle_DATA(self, _server: smtp.SMTP, _session: smtp.Session, received: smtp.Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        envelope = Envelope(
            received_at=await self._clock.now(), sender=received.mail_from or "", recipients=tuple(received.rcpt_tos)
        )
        try:
            mail_id = await asyncio.to_thread(self._folder.keep, received.original_content or b"", envelope)
        except OSError as error:
            return f"452 4.3.1 cannot be stored: {error.strerror}"
        return f"250 2.0.0 kept as {mail_id}"


@asynccontextmanager
async def receiving(folder: MailFolder, clock: Clock, *, port: int) -> AsyncIterator[None]:
    """An SMTP server on loopback for as long as the context lasts."""
    receiver = MailReceiver(folder, clock)
    loop = asyncio.get_running_loop()

    def session() -> smtp.SMTP:
        # The name is given because looking it up would ask the network.
        return smtp.SMTP(receiver, hostname="localhost", enable_SMTPUTF8=True, data_size_limit=LARGEST_MAIL, loop=loop)

    server = await loop.create_server(session, host=HOST, port=port)
    try:
        yield
    finally:
        server.close()


def run(folder: Path, ports: InboxPorts, *, world_clock: str | None = None) -> None:
    """Serve until SIGTERM or Ctrl-C. `world_clock`: the rehearsal server's address, to tell the time by."""
    taken = [str(port) for port in (ports.smtp, ports.web) if not port_is_free(port)]
    if taken:
        message = f"Port {' and '.join(taken)} of {HOST} is taken. Choose another: --smtp-port, --web-port."
        raise SystemExit(message)
    mails = MailFolder(folder)

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        async with receiving(mails, await _clock(world_clock), port=ports.smtp):
            yield

    app = inbox_app(mails, lifespan=lifespan)
    uvicorn.run(app, host=HOST, port=ports.web, access_log=False, log_level="warning", timeout_graceful_shutdown=1)


async def _clock(world_clock: str | None) -> Clock:
    if world_clock is None:
        return SystemClock()
    # Only a rehearsal waits for these two to be read.
    from temporalio.client import Client  # noqa: PLC0415

    from workflows.world_clock import WorldClock  # noqa: PLC0415

    return WorldClock(await Client.connect(world_clock, lazy=True))
