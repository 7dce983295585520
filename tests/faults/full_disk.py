"""The disk with everybody's data full: Postgres', Temporal's, and the supervisor's own notes."""

import asyncio
import os
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from tests.faults.kills import Injection
from tests.faults.main_job import MainJob
from tests.faults.site import Site

STEPS = ("apply", "confirm", "approve", "register")
BACK_WITHIN = 30  # seconds from the space's return
_SIZE = "320m"
_FULL_FOR = 12  # seconds
_SPARE_FILES = 12
_PIECE = 1024 * 1024
_SMALLEST_PIECE = 4096


class NoDiskError(Exception):
    """This machine does not let us have a small disk; the sentence says why."""


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """The folder on a disk of its own, in memory.

    Raises:
        NoDiskError: only root may mount one, and not in every container.
    """
    folder.mkdir(mode=0o700, parents=True)
    mount = ["mount", "-t", "tmpfs", "-o", f"size={_SIZE},mode=0700", "tmpfs", str(folder)]
    done = subprocess.run(mount, capture_output=True, text=True, check=False)  # noqa: S603 - our own words
    if done.returncode:
        message = f"no small disk here: {done.stderr.strip()}"
        raise NoDiskError(message)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S603, S607 - likewise


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Not a byte is left, until the end of the block."""
    balloon = folder / "balloon"
    with balloon.open("wb", buffering=0) as file:
        _fill(file.fileno())
    try:
        yield
    finally:
        balloon.unlink()


def _fill(file: int) -> None:
    piece = _PIECE
    while piece >= _SMALLEST_PIECE:
        try:
            os.write(file, b"\0" * piece)
        except OSError:
            piece //= 2


@dataclass
class FullDisks:
    site: Site
    injections: list[Injection] = field(default_factory=list)
    jobs: list[MainJob] = field(default_factory=list)

    async def meet(self, step: str, *, jobs: int = 3) -> None:
        """The step is asked for as the disk is full. What is answered well meanwhile must be there afterwards."""
        mine = [MainJob(self.site, f"full{len(self.jobs) + n:02}") for n in range(jobs)]
        self.jobs += mine
        injection = Injection("disk full", 0, f"{step} asked for meanwhile", [job.name for job in mine])
        self.injections.append(injection)
        await asyncio.gather(*(job.ready_for(step) for job in mine))
        with filled(self.site.product.data_dir):
            for job in mine:
                job.begin(step)
            await self._exhaust_the_log()
            await asyncio.sleep(_FULL_FOR)
        empty = time.monotonic()
        await self.site.answers()
        injection.back_after = time.monotonic() - empty
        if injection.back_after > BACK_WITHIN:
            injection.trouble.append(f"well only {injection.back_after:.0f} s after there was space again")
        await asyncio.gather(*(job.finish() for job in mine))

    async def _exhaust_the_log(self) -> None:
        """Postgres keeps files of its log in reserve; without one it cannot go on at all."""
        with suppress(psycopg.OperationalError):
            async with await psycopg.AsyncConnection.connect(self.site.superuser_url, autocommit=True) as connection:
                for _ in range(_SPARE_FILES):
                    await connection.execute("SELECT pg_logical_emit_message(false, 'full', 'disk')")
                    await connection.execute("SELECT pg_switch_wal()")
