"""What a story leaves behind, to be compared with what it leaves when nobody dies.

All rows of all tables, column by column, and each procedure's timeline. Columns in which two undisturbed runs differ
(ids, instants, secrets) say nothing and are left out; what is left of a text is compared without its ids and instants.
"""

import json
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

_TABLES = """
SELECT table_name FROM information_schema.tables
WHERE table_schema = 'public' AND table_type = 'BASE TABLE' AND table_name <> 'alembic_version' ORDER BY 1
"""
_TIMELINES = """
SELECT regexp_replace(procedure_id, '-T[0-9]{7}.*', '') || ': '
    || string_agg(what, ', ' ORDER BY entry_id) FILTER (WHERE what NOT LIKE 'mail_%') AS told
FROM audit_entries WHERE procedure_id IS NOT NULL GROUP BY procedure_id
"""
_UNSETTLED = "SELECT count(*) AS mails FROM mails WHERE state IN ('queued', 'sending', 'deferred', 'unknown')"
_PERSONAL = re.compile(
    r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?"  # instants
    r"|\d{1,2}:\d\d(?::\d\d)?"  # times of day, in mails
    r"|[0-9a-f]{12,}|[0-9a-f]{8}-[0-9a-f-]{27}|[A-Za-z0-9_-]{40,}|(?:AAP|UAP|RS|VR)-[0-9A-Z]{8}|\d{6,}"  # ids, tokens
)
_SHOWN = 200  # characters of what differs
_TRIES = frozenset({"mails.attempts", "mails.sequence", "audit_entries.entry_id"})
"""A second try is what a death brings, and a number that a lost transaction had drawn."""
_TOLD_OF_MAILS = frozenset({"mails", "audit_entries"})


@dataclass
class Leftovers:
    """`columns`: by `table.column`, the values sorted. `timelines`: sorted."""

    columns: dict[str, list[str]] = field(default_factory=dict)
    timelines: list[str] = field(default_factory=list)

    @classmethod
    def read(cls, place: Path) -> Self:
        return cls(**json.loads(place.read_text()))

    def write(self, place: Path) -> None:
        place.write_text(json.dumps({"columns": self.columns, "timelines": self.timelines}, ensure_ascii=False))


def differences(found: Leftovers, golden: Sequence[Leftovers], *, has_died: bool = False) -> list[str]:
    """What is otherwise than in all undisturbed runs, which are at least two.

    `has_died`: a worker, perhaps with mails in hand, whatever it died at. Until the next try a mail may have been
    withdrawn, or have come too late, and those that waited behind it too: they are skipped then. Those that the story
    needs, it has seen.
    """
    first, *others = golden
    settled = [name for name in first.columns if all(one.columns.get(name) == first.columns[name] for one in others)]
    if has_died and _skipped_instead(found, first):
        settled = [name for name in settled if name.partition(".")[0] not in _TOLD_OF_MAILS]
    wrong = [
        f"{name}: {_against(found.columns.get(name, []), first.columns[name])}"
        for name in settled
        if name not in _TRIES and found.columns.get(name) != first.columns[name]
    ]
    if found.timelines not in [one.timelines for one in golden]:
        wrong.append(f"timelines: {_against(found.timelines, first.timelines)}")
    return wrong


def _skipped_instead(found: Leftovers, golden: Leftovers) -> bool:
    these, those = (Counter(one.columns.get("mails.state", [])) for one in (found, golden))
    return set(these - those) == {"skipped"} and set(those - these) == {"sent"}


def _against(found: list[str], golden: list[str]) -> str:
    more, fewer = Counter(found) - Counter(golden), Counter(golden) - Counter(found)
    shown = [[value[:_SHOWN] for value in list(some)[:3]] for some in (more, fewer)]
    return f"{len(found)} instead of {len(golden)}, too many {shown[0]}, missing {shown[1]}"


async def leftovers(superuser_url: str) -> Leftovers | None:
    """None while mails are on their way."""
    async with await psycopg.AsyncConnection.connect(superuser_url, row_factory=dict_row) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        unsettled = await (await connection.execute(_UNSETTLED)).fetchone()
        if unsettled is None or unsettled["mails"]:
            return None
        found = Leftovers()
        for table in await (await connection.execute(_TABLES)).fetchall():
            name = table["table_name"]
            rows = await connection.execute(sql.SQL("SELECT * FROM {}").format(sql.Identifier(name)))
            found.columns |= _columns(name, await rows.fetchall())
        timelines = await (await connection.execute(_TIMELINES)).fetchall()
        found.timelines = sorted(row["told"] or "" for row in timelines)
        return found


def _columns(table: str, rows: Sequence[dict[str, Any]]) -> dict[str, list[str]]:
    """Their number stands for a table without rows, and beside those of others."""
    columns: dict[str, list[str]] = {f"{table}.*": ["row"] * len(rows)}
    for name in rows[0] if rows else ():
        columns[f"{table}.{name}"] = sorted(_PERSONAL.sub("#", _text(row[name])) for row in rows)
    return columns


def _text(value: object) -> str:
    """JSON's keys in one order."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
