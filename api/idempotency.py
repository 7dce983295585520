"""Doing it once (GEN-03): the same `Idempotency-Key` and body gives the first answer again.

Every POST route takes a `PostedRequest`, and has one line at its beginning and one at its end. A route that commands a
procedure; the command's id makes Temporal answer a repetition, even one after a crash between effect and answer:

    @router.post("/v1/tenants/{tenant_id}/applications/{number}/approve", response_model=Decided)
    async def approve(tenant_id: str, number: str, memos: Memos, staff: Staff, posted: PostedRequest) -> Response:
        once = await posted.by(staff.actor)
        decided = await decide(number, memos, command_id=once.command_id, fingerprint=once.fingerprint)
        return await once.answer(decided)

A route that edits rows hands over its transaction, so that effect and answer are one, and equal requests wait for it:

        async with database.transaction(tenant_id) as connection:
            once = await posted.by(staff.actor, connection)
            customer = await create_customer(connection, once.draw().customer_id(), body)
            return await once.answer(customer, status=201, location=f"/v1/…/{customer.customer_id}")

Only successes are stored: a refusal can be tried again with the same key once its reason is gone.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Annotated

from fastapi import Depends, FastAPI, Header, Request, Response
from pydantic import BaseModel
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.outages import OUTAGES
from models import idempotent_answers
from models.clock import Clock
from models.database import Database
from models.encryption import Cipher
from models.idempotent_answers import FirstAnswer, Kept
from models.identifiers import Draw
from models.refusals import IdempotencyKeyReused

REPLAYED = "Idempotent-Replayed"
_ABOUT = ("customer_id", "number", "invitation_id")
"""Names in paths: of a customer, of an application (or what is a customer's anyway), of an invitation."""
_FOR_WHOM_THE_PATH_NAMES = Kept()


@dataclass(frozen=True)
class Idempotency:
    """What all requests share. `seed_key` keeps callers from choosing the ids of new things by choosing their keys."""

    database: Database
    clock: Clock
    cipher: Cipher
    seed_key: bytes


class AnsweredBeforeError(Exception):
    """Ends a repeated request with its first answer."""

    def __init__(self, answer: FirstAnswer) -> None:
        super().__init__("answered before")
        self.answer = answer


@dataclass(frozen=True)
class Once:
    """A request that has one effect, and this is it.

    `command_id` is the Temporal update id; the same at every repetition, random when the caller gave no key.
    """

    command_id: str
    fingerprint: str
    _shared: Idempotency
    _scope_digest: str | None
    _connection: AsyncConnection | None
    _place: Mapping[str, str]
    """What the route's path names."""

    def draw(self) -> Draw:
        """For the ids of new things: a repetition draws the same ones, in the same order."""
        if self._scope_digest is None:
            return Draw()
        return Draw(hmac.digest(self._shared.seed_key, self._scope_digest.encode(), hashlib.sha256))

    async def answer(
        self,
        content: BaseModel | None,
        *,
        status: int = 200,
        location: str | None = None,
        etag: str | None = None,
        exclude_none: bool = False,
        kept: Kept = _FOR_WHOM_THE_PATH_NAMES,
    ) -> Response:
        """The response, stored for repetitions: in the caller's transaction, or in one of its own."""
        headers = ({"Location": location} if location else {}) | ({"ETag": etag} if etag else {})
        body = b""
        if content is not None:
            headers["Content-Type"] = "application/json"
            body = content.model_dump_json(exclude_none=exclude_none).encode()
        answer = FirstAnswer(self.fingerprint, status, headers, body, self._of_the_path(kept))
        if self._connection is not None:
            await self._keep(self._connection, answer)
        elif self._scope_digest is not None:
            # What is done is answered. A repetition that finds nothing kept is, to its procedure, the same command.
            with suppress(*OUTAGES):
                async with self._shared.database.transaction(answer.kept.of_tenant or "") as connection:
                    if not await idempotent_answers.is_late(connection, answer):
                        await self._keep(connection, answer)
        return Response(body, status, headers)

    def _of_the_path(self, kept: Kept) -> Kept:
        about = next((self._place[name] for name in _ABOUT if name in self._place), None)
        return replace(kept, of_tenant=kept.of_tenant or self._place.get("tenant_id"), about=kept.about or about)

    async def _keep(self, connection: AsyncConnection, answer: FirstAnswer) -> None:
        if self._scope_digest is not None:
            at = await self._shared.clock.now()
            await idempotent_answers.keep(connection, self._shared.cipher, self._scope_digest, answer=answer, at=at)


class Posted:
    """A POST request as it came in, not yet known to be the first of its kind."""

    def __init__(self, shared: Idempotency, request: Request, key: str | None) -> None:
        self._shared = shared
        self._request = request
        self._key = key

    @property
    def client(self) -> str:
        """The caller of a route that knows no person."""
        client = self._request.client
        return f"client {client.host}" if client else "client"

    async def by(self, caller: str, connection: AsyncConnection | None = None) -> Once:
        """`caller`: the actor's id, or `client`. `connection`: the transaction that the effect will be in.

        Raises:
            AnsweredBeforeError: it has been answered; that answer is given again. Let it pass.
            IdempotencyKeyReused: the key came with another body before.
            AlreadyExists, NotFound: it has been answered, with a secret that is told no more, or of somebody erased.
        """
        # Keyed, because a body can hold a password, and what is stored must not help to guess it.
        plain = request_fingerprint(self._request, await self._request.body())
        fingerprint = hmac.digest(self._shared.seed_key, plain.encode(), hashlib.sha256).hex()
        place = self._request.path_params
        if self._key is None:
            return Once(Draw().opaque_id(), fingerprint, self._shared, None, connection, place)
        scope = f"{caller}\n{self._request.url.path}\n{self._key}"
        scope_digest = hashlib.sha256(scope.encode()).hexdigest()
        first = await self._first_answer(scope_digest, connection)
        if first is not None and first.fingerprint != fingerprint:
            raise IdempotencyKeyReused
        if first is not None and first.gone is not None:
            raise first.gone
        if first is not None:
            raise AnsweredBeforeError(first)
        return Once(scope_digest, fingerprint, self._shared, scope_digest, connection, place)

    async def _first_answer(self, scope_digest: str, connection: AsyncConnection | None) -> FirstAnswer | None:
        if connection is not None:
            await idempotent_answers.lock(connection, scope_digest)
            return await idempotent_answers.find(connection, self._shared.cipher, scope_digest)
        async with self._shared.database.transaction() as own:
            return await idempotent_answers.find(own, self._shared.cipher, scope_digest)


async def _posted(
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(
            alias="Idempotency-Key",
            min_length=1,
            max_length=255,
            pattern="^[ -~]+$",
            description="The same key and body gives the first answer again; with another body it is refused.",
        ),
    ] = None,
) -> Posted:
    return Posted(request.app.state.idempotency, request, idempotency_key)


PostedRequest = Annotated[Posted, Depends(_posted)]


def register(app: FastAPI, idempotency: Idempotency) -> None:
    """Before the first request: routes find `idempotency` here, and repetitions become their first answers."""
    app.state.idempotency = idempotency
    app.add_exception_handler(AnsweredBeforeError, _answer_again)


async def _answer_again(_: Request, error: Exception) -> Response:
    if not isinstance(error, AnsweredBeforeError):
        raise error
    first = error.answer
    return Response(first.body, first.status, {**first.headers, REPLAYED: "true"})


def request_fingerprint(request: Request, body: bytes) -> str:
    """SHA-256 of method, path, query and body. Two spellings of the same JSON are one body."""
    try:
        canonical = json.dumps(json.loads(body), sort_keys=True, separators=(",", ":")).encode()
    except ValueError:
        canonical = body
    head = f"{request.method} {request.url.path}?{request.url.query}\n"
    return hashlib.sha256(head.encode() + canonical).hexdigest()
