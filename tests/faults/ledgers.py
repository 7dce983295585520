"""The five ledgers of a run, whatever its jobs are.

What clients were answered, what the database has, what the engine has, what the mail server took, and what another
tenant had before and after.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, Protocol

from tests.faults.client import Operation


class Wished(Protocol):
    """What must have come of a job. `acts`: each of these must have been answered well in the end."""

    @property
    def job(self) -> str: ...

    @property
    def acts(self) -> tuple[str, ...]: ...


@dataclass(frozen=True)
class Procedure:
    procedure_id: str
    subject: str
    state: str
    has_ended: bool
    needs_operator: bool


@dataclass(frozen=True)
class Entry:
    """Of the audit log."""

    procedure_id: str
    what: str
    step: str | None
    subject: str
    at: datetime


@dataclass(frozen=True)
class Letter:
    """A row of the mail ledger."""

    message_id: str
    procedure_id: str
    template: str
    recipient: str
    state: str
    sequence: int


@dataclass(frozen=True)
class Run:
    """A workflow's run, of its history."""

    workflow_id: str
    run_id: str
    status: str
    result: str | None
    accepted_updates: tuple[str, ...]
    failed_tasks: tuple[str, ...]
    """Why workflow tasks failed; a task that a killed worker left is not among them."""


@dataclass(frozen=True)
class Taken:
    """A mail as the mail server took it, in the order of arrival."""

    message_id: str
    recipient: str
    is_ambiguous: bool


@dataclass
class Ledgers(ABC):
    """What is read of every run, and how a kind of job is told from it."""

    recorded_as: ClassVar[Mapping[str, str]]
    """What the audit log calls each act; it does not speak of others."""
    once: ClassVar[frozenset[str]]
    """What a procedure records once at most."""
    may_rest_as: ClassVar[frozenset[str]] = frozenset()
    """The states in which a procedure may wait for people for longer than a run."""

    operations: list[Operation] = field(default_factory=list, kw_only=True)
    procedures: list[Procedure] = field(default_factory=list, kw_only=True)
    entries: list[Entry] = field(default_factory=list, kw_only=True)
    letters: list[Letter] = field(default_factory=list, kw_only=True)
    runs: list[Run] = field(default_factory=list, kw_only=True)
    engine_lists: bool = field(default=True, kw_only=True)
    """The rehearsal's engine cannot; then there are no `runs`."""
    taken: list[Taken] = field(default_factory=list, kw_only=True)
    untouched: tuple[str, str] = field(default=("", ""), kw_only=True)
    """Checksums of the other tenant, before and after."""

    @property
    @abstractmethod
    def wishes(self) -> Sequence[Wished]: ...

    @abstractmethod
    def jobs(self) -> dict[str, str | None]:
        """Whose each procedure is, by its id."""


def by_tenant(evidence: Ledgers, jobs: Mapping[str, str]) -> dict[str, str | None]:
    """Whose each procedure is where every job has a tenant of its own. `jobs`: by the tenants' ids."""
    named = {entry.procedure_id for entry in evidence.entries} | {one.procedure_id for one in evidence.procedures}
    named |= {letter.procedure_id for letter in evidence.letters}
    return {name: next((job for tenant, job in jobs.items() if f"-{tenant}-" in name), None) for name in named}
