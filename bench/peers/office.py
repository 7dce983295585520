"""The mini process, written down once: what any engine has done, step by step, whoever decides when.

A row is recorded, an invitation is mailed; after a decision an account is provisioned and a welcome is mailed; after
seven days without one the invitation expires. Each step may be repeated, as the peers' documents ask of steps and
tasks: it looks whether it has been done, under a lock on the row, before it does it, and notes it in the same
transaction.
"""

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from email.utils import formatdate
from typing import Any

import aiosmtplib
import psycopg
import psycopg_pool

PATIENCE = timedelta(days=7)
SENDER = "office@bench.example"
CONCURRENCY = 10
"""Steps at a time in a worker that does more than one."""

TABLES = """
CREATE TABLE IF NOT EXISTS invitations (
    id text PRIMARY KEY, mail_address text NOT NULL, expires_at timestamptz NOT NULL, expired_at timestamptz,
    invited_at timestamptz, decided_at timestamptz, welcomed_at timestamptz
);
CREATE TABLE IF NOT EXISTS accounts (id text PRIMARY KEY REFERENCES invitations (id), opened_at timestamptz NOT NULL)
"""
RECORD = """
INSERT INTO invitations (id, mail_address, expires_at) VALUES (%s, %s, now() + interval '7 days') ON CONFLICT DO NOTHING
"""
DECIDE = """
UPDATE invitations SET decided_at = now() WHERE id = %s AND decided_at IS NULL AND expired_at IS NULL RETURNING id
"""
PROVISION = "INSERT INTO accounts (id, opened_at) VALUES (%s, now()) ON CONFLICT DO NOTHING"
EXPIRE = """
UPDATE invitations SET expired_at = now()
WHERE id = %s AND decided_at IS NULL AND expired_at IS NULL AND expires_at <= now()
"""


@dataclass(frozen=True)
class Letter:
    subject: str
    due: str
    """Gives the address and locks the row, unless the letter has been sent."""
    sent: str

    def message(self, invitation: str, recipient: str) -> bytes:
        """Ready to send. Each letter has one Message-ID for ever, so that a recipient can tell a copy."""
        headers = f"From: {SENDER}\r\nTo: {recipient}\r\nSubject: {self.subject} ({invitation})\r\n"
        headers += f"Message-ID: <{self.subject.lower()}-{invitation}@bench.example>\r\nDate: {formatdate()}\r\n"
        return f"{headers}\r\n{self.subject}, {recipient}.\r\n".encode()


def _letter(subject: str, column: str) -> Letter:
    due = f"SELECT mail_address FROM invitations WHERE id = %s AND {column} IS NULL FOR UPDATE"  # noqa: S608 - ours
    return Letter(subject, due, f"UPDATE invitations SET {column} = now() WHERE id = %s")  # noqa: S608 - likewise


INVITATION = _letter("Invitation", "invited_at")
WELCOME = _letter("Welcome", "welcomed_at")


class Courier:
    """One kept connection to the mail server, as all engines have."""

    def __init__(self, port: int) -> None:
        self._smtp = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, use_tls=False, start_tls=False)
        self._turn = asyncio.Lock()

    async def send(self, recipient: str, message: bytes) -> None:
        async with self._turn:
            if not self._smtp.is_connected:
                await self._smtp.connect()
            await self._smtp.sendmail(SENDER, [recipient], message)


class Office:
    """Must be made on the loop that uses it."""

    def __init__(self, database_url: str, smtp_port: int) -> None:
        self._pool = psycopg_pool.AsyncConnectionPool[psycopg.AsyncConnection[Any]](
            database_url, min_size=2, max_size=CONCURRENCY, open=False
        )
        self._courier = Courier(smtp_port)

    async def open(self) -> None:
        await self._pool.open()

    async def close(self) -> None:
        await self._pool.close()

    async def record(self, invitation: str, mail_address: str) -> None:
        await self._write(RECORD, invitation, mail_address)

    async def invite(self, invitation: str) -> None:
        await self._mail(INVITATION, invitation)

    async def provision(self, invitation: str) -> None:
        await self._write(PROVISION, invitation)

    async def welcome(self, invitation: str) -> None:
        await self._mail(WELCOME, invitation)

    async def expire(self, invitation: str) -> None:
        await self._write(EXPIRE, invitation)

    async def _write(self, statement: str, *values: str) -> None:
        async with self._pool.connection() as connection:
            await connection.execute(statement.encode(), values)

    async def _mail(self, letter: Letter, invitation: str) -> None:
        async with self._pool.connection() as connection:
            due = await (await connection.execute(letter.due.encode(), (invitation,))).fetchone()
            if due is None:
                return
            await self._courier.send(due[0], letter.message(invitation, due[0]))
            await connection.execute(letter.sent.encode(), (invitation,))
