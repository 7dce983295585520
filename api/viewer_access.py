"""Viewer programs ask for access to a company's data, enter the mailed token, and read (VWR-01…05).

Whatever company or request is named, known or not, the answer and what is done for it are alike until somebody of the
company has approved it.
"""

import asyncio
import hmac
import unicodedata
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import Row, select, update

from api.commands import NotDoneYetError, ProcedureGoneError
from api.context import Context, Shared
from api.credentials import NO_TENANT
from api.idempotency import PostedRequest
from api.rate_limits import Limiter, per_client
from models.fields import CompanyCode, Department, Input, MailAddress, OrAbsent, PersonName, Title, TypedToken
from models.idempotent_answers import Kept
from models.identifiers import Draw, digest
from models.messages.procedure import Command, Identity
from models.messages.viewer_access_steps import RedeemToken, ViewerStart
from models.persons import portal_is_open
from models.refusals import FieldError, InvalidInput, WrongState
from models.tables.customers import Customer
from models.tables.viewers import Viewer
from models.viewer_refusals import ViewerTokenExhausted, ViewerTokenExpired, ViewerTokenUsed
from models.viewer_vocabulary import ViewerState
from models.vocabulary import ProcedureKind
from workflows.viewer_access import ViewerAccess

router = APIRouter(prefix="/v1/viewer/requests", tags=["Viewer access"])
MAX_TRIES = 10
"""So many tokens may be tried for one request."""
_WITHDRAWN_WITHIN_SECONDS = 0.5
"""What a withdrawal takes, whether or not there was something to withdraw."""


class ViewerRequest(Input):
    """`company_code`: the company's customer ID. `pc_fingerprint`: what the viewer knows the PC by, always the same."""

    company_code: CompanyCode
    name: PersonName
    mail_address: MailAddress
    department: OrAbsent[Department] = None
    pc_name: Title
    pc_fingerprint: Title


class Accepted(BaseModel):
    request_id: str


class OnThePc(Input):
    pc_fingerprint: Title


class Redemption(OnThePc):
    token: TypedToken


class Credential(BaseModel):
    credential: str


@dataclass(frozen=True)
class _Named:
    """A request as somebody names it; `row` is None of one that nobody has been asked about."""

    tenant_id: str
    row: Row[Any] | None


@router.post("", status_code=202, response_model=Accepted, dependencies=[per_client("viewer_request_per_client")])
async def request(body: ViewerRequest, context: Shared, limiter: Limiter, posted: PostedRequest) -> Response:
    """Ask the company's administrators. An unknown company is answered alike, and nobody is asked (VWR-01)."""
    once = await posted.by(posted.client)
    await limiter.take("viewer_request_per_pc", body.pc_fingerprint)
    await limiter.take("viewer_request_per_address", body.mail_address)
    tenant_id = await _tenant_of(context, body.company_code)
    customer_id = body.company_code if tenant_id else None
    request_id = once.draw().viewer_request_number()
    identity = Identity.of(ProcedureKind.VIEWER_ACCESS, tenant_id or NO_TENANT, request_id, customer_id)
    start = ViewerStart(
        identity=identity,
        pc_digest=digest(body.pc_fingerprint),
        **body.model_dump(exclude={"company_code", "pc_fingerprint"}),
    )
    await context.commands.begin(ViewerAccess.run, start, identity, summary="Viewer access")
    return await once.answer(Accepted(request_id=request_id), status=202)


@router.delete("/{request_id}", status_code=204, dependencies=[per_client("viewer_token_per_client")])
async def withdraw(request_id: str, body: OnThePc, context: Shared) -> None:
    """Take the request back, from the PC that made it, before its token has been entered. Whatever is named, 204."""
    await asyncio.gather(_withdraw(context, request_id, body), asyncio.sleep(_WITHDRAWN_WITHIN_SECONDS))


@router.post("/{request_id}/token", response_model=Credential, dependencies=[per_client("viewer_token_per_client")])
async def redeem(request_id: str, body: Redemption, context: Shared, posted: PostedRequest) -> Response:
    """The credential, good on this PC alone, for the token that was mailed (VWR-04).

    `wrong_token`: and the try counts; ten may be made. `token_used`, `token_expired`, `token_exhausted`: a new request
    is needed.
    """
    once = await posted.by(posted.client)
    viewer = await _redeemable(context, request_id, body)
    secret = context.link_key.token(viewer.tenant_id, viewer.viewer_id, "viewer_credential", viewer.pc_digest)
    credential = f"tzv_{secret}"
    command = RedeemToken(
        command_id=once.command_id,
        fingerprint=once.fingerprint,
        actor="viewer",
        credential_digest=digest(credential),
    )
    try:
        await context.commands.send(identity_of(viewer), ViewerAccess.redeem, command)
    except (ProcedureGoneError, WrongState):
        raise ViewerTokenUsed from None
    kept = Kept(of_tenant=viewer.tenant_id, about=viewer.customer_id, is_secret=True)
    return await once.answer(Credential(credential=credential), kept=kept)


