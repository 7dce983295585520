"""Versions of the worker beside one another, and the operator's commands that decide which one gets the work.

A version is a copy of the product's sources in which some lines are others, run as a process of its own.
"""

import asyncio
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx2
from temporalio.api.enums.v1 import EventType

from local import kept_settings
from local.processes import ending_with_parent, free_port, installed_program
from local.product_command import ProductCommand
from tests.faults.site import Site
from tests.world import eventually

ROOT = Path(__file__).parents[2]
_PRODUCT = ("activities", "api", "local", "mail_templates", "migrations", "models", "workflows")
_TOP = ("alembic.ini", "cli.py", "settings.py", "telemetry.py", "worker.py")
_POLLS_WITHIN = 60  # seconds
_GRACE = 10  # seconds

# As in docs/operations/deploying.md; a test compares.
SET_CURRENT = "temporal worker deployment set-current-version --deployment-name tetsuzuki --build-id {build_id} --yes"
SET_RAMPING = (
    "temporal worker deployment set-ramping-version --deployment-name tetsuzuki --build-id {build_id}"
    " --percentage {percentage} --yes"
)
LEAVE_WITH = (
    "temporal workflow update-options --workflow-id {workflow_id} --versioning-override-behavior pinned"
    " --versioning-override-deployment-name tetsuzuki --versioning-override-build-id {build_id}"
)
FAILED_TASKS, WRONG_WAY = "temporal_workflow_task_execution_failed", 'failure_reason="NonDeterminismError"'
REPLAY = "tetsuzuki replay"
DOCTOR = "tetsuzuki doctor"


@dataclass(frozen=True)
class Change:
    """In one file, in place of what stands there exactly once."""

    path: str
    anchor: str
    by: str


@dataclass(frozen=True)
class Said:
    code: int
    text: str


def copied(folder: Path, changes: Sequence[Change]) -> Path:
    """The product's sources in that folder, changed."""
    for name in _PRODUCT:
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _TOP:
        shutil.copyfile(ROOT / name, folder / name)
    for change in changes:
        place = folder / change.path
        text = place.read_text()
        assert text.count(change.anchor) == 1, f"{change.path} no longer has once: {change.anchor}"
        place.write_text(text.replace(change.anchor, change.by))
    return folder


class Version(ProductCommand):
    """A worker of that build id from those sources, on the site's servers."""

    def __init__(self, site: Site, build_id: str, sources: Path) -> None:
        self.build_id = build_id
        self.metrics = f"127.0.0.1:{free_port()}"
        self._sources = sources
        environment = {
            **site.product.environment,
            **kept_settings.read(site.product.data_dir),
            "TETSUZUKI_WORKER_BUILD_ID": build_id,
            "TETSUZUKI_TEMPORAL_METRICS_ADDRESS": self.metrics,
        }
        super().__init__(
            ["worker"], log=site.product.data_dir.parent / f"worker-{build_id}.log", environment=environment
        )

    def command(self) -> list[str]:
        started = [sys.executable, str(self._sources / "cli.py"), "worker"]
        return ending_with_parent(started, stop_signal=self.stop_signal)

    async def has_failed(self) -> bool:
        """Whether its measurements tell of a workflow that goes another way than it has gone."""
        async with httpx2.AsyncClient() as client:
            told = (await client.get(f"http://{self.metrics}/metrics")).text
        return any(line.startswith(FAILED_TASKS) and WRONG_WAY in line for line in told.splitlines())

    async def ask(self, command: str) -> Said:
        """A command of the product, by this version's code."""
        words = [sys.executable, str(self._sources / "cli.py"), *command.split()[1:]]
        return await asyncio.to_thread(_say, words, os.environ | self.environment())


class Operator:
    """Whoever types the commands of docs/operations/deploying.md."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._versions: list[Version] = []

    @contextmanager
    def at_work(self) -> Iterator["Operator"]:
        try:
            yield self
        finally:
            for version in self._versions:
                version.stop(patience=_GRACE)

    def start(self, build_id: str, sources: Path) -> Version:
        version = Version(self._site, build_id, sources)
        self._versions.append(version)
        version.start()
        return version

    async def make_current(self, version: Version) -> None:
        """As soon as it asks for work; before that the server refuses."""
        await self._until_done(SET_CURRENT.format(build_id=version.build_id))

    async def ramp(self, version: Version, percentage: int) -> None:
        await self._until_done(SET_RAMPING.format(build_id=version.build_id, percentage=percentage))

    async def leave_with(self, version: Version, workflow_id: str) -> None:
        await self._until_done(LEAVE_WITH.format(build_id=version.build_id, workflow_id=workflow_id))

    async def _until_done(self, command: str) -> None:
        program, *words = command.split()
        environment = os.environ | {"TEMPORAL_ADDRESS": self._site.engine.service_client.config.target_host}
        said: list[str] = []

        async def done() -> bool:
            answer = await asyncio.to_thread(_say, [installed_program(program), *words], environment)
            said.append(answer.text)
            return answer.code == 0

        try:
            await eventually(done, patience=_POLLS_WITHIN)
        except TimeoutError:
            message = f"{command}: {said[-1] if said else 'no answer'}"
            raise AssertionError(message) from None


async def tasks_by_version(site: Site) -> Counter[str]:
    """How many workflow tasks each version has done; without a version: "none"."""
    done = Counter[str]()
    async for execution in site.engine.list_workflows():
        handle = site.engine.get_workflow_handle(execution.id, run_id=execution.run_id)
        async for event in handle.fetch_history_events():
            if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED:
                version = event.workflow_task_completed_event_attributes.deployment_version
                done[version.build_id or "none"] += 1
    return done


def _say(words: Sequence[str], environment: dict[str, str]) -> Said:
    done = subprocess.run(  # noqa: S603 - the operator's own words
        words, env=environment, capture_output=True, text=True, check=False, timeout=120
    )
    return Said(done.returncode, done.stdout + done.stderr)
