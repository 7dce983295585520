"""UTMs that are none: real clients of the device API, for the demo, tests and load (UTM-07).

Each sends heartbeats, waits for commands, and does as it is told: it says that it begins, restarts (silent for as long
as that takes), opens or closes a remote-support session, and says that it has. It acts once on each command, whatever
is killed or told twice.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from pathlib import Path

import httpx2

from local.utm_memory import Deed, Memory
from models.identifiers import Draw

_AGAIN_AFTER_SECONDS = 1.0
_ANSWER_SECONDS = 15
_DEVICES_PER_CLIENT = 50  # the client looks through all its connections at every request
_STARTS_PER_SECOND = 200
_WHY_NOT = "configuration is being saved"
_PASSWORD_SIGNS = "abcdefghjkmnpqrstuvwxyz23456789"  # noqa: S105 - what one is made of; none is mistaken for another
_CLOSED = (HTTPStatus.NOT_FOUND, HTTPStatus.CONFLICT)


RESTART, START, STOP = "restart", "remote_support_start", "remote_support_stop"
_DEEDS = {
    RESTART: (Deed.TAKEN, Deed.RESTARTED),
    START: (Deed.START_TAKEN, Deed.SESSION_OPENED),
    STOP: (Deed.STOP_TAKEN, Deed.SESSION_CLOSED),
}
_KINDS = {deed: kind for kind, deeds in _DEEDS.items() for deed in deeds} | {Deed.SESSION_REFUSED: START}


class Failure(StrEnum):
    DEAF = "deaf"
    """Never asks for commands."""
    SLOW = "slow"
    """Lets a while pass before it begins."""
    CRASH = "crash"
    """Begins, and never says how it ended."""
    TWICE = "twice"
    """Says everything twice."""
    REFUSE = "refuse"
    """Begins, and says that it cannot, and why."""
    WRONG_TOKEN = "wrong-token"  # noqa: S105 - the name of a failure


@dataclass(frozen=True)
class Habits:
    """In seconds. `restart`: how long one takes. `delay`: of a slow device."""

    heartbeat_every: float = 60
    wait: int = 30
    restart: float = 3
    delay: float = 30
    failure: Failure | None = None


class SimulatedUtm:
    """`name`: what its memory knows it by; `client`: leads to the API."""

    def __init__(self, name: str, token: str, client: httpx2.AsyncClient, habits: Habits, memory: Memory) -> None:
        token = token[:-1] + ("A" if token[-1] != "A" else "B") if habits.failure is Failure.WRONG_TOKEN else token
        self.name = name
        self.memory = memory
        self._headers = {"Authorization": f"Bearer {token}"}
        self._client = client
        self._habits = habits
        self._is_up = asyncio.Event()
        self._is_up.set()

    async def live(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._beat())
            if self._habits.failure is not Failure.DEAF:
                tasks.create_task(self._obey())

    async def heartbeat(self) -> None:
        told = {"version": "10.1.0", "ip_address": "192.0.2.1"}
        await self._ask("POST", "heartbeat", json=told)

    async def poll(self) -> list[tuple[str, str]]:
        """The ids and the kinds of what it is to do."""
        answer = await self._ask("GET", f"commands?wait={self._habits.wait}")
        if answer is None or answer.status_code != HTTPStatus.OK:
            await asyncio.sleep(_pause(answer))
            return []
        return [(str(command["command_id"]), str(command["kind"])) for command in answer.json()["commands"]]

    async def act(self, command_id: str, kind: str) -> None:
        """Do once what this command says, however often it comes."""
        taken, done = _DEEDS[kind]
        if self.memory.last(self.name, command_id) is not done:
            self.memory.note(self.name, command_id, taken)
            if self._habits.failure is Failure.SLOW:
                await asyncio.sleep(self._habits.delay)
            if not await self._report(command_id, "started"):
                self.memory.note(self.name, command_id, Deed.REPORTED)
                return
            if self._habits.failure is not Failure.REFUSE:
                self.memory.note(self.name, command_id, done)
                await self._carry_out(kind)
        if self._habits.failure is Failure.REFUSE:
            await self._report(command_id, "failed", detail=_WHY_NOT)
        elif self._habits.failure is not Failure.CRASH:
            await self._report_success(command_id, kind)
        self.memory.note(self.name, command_id, Deed.REPORTED)

    async def _beat(self) -> None:
        while True:
            await self._is_up.wait()
            await self.heartbeat()
            await asyncio.sleep(self._habits.heartbeat_every)

    async def _obey(self) -> None:
        for command_id, deed in self.memory.unfinished(self.name):
            await self.act(command_id, _KINDS[deed])
        while True:
            for command_id, kind in await self.poll():
                if self.memory.last(self.name, command_id) is not Deed.REPORTED:
                    await self.act(command_id, kind)

    async def _carry_out(self, kind: str) -> None:
        if kind == RESTART:
            await self._restart()
        else:
            print(f"{self.name} {'opens' if kind == START else 'closes'} a remote-support session", flush=True)

    async def _report_success(self, command_id: str, kind: str) -> None:
        """A session that nobody waits for any more is closed again."""
        session = {}
        if kind == START:
            draw = Draw()
            session = {"session_id": draw.text("0123456789", 9), "password": draw.text(_PASSWORD_SIGNS, 12)}
        if not await self._report(command_id, "succeeded", **session) and session:
            self.memory.note(self.name, command_id, Deed.SESSION_REFUSED)
            await self._carry_out(STOP)

    async def _restart(self) -> None:
        print(f"{self.name} restarts", flush=True)
        self._is_up.clear()
        await asyncio.sleep(self._habits.restart)
        self._is_up.set()
        await self.heartbeat()

    async def _report(self, command_id: str, state: str, **detail: str) -> bool:
        """Until it is answered. False: the command is not to be carried out, or is over."""
        told = {"state": state, **detail}
        while True:
            answer = await self._ask("POST", f"commands/{command_id}/result", json=told)
            if self._habits.failure is Failure.TWICE:
                answer = await self._ask("POST", f"commands/{command_id}/result", json=told)
            if answer is not None and (answer.status_code in _CLOSED or answer.is_success):
                return answer.is_success
            await asyncio.sleep(_pause(answer))

    async def _ask(self, method: str, path: str, json: dict[str, str] | None = None) -> httpx2.Response | None:
        """None: nobody answers there."""
        try:
            return await self._client.request(method, f"/v1/device/{path}", json=json, headers=self._headers)
        except httpx2.TransportError:
            return None


def _pause(answer: httpx2.Response | None) -> float:
    """Until it is worth asking again."""
    return _AGAIN_AFTER_SECONDS if answer is None else float(answer.headers.get("Retry-After", _AGAIN_AFTER_SECONDS))


@asynccontextmanager
async def fleet(
    api_url: str, tokens: Sequence[tuple[str, str]], habits: Habits, memory: Memory
) -> AsyncIterator[list[SimulatedUtm]]:
    """`tokens`: by the devices' names."""
    timeout = httpx2.Timeout(_ANSWER_SECONDS, read=habits.wait + _ANSWER_SECONDS)
    limits = httpx2.Limits(max_connections=None)
    async with AsyncExitStack() as clients:
        devices = []
        for first in range(0, len(tokens), _DEVICES_PER_CLIENT):
            client = await clients.enter_async_context(
                httpx2.AsyncClient(base_url=api_url, timeout=timeout, limits=limits)
            )
            of_client = tokens[first : first + _DEVICES_PER_CLIENT]
            devices += [SimulatedUtm(name, token, client, habits, memory) for name, token in of_client]
        yield devices


async def run(api_url: str, tokens: Sequence[tuple[str, str]], habits: Habits, memory: Path | None) -> None:
    """Until the process is told to end."""
    async with fleet(api_url, tokens, habits, Memory(memory)) as devices, asyncio.TaskGroup() as tasks:
        for device in devices:
            tasks.create_task(device.live())
            await asyncio.sleep(1 / _STARTS_PER_SECOND)


def read_tokens(file: Path, count: int | None) -> list[tuple[str, str]]:
    """A device a line: its name (say, the UTM ID), a space, its token."""
    lines = [line.split() for line in file.read_text().splitlines() if line.strip()]
    return [(name, token) for name, token in lines][:count]
