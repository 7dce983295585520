"""Celery with Redis, as its documents teach: late acknowledgement, one message ahead, tasks that may be repeated.

Its documents warn of countdowns longer than the visibility timeout, and of long ones altogether: what expires is
found in the table, by a periodic task of the beat. After a death Redis hands a message out again once the visibility
timeout has passed; an hour by default, fifteen seconds here, because hundreds of kills do not wait for hours.
"""

import smtplib
from functools import cache
from typing import Any

import psycopg
from celery import Celery

from bench.peers.office import INVITATION, PROVISION, SENDER, WELCOME, Letter
from bench.peers.surroundings import Surroundings

VISIBILITY_TIMEOUT = 15  # seconds
_EXPIRE = """
UPDATE invitations SET expired_at = now() WHERE decided_at IS NULL AND expired_at IS NULL AND expires_at <= now()
"""


def make_app(broker_url: str) -> Celery:
    app = Celery("bench", broker=broker_url)
    app.conf.update(
        task_acks_late=True,
        task_reject_on_worker_lost=True,
        task_ignore_result=True,
        worker_prefetch_multiplier=1,
        broker_transport_options={
            "visibility_timeout": VISIBILITY_TIMEOUT,
            "unacked_mutex_expire": VISIBILITY_TIMEOUT,
            "unacked_restore_interval": 5,  # seconds; kombu says to look more often where the timeout is low
            "unacked_restore_throttle": 1,
        },
        broker_connection_retry_on_startup=True,
        beat_schedule={"expire": {"task": "expire", "schedule": 3600.0}},
    )
    return app


class _Desk:
    """What one process of the pool keeps: a connection to the database, and one to the mail server."""

    def __init__(self, found: Surroundings) -> None:
        self.database: psycopg.Connection[Any] = psycopg.connect(found.database_url, autocommit=True)
        self._smtp = smtplib.SMTP("127.0.0.1", found.smtp_port)

    def mail(self, letter: Letter, invitation: str) -> None:
        with self.database.transaction():
            due = self.database.execute(letter.due.encode(), (invitation,)).fetchone()
            if due is None:
                return
            self._smtp.sendmail(SENDER, [due[0]], letter.message(invitation, due[0]))
            self.database.execute(letter.sent.encode(), (invitation,))


@cache
def _desk() -> _Desk:
    return _Desk(Surroundings.found())


def register(app: Celery) -> None:
    again: dict[str, Any] = {"autoretry_for": (smtplib.SMTPException, OSError, psycopg.Error), "retry_backoff": True}

    @app.task(name="invite", **again)
    def invite(invitation: str) -> None:
        _desk().mail(INVITATION, invitation)

    @app.task(name="welcome", **again)
    def welcome(invitation: str) -> None:
        desk = _desk()
        desk.database.execute(PROVISION, (invitation,))
        desk.mail(WELCOME, invitation)

    @app.task(name="expire", **again)
    def expire() -> None:
        _desk().database.execute(_EXPIRE)