def identity_of(viewer: Row[Any]) -> Identity:
    """Of its procedure."""
    return Identity.of(ProcedureKind.VIEWER_ACCESS, viewer.tenant_id, viewer.viewer_id, viewer.customer_id)


async def _tenant_of(context: Context, company_code: str) -> str | None:
    """Whose company it is; None: nobody's, or not served any more."""
    now = await context.clock.now()
    async with context.database.transaction(named=company_code) as connection:
        tenant_id: str | None = await connection.scalar(
            select(Customer.tenant_id).where(
                Customer.customer_id == company_code, Customer.deleted_at.is_(None), portal_is_open(now)
            )
        )
    return tenant_id


async def _named(context: Context, request_id: str) -> _Named:
    async with context.database.transaction(named=request_id) as connection:
        found = await connection.execute(select(Viewer.__table__).where(Viewer.viewer_id == request_id))
        row = found.first()
    return _Named(row.tenant_id if row else NO_TENANT, row)


async def _withdraw(context: Context, request_id: str, body: OnThePc) -> None:
    row = (await _named(context, request_id)).row
    if row is None or not _is_on(row, body) or row.ended_at is not None:
        await context.commands.check_engine()  # out of reach, it could not be told of the others
        return
    command = Command(command_id=Draw().opaque_id(), actor="viewer")
    try:
        await context.commands.send(identity_of(row), ViewerAccess.withdraw, command)
    except (ProcedureGoneError, WrongState, NotDoneYetError):
        return  # it is settled, has its credential, or will hear of it: 202 would name its tenant


async def _redeemable(context: Context, request_id: str, body: Redemption) -> Row[Any]:
    """The request that the token belongs to. Counts a wrong try in the statement that asks whether there is one left.

    So a right one that nobody is there to take can be sent again.

    Raises:
        InvalidInput: `wrong_token`: wrong, from another PC, or of a request that has no token.
        ViewerTokenUsed, ViewerTokenExpired, ViewerTokenExhausted: on the PC that it was for.
    """
    named, now = await _named(context, request_id), await context.clock.now()
    is_token = hmac.compare_digest(context.link_key.viewer_token(request_id).encode(), _plain(body.token).encode())
    is_here = named.row is not None and _is_on(named.row, body)
    fits = is_token and is_here
    may_be_tried = await _try(context, named.tenant_id, request_id, now, counts=not fits)
    if named.row is None or not is_here:
        raise _wrong_token()
    if not may_be_tried:
        # Tries at the same time have gone on from what was read before.
        was_alive = named.row.state == ViewerState.TOKEN_SENT
        _refuse_dead((await _named(context, request_id)).row if was_alive else named.row)
    if not fits:
        raise _wrong_token()
    return named.row


async def _try(context: Context, tenant_id: str, request_id: str, now: datetime, *, counts: bool) -> bool:
    """Whether the token may still be tried. Tries at the same time are all counted."""
    async with context.database.transaction(tenant_id) as connection:
        tried = await connection.execute(
            update(Viewer)
            .where(
                Viewer.tenant_id == tenant_id,
                Viewer.viewer_id == request_id,
                Viewer.state == ViewerState.TOKEN_SENT,
                Viewer.token_expires_at > now,
                Viewer.token_tries < MAX_TRIES,
            )
            .values(token_tries=Viewer.token_tries + int(counts))
        )
    return tried.rowcount == 1


def _refuse_dead(row: Row[Any] | None) -> None:
    """What was entered before goes on to its procedure, which knows whether it is the same request again."""
    if row is not None and row.allowed_at is not None:
        return
    if row is None or row.state not in {ViewerState.TOKEN_SENT, ViewerState.TOKEN_EXPIRED}:
        raise _wrong_token()
    raise ViewerTokenExhausted if row.token_tries >= MAX_TRIES else ViewerTokenExpired


def _is_on(row: Row[Any], body: OnThePc) -> bool:
    return hmac.compare_digest(row.pc_digest, digest(body.pc_fingerprint))


def _plain(token: str) -> str:
    """As it was mailed, however it was typed: in small letters, with spaces, or without its hyphens."""
    letters = "".join(letter for letter in unicodedata.normalize("NFKC", token).upper() if letter.isalnum())
    return "-".join(letters[start : start + 4] for start in range(0, len(letters), 4))


def _wrong_token() -> InvalidInput:
    return InvalidInput(errors=[FieldError("token", "wrong_token")])
