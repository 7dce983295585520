"""The whole product on one machine: `tetsuzuki up`."""

import asyncio
import os
import shutil
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Coroutine
from dataclasses import asdict
from pathlib import Path

import psutil

from local import kept_settings
from local.data_folder import DataFolder
from local.processes import PartFailedError
from local.stack_plan import Addresses, StackPlan, UpOptions
from local.supervisor import Part, Supervisor
from local.terminal import Terminal

READY_PATIENCE = 60  # seconds
LAUNCHER_LOOK_INTERVAL = 0.2  # seconds


def up(options: UpOptions) -> int:
    """Run the stack until it is told to stop. The answer is the process's exit code."""
    return run_stack(options, Terminal())


def run_stack(
    options: UpOptions,
    terminal: Terminal,
    *,
    before: Callable[[], None] | None = None,
    then: "Callable[[Addresses], asyncio.Task[None]] | None" = None,
) -> int:
    """`before`: called with the folder in hand and nothing running. `then`: begun once everything answers.

    Whatever it and its parts write is the owner's alone: mails with live links, keys, logs, the database.
    """
    os.umask(0o077)
    try:
        options.check()
        folder = DataFolder(options.folder)
        with folder.held():
            if options.ready_file:
                _make_way_for(options.ready_file)
            for name in folder.end_leftovers():
                terminal.note(f"{name} was left running by an earlier stack; it is stopped.")
            if before:
                before()
            return asyncio.run(Stack(options, folder, terminal).run(then))
    except PartFailedError as failure:
        terminal.fail(str(failure))
        return 1


