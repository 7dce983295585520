"""A client as clients should be: one Idempotency-Key for each wish, repeated until the answer is final.

It keeps the first of the ledgers: what was wished, what each try came to, and what was answered in the end.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import httpx2

from local.visitor import PageError, Visitor
from models.identifiers import Draw

Json = dict[str, Any]
PATIENCE = 90  # seconds for one wish, outages included, unless a lane says otherwise
_PAUSE = 0.2  # between tries; a person would wait as long as `Retry-After` says
_AGAIN = {202, 503}
_TAKEN_FOR_GOOD = ('"restart_id"', '"request_id"')


class Outcome(StrEnum):
    OK = "ok"
    REFUSED = "refused"
    UNKNOWN = "unknown"
    """It may have had its effect or not: no final answer has come."""


@dataclass
class Operation:
    """One wish of one job."""

    job: str
    act: str
    tries: list[str] = field(default_factory=list)
    """A status each, or what broke."""
    status: int | None = None
    """Of the final answer."""
    answer: Json = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    """Answers that no outage excuses."""

    @property
    def outcome(self) -> Outcome:
        if self.status is None:
            return Outcome.UNKNOWN
        return Outcome.OK if self.status < httpx2.codes.BAD_REQUEST else Outcome.REFUSED


class Client:
    def __init__(self, api_url: str, headers: Mapping[str, str]) -> None:
        self._api = httpx2.AsyncClient(
            base_url=api_url, timeout=15, limits=httpx2.Limits(max_connections=100, max_keepalive_connections=20)
        )
        self._headers = dict(headers)
        self.patience: float = PATIENCE
        self.operations: list[Operation] = []

    async def post(
        self,
        job: str,
        act: str,
        path: str,
        body: Json,
        *,
        headers: Mapping[str, str] | None = None,
        repeats: bool = True,
    ) -> Operation:
        """`headers`: another's than the client's, or with a key that was used before. `repeats`: until it is final."""
        headers = {"Idempotency-Key": Draw().opaque_id(), **(headers or self._headers)}
        operation = self._wish(job, act)

        async def send() -> httpx2.Response:
            return await self._api.post(path, json=body, headers=headers)

        return await self._repeat(operation, send, repeats=repeats)

    async def read(
        self, job: str, act: str, path: str, *, headers: Mapping[str, str], until: str | None = None
    ) -> Operation:
        """`until`: what must be written there; before, no answer is final."""
        return await self._repeat(self._wish(job, act), lambda: self._api.get(path, headers=headers), until=until)

    async def delete(self, job: str, act: str, path: str) -> Operation:
        """What is not there at a repetition has been deleted."""
        operation = await self._repeat(self._wish(job, act), lambda: self._api.delete(path, headers=self._headers))
        if operation.status == httpx2.codes.NOT_FOUND and len(operation.tries) > 1:
            operation.status = int(httpx2.codes.NO_CONTENT)
        return operation

    async def get(self, path: str) -> httpx2.Response:
        return await self._api.get(path, headers=self._headers)

    async def press(
        self, job: str, act: str, link: str, *, asks_for: str, fields: Mapping[str, str] | None = None
    ) -> Operation:
        """Open the page behind a mailed link and send its form. `asks_for`: a field that is there until it is done."""
        operation = self._wish(job, act)
        visitor = Visitor()

        async def send() -> bool:
            """Whether it is done now. A page that says 202 has taken it, and asks again until then."""
            if f'name="{asks_for}"' not in await visitor.open(link):
                return True
            await visitor.press(link, fields or {})
            return f'name="{asks_for}"' not in await visitor.open(link)

        try:
            async with asyncio.timeout(self.patience):
                while operation.status is None:
                    await _press_once(operation, send)
        except TimeoutError:
            operation.tries.append("no final answer")
        finally:
            await visitor.close()
        return operation

    async def close(self) -> None:
        await self._api.aclose()

    async def _repeat(
        self,
        operation: Operation,
        send: Callable[[], Awaitable[httpx2.Response]],
        *,
        repeats: bool = True,
        until: str | None = None,
    ) -> Operation:
        try:
            async with asyncio.timeout(self.patience):
                while operation.status is None:
                    answer = await _try_once(operation, send())
                    if answer is not None and not repeats:
                        operation.status = answer.status_code
                    if answer is not None and until is not None and answer.is_success and until not in answer.text:
                        operation.status = None
                        await asyncio.sleep(_PAUSE)
        except TimeoutError:
            operation.tries.append("no final answer")
        return operation

    def _wish(self, job: str, act: str) -> Operation:
        operation = Operation(job, act)
        self.operations.append(operation)
        return operation


async def _try_once(operation: Operation, sent: Awaitable[httpx2.Response]) -> httpx2.Response | None:
    """Note what the try came to. Returns whatever was answered."""
    try:
        answer = await sent
    except httpx2.TransportError as error:
        operation.tries.append(type(error).__name__)
        await asyncio.sleep(_PAUSE)
        return None
    operation.tries.append(str(answer.status_code))
    operation.faults += _faults(answer)
    if _is_final(answer):
        operation.status = answer.status_code
        operation.answer = answer.json() if answer.content else {}
    else:
        await asyncio.sleep(_PAUSE)
    return answer


def _is_final(answer: httpx2.Response) -> bool:
    """What is asked of a device, or of a company's administrators, is 202 for good: it is up to them then."""
    is_accepted = answer.status_code == httpx2.codes.ACCEPTED
    is_taken = is_accepted and any(name in answer.text for name in _TAKEN_FOR_GOOD)
    return is_taken or answer.status_code not in _AGAIN


def _faults(answer: httpx2.Response) -> list[str]:
    if answer.status_code == httpx2.codes.SERVICE_UNAVAILABLE:
        return [] if "Retry-After" in answer.headers else ["503 without Retry-After"]
    if answer.status_code == httpx2.codes.ACCEPTED:
        return [] if _is_final(answer) or "Location" in answer.headers else ["202 without Location"]
    return [f"{answer.status_code}: {answer.text[:200]}"] if answer.is_server_error else []


async def _press_once(operation: Operation, send: Callable[[], Awaitable[bool]]) -> None:
    try:
        is_done = await send()
    except httpx2.TransportError as error:
        operation.tries.append(type(error).__name__)
        await asyncio.sleep(_PAUSE)
    except PageError as error:
        status = int(str(error).rsplit(" ", 1)[1])
        operation.tries.append(str(status))
        if status in _AGAIN:
            await asyncio.sleep(_PAUSE)
            return
        operation.status = status
        operation.faults += [f"a page answered {status}"] if status >= httpx2.codes.INTERNAL_SERVER_ERROR else []
    else:
        operation.tries.append("200" if is_done else "202")
        operation.status = httpx2.codes.OK if is_done else None
        await asyncio.sleep(0 if is_done else _PAUSE)
