"""Fleet restarts at a terminal: a client of the HTTP API, as any other, that is told no (RST-08)."""

import time
from datetime import datetime
from http import HTTPStatus
from typing import Any

import httpx2

from models.identifiers import Draw

Json = dict[str, Any]
_ANSWER_SECONDS = 30
_PATIENCE_SECONDS = 120
_AGAIN_AFTER_SECONDS = 1.0
_OVER = frozenset({"succeeded", "failed", "missed", "cancelled", "replaced"})


class RefusedError(Exception):
    """The API has said no, or nothing for two minutes; the sentence is for the person at the terminal."""


class Fleet:
    """One fleet restart as the API tells of it, at one moment."""

    def __init__(self, told: Json) -> None:
        self.fleet_restart_id: str = told["fleet_restart_id"]
        self.state: str = told["state"]
        self.counts: dict[str, int] = told["counts"]
        self._items: list[Json] = told["items"]

    @property
    def total(self) -> int:
        return sum(self.counts.values())

    @property
    def over(self) -> int:
        return sum(count for state, count in self.counts.items() if state in _OVER)

    @property
    def is_over(self) -> bool:
        """A cancelled one goes on where devices had it already."""
        return self.state != "in_progress" and self.over == self.total

    @property
    def has_succeeded(self) -> bool:
        return self.counts.get("succeeded", 0) == self.total

    @property
    def standing(self) -> str:
        """`3 succeeded, 1 in progress, 6 scheduled`."""
        return ", ".join(f"{count} {state.replace('_', ' ')}" for state, count in self.counts.items())

    @property
    def next_slot(self) -> datetime | None:
        slots = [
            datetime.fromisoformat(item["at"]) for item in self._items if item["state"] in ("planned", "scheduled")
        ]
        return min(slots, default=None)

    @property
    def unsuccessful(self) -> list[Json]:
        """Of the first thousand, those that are over and did not succeed."""
        return [item for item in self._items if item["state"] in _OVER and item["state"] != "succeeded"]


class FleetClient:
    """`token`: a session's, or an API key."""

    def __init__(self, api_url: str, tenant_id: str, token: str) -> None:
        self._path = f"/v1/tenants/{tenant_id}/fleet-restarts"
        headers = {"Authorization": f"Bearer {token}", "Accept-Language": "en"}
        self._client = httpx2.Client(base_url=api_url, headers=headers, timeout=_ANSWER_SECONDS)

    def begin(self, wish: Json) -> str:
        """The fleet restart's id. However often it has to be asked, it begins once. Raises: RefusedError."""
        once = {"Idempotency-Key": Draw().opaque_id()}
        begun = self._ask("POST", self._path, json=wish, headers=once)
        return str(begun["fleet_restart_id"])

    def read(self, fleet_restart_id: str) -> Fleet:
        """Raises: RefusedError."""
        return Fleet(self._ask("GET", f"{self._path}/{fleet_restart_id}"))

    def cancel(self, fleet_restart_id: str) -> Fleet:
        """Raises: RefusedError."""
        return Fleet(self._ask("DELETE", f"{self._path}/{fleet_restart_id}"))

    def _ask(self, method: str, path: str, **request: Any) -> Json:  # noqa: ANN401 - what httpx takes
        until = time.monotonic() + _PATIENCE_SECONDS
        while True:
            answer, pause = self._try(method, path, request)
            if answer is not None:
                return answer
            if time.monotonic() + pause > until:
                raise RefusedError("The API does not answer. What has begun goes on without it.")
            time.sleep(pause)

    def _try(self, method: str, path: str, request: Json) -> tuple[Json | None, float]:
        """Its answer, or in how many seconds to ask again."""
        try:
            answer = self._client.request(method, path, **request)
        except httpx2.TransportError:
            return None, _AGAIN_AFTER_SECONDS
        if answer.status_code in (HTTPStatus.SERVICE_UNAVAILABLE, HTTPStatus.TOO_MANY_REQUESTS):
            return None, float(answer.headers.get("Retry-After", _AGAIN_AFTER_SECONDS))
        try:
            told: Json = answer.json()
        except ValueError:
            raise RefusedError(f"{answer.url} is no address of the API.") from None
        if answer.is_error:
            raise RefusedError(_why(told))
        is_recorded = told.get("state") != "accepted"
        return (told if is_recorded else None), _AGAIN_AFTER_SECONDS


def _why(problem: Json) -> str:
    errors = [f"{error['field']}: {error['message']}" for error in problem.get("errors", ())]
    state = f" It is {problem['state']}." if "state" in problem else ""
    return "\n".join([f"{problem.get('detail') or problem['title']}{state}", *errors])
