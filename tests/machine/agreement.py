"""Whether the product stands as the paper says: every procedure, every line of its log, every mail; and nobody else's.

What has just been done may take its time, so that it is looked at until it agrees, or has not for half a minute.
"""

import asyncio
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, func, select

from models.tables.approvals import Approver
from models.tables.contracts import Contract as Contracts
from models.tables.procedures import AuditEntry, Link, Mail, Procedure
from models.vocabulary import LinkPurpose
from tests.machine.paper import Page
from tests.machine.paper_approvals import Asking
from tests.machine.paper_restarts import Contract, Restarts
from tests.machine.stage import Stage

_PATIENCE_SECONDS = 30
_LATENESS = timedelta(minutes=5)
"""More than any machine is busy: what is later than this was not begun by its timer."""
_UNDER_WAY = ("queued", "sending")


class Product:
    """What the tables of one tenant say."""

    def __init__(self, rows: dict[str, Sequence[Row[Any]]], now: datetime) -> None:
        self.now = now
        self.states: dict[str, str] = {row.procedure_id: row.state for row in rows["procedures"]}
        self.stuck = [row.procedure_id for row in rows["procedures"] if row.attention]
        self.ledger = rows["mails"]
        self.decisions = {row.procedure_id: row.decisions for row in rows["decisions"]}
        self.contracts = {row.contract_number: row for row in rows["contracts"]}
        self.mails: dict[str, Counter[tuple[str, str]]] = {}
        self.log: dict[str, list[Row[Any]]] = {}
        for mail in self.ledger:
            self.mails.setdefault(mail.procedure_id, Counter())[mail.template, mail.recipient] += 1
        for line in rows["log"]:
            self.log.setdefault(line.procedure_id, []).append(line)


async def product(stage: Stage) -> Product:
    async with stage.database.transaction(stage.tenant_id) as connection:
        rows = {name: (await connection.execute(query)).all() for name, query in _QUERIES.items()}
    return Product(rows, await stage.now())


async def agree(stage: Stage) -> None:
    """Raises: AssertionError: they do not, and how."""
    began, differences = time.monotonic(), ["not looked yet"]
    while differences and time.monotonic() - began < _PATIENCE_SECONDS:
        now = await stage.now()
        for page in stage.pages:
            page.live(now)
        differences = list(_differences(stage, await product(stage)))
        if differences:
            await asyncio.sleep(0.02)
    assert not differences, "\n".join(differences)


async def close(stage: Stage) -> None:
    """At the end of a play: each mail has come once, nothing waits for an operator, and what is over is over."""
    found = await product(stage)
    sent = Counter(row.message_id for row in found.ledger if row.state == "sent")
    arrived = Counter(mail.message_id for mail in stage.mails.mails)
    assert arrived == sent, f"mails: {arrived - sent} too many, {sent - arrived} missing"
    unsent = {row.template for row in found.ledger if row.state != "sent"}
    assert stage.had_outage or not unsent, f"never sent: {unsent}"
    assert {row.state for row in found.ledger} <= {"sent", "skipped"}
    for page in stage.pages:
        if page.procedure_id in found.states and not isinstance(page, Contract):
            await _is_closed_alike(stage, page)


async def tokens(
    stage: Stage, procedure_id: str, *, recipient: str | None = None, purpose: LinkPurpose | None = None
) -> list[str]:
    """Of the links that were mailed for it, the oldest first."""
    query = select(Link.link_id, Link.purpose, Link.recipient).where(Link.procedure_id == procedure_id)
    query = query.where(Link.recipient == recipient) if recipient else query
    query = query.where(Link.purpose == purpose) if purpose else query
    async with stage.database.transaction(stage.tenant_id) as connection:
        rows = (await connection.execute(query.order_by(Link.issued_at))).all()
    return [stage.context.link_key.token(stage.tenant_id, *row) for row in rows]


