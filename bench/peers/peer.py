"""What the measurements ask of an engine: a worker in a process of its own, to begin and to decide."""

import sys
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql

from bench.peers.office import TABLES
from bench.peers.surroundings import Surroundings
from bench.product import Running


@dataclass(frozen=True)
class Site:
    """The running product, whose Postgres and Temporal all engines share, and the mail server that notes every mail."""

    running: Running
    smtp_port: int
    superuser_url: str
    logs: Path

    def database_for(self, name: str) -> str:
        """The URL of a new, empty database."""
        with psycopg.connect(self.superuser_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        base, _, _ = self.superuser_url.rpartition("/")
        return f"{base}/{name}"


@dataclass(frozen=True)
class Awaited:
    """The nth mail to a recipient."""

    recipient: str
    nth: int = 1


class Peer(ABC):
    """`name`: of its row in the table. `title`: what that row says."""

    name: str
    title: str

    def __init__(self, site: Site) -> None:
        self.site = site

    async def set_up(self) -> None:  # noqa: B027 - some need nothing
        """Everything that stands before the first worker."""

    @property
    @abstractmethod
    def worker_command(self) -> list[str]: ...

    @property
    def worker_environment(self) -> Mapping[str, str]:
        return {}

    @property
    def servers(self) -> Mapping[str, int]:
        """Pids of what it needs to run besides its worker and Postgres."""
        return {}

    @abstractmethod
    async def begin(self, key: str) -> str:
        """Begin a process; return its id when it is durable."""

    async def make_ready(self, process: str) -> None:  # noqa: B027 - likewise
        """What must happen between the invitation and the decision. Not among the figures of the decision."""

    @abstractmethod
    async def decide(self, process: str) -> None:
        """Return when the decision is durable and answered."""

    def invitation(self, key: str) -> Awaited:
        return Awaited(f"{key}@{self.name}.example")

    def welcome(self, key: str) -> Awaited:
        return Awaited(f"{key}@{self.name}.example", 2)

    def due_mails(self, key: str) -> Mapping[str, int]:
        """How many mails each recipient gets of a whole process."""
        return {f"{key}@{self.name}.example": 2}

    def last_mails(self, key: str) -> Sequence[Awaited]:
        """Each recipient's last: with these a process has done all that it was to do."""
        return [self.welcome(key)]

    async def close(self) -> None:  # noqa: B027 - likewise
        """End what `set_up` began."""


class OfficePeer(Peer):
    """One that does the mini process as it stands in `office`, in a database of its own."""

    worker_module: str
    surroundings: Surroundings

    async def set_up(self) -> None:
        self.surroundings = Surroundings(
            database_url=self.site.database_for(f"bench_{self.name}"),
            smtp_port=self.site.smtp_port,
            temporal_address=self.site.running.ready["temporal_address"],
        )
        with psycopg.connect(self.surroundings.database_url) as connection:
            connection.execute(TABLES)

    @property
    def worker_command(self) -> list[str]:
        return [sys.executable, "-m", self.worker_module]

    @property
    def worker_environment(self) -> Mapping[str, str]:
        return self.surroundings.as_environment()

    def address(self, key: str) -> str:
        return f"{key}@{self.name}.example"
