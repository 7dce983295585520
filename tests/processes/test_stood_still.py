"""A worker that has stood still for longer than its leases: its mails are others' by now, and it hands over none."""

import asyncio
import threading
import time
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from activities import mail
from activities.smtp import Fate, SmtpCourier, SmtpServer, StoodStillError
from settings import Settings
from tests.mail_server import MailServer
from tests.processes.test_service_application import APPLICANT, submit
from tests.world import PATIENCE, World, eventually

pytestmark = pytest.mark.requirement("GEN-03")
LEASE, STANDSTILL = timedelta(seconds=mail._HEARTBEAT_SECONDS + 1), 1.5  # noqa: SLF001 - as long as it has to be


@dataclass
class Hesitation:
    """A mail server that hesitates over the first recipient it is told."""

    told: list[str] = field(default_factory=list)
    hesitates: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)

    def __call__(self, recipient: str) -> None:
        self.told.append(recipient)
        self.hesitates.set()
        self.goes_on.wait(PATIENCE)


@pytest.fixture
def hesitation(mail_server: MailServer) -> Hesitation:
    mail_server.answer = hesitation = Hesitation()
    return hesitation


@pytest.fixture
def settings(settings: Settings) -> Settings:
    durations = settings.durations.model_copy(update={"mail_lease": LEASE})
    return settings.model_copy(update={"durations": durations})


async def test_after_a_standstill_neither_the_mail_being_sent_nor_the_next_one_goes_out(
    mail_server: MailServer, hesitation: Hesitation
) -> None:
    """Then it goes on with a new connection."""
    courier = SmtpCourier(SmtpServer(host="127.0.0.1", port=mail_server.port, sender="no-reply@tetsuzuki.example"))
    in_hand = [asyncio.create_task(courier.send(f"{name}@minato.example", b"Subject: x\r\n\r\nx\r\n")) for name in "ab"]
    await eventually(hesitation.hesitates.is_set)
    courier.let_go()
    hesitation.goes_on.set()
    outcomes = await asyncio.gather(*in_hand, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [StoodStillError, StoodStillError]
    assert mail_server.mails == []
    assert (await courier.send("a@minato.example", b"Subject: x\r\n\r\nx\r\n")).fate is Fate.ACCEPTED
    await courier.close()


async def test_a_worker_that_stood_still_in_the_middle_of_a_mail_begins_it_anew(
    world: World, hesitation: Hesitation
) -> None:
    """As whoever has taken it over meanwhile does; here nobody has."""
    await submit(world)
    await eventually(hesitation.hesitates.is_set)
    time.sleep(STANDSTILL)  # noqa: ASYNC251 - nothing of this process goes on, as with SIGSTOP
    hesitation.goes_on.set()
    await world.mails_to(APPLICANT, 1)
    assert hesitation.told == [APPLICANT, APPLICANT]
    assert len(world.mails.mails) == 1