async def newest(stage: Stage, kind: str) -> str:
    """The procedure of that kind which is on no page yet."""
    known = {page.procedure_id for page in stage.pages}
    began = time.monotonic()
    while time.monotonic() - began < _PATIENCE_SECONDS:
        new = [one for one in (await product(stage)).states if one.startswith(f"{kind}-") and one not in known]
        if new:
            assert len(new) == 1, f"more than one has begun: {new}"
            return new[0]
        await asyncio.sleep(0.02)
    raise AssertionError(f"no {kind} has begun")


def _differences(stage: Stage, found: Product) -> Iterable[str]:
    expected = {page.procedure_id for page in stage.pages if page.log or isinstance(page, Contract)}
    for unknown in found.states.keys() - expected:
        yield f"{unknown} is on no page: {found.states[unknown]}"
    for stuck in found.stuck:
        yield f"{stuck} waits for an operator"
    for page in stage.pages:
        if page.procedure_id in expected:
            yield from _of_page(page, found)
    if stage.is_up:
        waiting = Counter(row.template for row in found.ledger if row.state in _UNDER_WAY)
        if waiting:
            yield f"mails under way: {dict(waiting)}"
    known = {row.message_id for row in found.ledger}
    for mail in stage.mails.mails:
        if mail.message_id not in known:
            yield f"a mail that nobody posted: {mail.recipient} {mail.subject}"


def _of_page(page: Page, found: Product) -> Iterable[str]:
    name = page.procedure_id
    mails = found.mails.get(name, Counter())
    if mails != page.mails:
        yield f"{name} mailed {dict(mails - page.mails)} too much and {dict(page.mails - mails)} not"
    if isinstance(page, Contract):
        row = found.contracts[page.number]
        ends = row.cancellation_date, row.ended_at is not None, row.term_number, row.term_end_date
        if (row.status, *ends) != page.terms:
            yield f"{name} is {(row.status, *ends)}, on paper {page.terms}"
        return
    if found.states.get(name) != page.state:
        yield f"{name} is {found.states.get(name)}, on paper {page.state}"
    if isinstance(page, Asking) and found.decisions.get(name, 0) != page.decisions:
        yield f"{name} has been decided {found.decisions.get(name, 0)} times, on paper {page.decisions}"
    yield from _of_log(page, found)


def _of_log(page: Page, found: Product) -> Iterable[str]:
    told = found.log.get(page.procedure_id, [])
    if [line.what for line in told] != [line.what for line in page.log]:
        yield f"{page.procedure_id} tells {[line.what for line in told]}, on paper {[line.what for line in page.log]}"
        return
    for line, on_paper in zip(told, page.log, strict=True):
        if not on_paper.not_before <= line.at <= on_paper.not_before + _LATENESS:
            yield f"{page.procedure_id}: {line.what} at {line.at}, on paper {on_paper.not_before}"


async def _is_closed_alike(stage: Stage, page: Page) -> None:
    is_over = page.is_over and not (isinstance(page, Restarts) and page.scheduled)
    began = time.monotonic()
    while True:
        found = await stage.context.commands.find(page.procedure_id)
        if found is not None and (found.ended_at is not None) == is_over:
            return
        assert time.monotonic() - began < _PATIENCE_SECONDS, f"{page.procedure_id}: {page.state}, yet Temporal differs"
        await asyncio.sleep(0.05)


_QUERIES = {
    "procedures": select(Procedure.procedure_id, Procedure.state, Procedure.attention),
    "mails": select(Mail.procedure_id, Mail.template, Mail.recipient, Mail.state, Mail.message_id),
    "log": select(AuditEntry.procedure_id, AuditEntry.what, AuditEntry.at)
    .where(AuditEntry.procedure_id.is_not(None), ~AuditEntry.what.startswith("mail_"))
    .order_by(AuditEntry.entry_id),
    "decisions": select(Link.procedure_id, func.count(Approver.link_id).label("decisions"))
    .join(Link, Link.link_id == Approver.link_id)
    .where(Approver.decision.is_not(None))
    .group_by(Link.procedure_id),
    "contracts": select(Contracts.__table__),
}