class Stack:
    def __init__(self, options: UpOptions, folder: DataFolder, terminal: Terminal) -> None:
        self._options = options
        self._folder = folder
        self._terminal = terminal
        self._plan = StackPlan(options, folder)
        self._supervisor = Supervisor(folder, terminal)
        self._began = time.monotonic()

    async def run(self, then: "Callable[[Addresses], asyncio.Task[None]] | None" = None) -> int:
        stop = asyncio.Event()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        launcher = asyncio.create_task(_stop_with_launcher(stop))
        starting = asyncio.create_task(self._start())
        try:
            await _first_of(starting, stop.wait(), self._supervisor.lost.wait())
            if starting.done():
                starting.result()
                story = then(self._plan.addresses) if then else None
                await self._until_the_end(stop, story)
        except* PartFailedError as failures:
            self._terminal.fail("\n".join(str(failure) for failure in failures.exceptions))
            self._supervisor.lost.set()
        finally:
            launcher.cancel()
            starting.cancel()
            await self._stop()
        return 1 if self._supervisor.lost.is_set() else 0

    async def _until_the_end(self, stop: asyncio.Event, story: asyncio.Task[None] | None) -> None:
        if story:
            await _first_of(story, stop.wait(), self._supervisor.lost.wait())
            if story.done():
                story.result()
            story.cancel()
        await _first_of(stop.wait(), self._supervisor.lost.wait())

    async def _start(self) -> None:
        plan = self._plan
        self._folder.write_private(self._folder.path / kept_settings.FILE, kept_settings.to_keep(plan.settings()))
        if self._options.rehearsal:
            self._begin_afresh()
        async with asyncio.TaskGroup() as together:
            together.create_task(self._start_database())
            together.create_task(self._start_part(plan.temporal, plan.addresses.temporal_address))
            if plan.inbox:
                together.create_task(self._start_part(plan.inbox, plan.addresses.inbox_url or ""))
        async with asyncio.TaskGroup() as together:
            for worker in plan.workers:
                together.create_task(self._start_part(worker, ""))
            if plan.carrier:
                together.create_task(self._start_part(plan.carrier, "local: carries parcels that do not exist"))
            together.create_task(self._start_part(plan.api, plan.addresses.api_url))
        await self._wait_until_all_answers()
        if self._options.ready_file:
            self._folder.write_private(self._options.ready_file, asdict(plan.addresses))
        self._tell_addresses()

    async def _start_database(self) -> None:
        await self._start_part(self._plan.postgres, f"127.0.0.1:{self._plan.database.port}")
        if self._options.rehearsal:
            await asyncio.to_thread(self._plan.database.recreate_database)
        await self._supervisor.run_to_end(self._plan.migrations)
        self._terminal.ready("Migrations", "", self._seconds())

    async def _start_part(self, part: Part, address: str) -> None:
        await self._supervisor.keep(part)
        self._terminal.ready(part.name, address, self._seconds())

    async def _wait_until_all_answers(self) -> None:
        api, key = self._plan.addresses.api_url, self._plan.addresses.operator_key
        url, last = f"{api}/readyz", ""
        while self._seconds() < READY_PATIENCE:
            last = await asyncio.to_thread(_answer, url)
            # Another stack may have taken the port in the same moment; it does not know our key.
            if last == "200" and await asyncio.to_thread(_answer, f"{api}/v1/tenants?limit=1", key) == "200":
                return
            await asyncio.sleep(0.05)
        raise PartFailedError(f"{url} did not say it is ready within {READY_PATIENCE} s. It last said: {last}")

    async def _stop(self) -> None:
        began = time.monotonic()
        self._folder.say_that_it_stops()
        if self._options.ready_file:
            self._options.ready_file.unlink(missing_ok=True)
        self._terminal.note("Stopping …")
        await self._supervisor.stop(self._plan.stop_stages)
        self._terminal.note(f"Stopped in {time.monotonic() - began:.1f} s. The data stay in {self._folder.path}.")

    def _begin_afresh(self) -> None:
        """The rehearsal server forgets everything at its end, so nothing else may remember either."""
        shutil.rmtree(self._plan.mails, ignore_errors=True)

    def _tell_addresses(self) -> None:
        addresses = self._plan.addresses
        # A log file is no place for a key; what was given is known to whoever gave it.
        key = addresses.operator_key if self._terminal.is_watched else "in the ready file and in secrets.json, or yours"
        rows = [
            ("API", f"{addresses.api_url}/docs"),
            ("Inbox", addresses.inbox_url or "none: mail goes to the server you named"),
            ("Temporal", addresses.temporal_ui_url or f"{addresses.temporal_address} (a rehearsal has no Web UI)"),
            *([("Operators", f"{addresses.api_url}/codec/sign-in")] if addresses.temporal_ui_url else []),
            ("Operator key", key),
            ("Data and logs", str(self._folder.path)),
        ]
        self._terminal.summary(rows)
        self._terminal.note(f"Everything answers after {self._seconds():.1f} s. Ctrl-C stops it all.")

    def _seconds(self) -> float:
        return time.monotonic() - self._began


def _make_way_for(ready_file: Path) -> None:
    """A killed run left one behind."""
    if not ready_file.parent.is_dir():
        raise PartFailedError(f"There is no folder {ready_file.parent} for the ready file.")
    ready_file.unlink(missing_ok=True)


async def _stop_with_launcher(stop: asyncio.Event) -> None:
    """`uv run` passes on every signal but its own kill, which would leave us running unseen. Other launchers may go."""
    launcher = psutil.Process().parent()
    if launcher is None or launcher.name() != "uv":
        return
    while os.getppid() == launcher.pid:  # noqa: ASYNC110 - another process sets no event here
        await asyncio.sleep(LAUNCHER_LOOK_INTERVAL)
    stop.set()


async def _first_of(*awaited: "asyncio.Task[None] | Coroutine[None, None, bool]") -> None:
    tasks = [asyncio.ensure_future(one) for one in awaited]
    await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)


def _answer(url: str, key: str = "") -> str:
    """The status, or what is wrong."""
    request = urllib.request.Request(url, headers={"Authorization": f"Bearer {key}"} if key else {})  # noqa: S310 - an http address of our own
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310 - likewise
            return str(answer.status)
    except urllib.error.HTTPError as refusal:
        with refusal:
            return f"{refusal.code} {refusal.read().decode(errors='replace')[:2000]}"
    except OSError as error:
        return str(error)
