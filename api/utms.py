"""A customer's UTM devices: registered by staff, seen and partly changed by portal users too (UTM-01 to UTM-05)."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request, Response
from sqlalchemy import Row, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from activities.records import tenant_row
from activities.restart import close_restarts
from api.authentication import Caller, PortalUser, Staff, StaffOrPortalUser
from api.commands import parts_of_a_whole
from api.context import Context, Shared
from api.customers import customer_row
from api.etags import IfMatch, check_if_match, etag
from api.idempotency import PostedRequest
from api.judged_as_a_whole import Body, judged_by, readable
from api.paging import Page, PagingQuery, fetch_page, resolve_order
from api.remote_support import end_all_of, goes_on_at
from api.utm_answers import DeviceToken, NewUtmAnswer, Today, Utm, UtmDetail, detail, listed, today_of
from api.utm_input import NewUtm, UtmChange, change_errors, mac_errors
from models import audit
from models.audit import Fact
from models.contract_utms import contract_for, covers_utms, has_contract_in_force
from models.idempotent_answers import Kept
from models.identifiers import digest, secret_token
from models.offered_addresses import offered_addresses
from models.refusals import (
    AlreadyExists,
    FieldError,
    InvalidInput,
    NoContractInForce,
    NotFound,
    NothingChanged,
    Unavailable,
)
from models.rules.periods import day_of
from models.tables.utms import Utm as Utms
from models.utm_rows import utms_as_shown

_PREFIX = "/v1/tenants/{tenant_id}/customers/{customer_id}/utms"
_PLACE = ("postal_code", "address")
_UNREADABLE = object()


async def _wrong_besides(request: Request, body: Body) -> list[FieldError]:
    """Raises: NotFound: no such customer."""
    context: Context = request.app.state.context
    tenant_id, customer_id = request.path_params["tenant_id"], request.path_params["customer_id"]
    async with context.database.transaction(tenant_id) as connection:
        await customer_row(connection, tenant_id, customer_id)
        known = readable(NewUtm, body)
        place = await _place(connection, tenant_id, customer_id, known)
        return await _errors(connection, tenant_id, customer_id, known | place)


router = APIRouter(prefix=_PREFIX, tags=["UTM devices"])
for_new_ones = APIRouter(prefix=_PREFIX, tags=["UTM devices"], route_class=judged_by(_wrong_besides))
_ROUNDS = 3
_RETRY_AFTER_SECONDS = 5
_ERASED: dict[str, Any] = {
    "postal_code": "",
    "address": "",
    "delivery_status": "",
    "customer_addresses": [],
    "service_desk_addresses": [],
    "report_addresses": [],
    "token_digest": None,
}


@router.get("")
async def find_all(
    tenant_id: str, customer_id: str, context: Shared, caller: StaffOrPortalUser, paging: PagingQuery
) -> Page[Utm]:
    """Sorts by `created_at`, `name` and `utm_id`; the oldest first (UTM-05)."""
    table = Utms.__table__
    sortable = {name: table.c[name] for name in ("created_at", "name", "utm_id")}
    order = resolve_order(paging.sort, sortable, default="created_at")
    query = utms_as_shown().where(
        table.c.tenant_id == tenant_id, table.c.customer_id == customer_id, table.c.deleted_at.is_(None)
    )
    async with context.database.transaction(tenant_id) as connection:
        await customer_row(connection, tenant_id, customer_id)
        rows = await fetch_page(connection, query, order=order, key=table.c.registration_id, paging=paging)
        today = await _today(connection, tenant_id, customer_id, context)
    return rows.page(lambda row: listed(row, today))


@for_new_ones.post("", status_code=201, response_model=NewUtmAnswer)
async def register(
    tenant_id: str, customer_id: str, body: NewUtm, context: Shared, staff: Staff, posted: PostedRequest
) -> Response:
    """Register a device for a customer with a contract in force; its token is shown this once (UTM-01, UTM-06)."""
    now, token = await context.clock.now(), new_device_token(tenant_id)
    async with context.database.transaction(tenant_id) as connection:
        once = await posted.by(staff.actor, connection)
        values = await _checked(connection, tenant_id, customer_id, body, context)
        registered = await connection.execute(
            insert(Utms)
            .values(
                tenant_id=tenant_id,
                registration_id=once.draw().opaque_id(),
                customer_id=customer_id,
                token_digest=digest(token),
                created_at=now,
                **values,
            )
            .on_conflict_do_nothing(index_elements=["utm_id"], index_where=Utms.deleted_at.is_(None))
            .returning(Utms.registration_id)
        )
        if registered.first() is None:
            raise AlreadyExists
        row = await utm_row(connection, tenant_id, customer_id, body.utm_id)
        await _note(connection, row, staff, context, "utm_registered", contract_number=row.contract_number)
        shown = detail(row, await _today(connection, tenant_id, customer_id, context))
        answer = NewUtmAnswer(**shown.model_dump(), device_token=token)
        location = _address(tenant_id, customer_id, body.utm_id)
        return await once.answer(answer, status=201, location=location, kept=Kept(is_secret=True))


@router.get("/{utm_id}")
async def read(
    tenant_id: str, customer_id: str, utm_id: str, context: Shared, caller: StaffOrPortalUser, response: Response
) -> UtmDetail:
    async with context.database.transaction(tenant_id) as connection:
        row = await utm_row(connection, tenant_id, customer_id, utm_id)
        return _shown(row, await _today(connection, tenant_id, customer_id, context), caller, response)


@router.patch("/{utm_id}")
async def change(  # noqa: PLR0913 - the path has three parts
    tenant_id: str,
    customer_id: str,
    utm_id: str,
    body: UtmChange,
    context: Shared,
    caller: StaffOrPortalUser,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> UtmDetail:
    """At least one change. Portal users change name, place, their addresses, and enter the MAC address (UTM-03)."""
    async with context.database.transaction(tenant_id) as connection:
        row = await utm_row(connection, tenant_id, customer_id, utm_id, locked=True)
        check_if_match(if_match, etag(row.revision))
        values = body.model_dump(mode="json", exclude_unset=True)
        changed = {name: value for name, value in values.items() if value != getattr(row, name)}
        by_staff = not isinstance(caller, PortalUser)
        errors = change_errors(changed, utm_id=utm_id, entered_mac=row.mac_address, by_staff=by_staff)
        errors += await _contract_errors(connection, tenant_id, customer_id, changed.get("contract_number"))
        if errors:
            raise InvalidInput(errors=errors)
        if not changed:
            raise NothingChanged
        await _save(connection, row, changed)
        row = await utm_row(connection, tenant_id, customer_id, utm_id)
        await _note(connection, row, caller, context, "utm_changed", fields=sorted(changed))
        return _shown(row, await _today(connection, tenant_id, customer_id, context), caller, response)


@router.delete("/{utm_id}", status_code=204)
async def remove(tenant_id: str, customer_id: str, utm_id: str, context: Shared, staff: Staff) -> None:
    """Its token is dead at once, restarts and remote support end; it can be registered anew, for whomever (UTM-04)."""
    async with context.database.transaction(tenant_id) as connection:
        row = await utm_row(connection, tenant_id, customer_id, utm_id)
    for _ in range(_ROUNDS):
        with parts_of_a_whole():
            await end_all_of(context, row, actor=staff.actor)
        restarts = await _deleted(context, row, staff)
        if restarts is not None:
            await context.commands.nudge(restarts)
            return
    raise Unavailable(retry_after=_RETRY_AFTER_SECONDS)


@router.post("/{utm_id}/rotate-token", response_model=DeviceToken)
async def rotate_token(
    tenant_id: str, customer_id: str, utm_id: str, context: Shared, staff: Staff, posted: PostedRequest
) -> Response:
    """The old token is dead at once (UTM-06)."""
    token = new_device_token(tenant_id)
    async with context.database.transaction(tenant_id) as connection:
        once = await posted.by(staff.actor, connection)
        row = await utm_row(connection, tenant_id, customer_id, utm_id, locked=True)
        await _save(connection, row, {"token_digest": digest(token)})
        await _note(connection, row, staff, context, "utm_token_rotated")
        return await once.answer(DeviceToken(device_token=token), kept=Kept(is_secret=True))


async def _deleted(context: Context, utm: Row[Any], staff: Caller) -> str | None:
    """The procedure of its restarts, which has to hear of it. None: a session has come meanwhile; nothing is done."""
    now = await context.clock.now()
    async with context.database.transaction(utm.tenant_id) as connection:
        row = await utm_row(connection, utm.tenant_id, utm.customer_id, utm.utm_id, locked=True)
        if await goes_on_at(connection, row):  # none begins any more: whoever begins one locks the device
            return None
        await _save(connection, row, {**_ERASED, "deleted_at": now})
        restarts = await close_restarts(connection, row, context.settings.durations, at=now, actor=staff.actor)
        await _note(connection, row, staff, context, "utm_deleted")
        return restarts


def new_device_token(tenant_id: str) -> str:
    """The tenant's id, so that the row can be found under its policy, and 256 bits."""
    return f"tzd_{tenant_id}_{secret_token()}"


async def _checked(
    connection: AsyncConnection, tenant_id: str, customer_id: str, body: NewUtm, context: Context
) -> dict[str, Any]:
    """The row's values, with place and contract found where they were left out.

    Raises:
        NotFound: no such customer. NoContractInForce. InvalidInput: it names every wrong field.
    """
    # Locked: two devices do not take the last place of one contract, and nobody deletes the customer meanwhile.
    customer = await customer_row(connection, tenant_id, customer_id, locked=True)
    today = day_of(await context.clock.now(), (await tenant_row(connection, tenant_id)).time_zone)
    if not await has_contract_in_force(connection, tenant_id, customer_id, today):
        raise NoContractInForce(state=customer.status)
    values = body.model_dump(mode="json")
    values |= await _place(connection, tenant_id, customer_id, values)
    if errors := await _errors(connection, tenant_id, customer_id, values):
        raise InvalidInput(errors=errors)
    if body.contract_number is None:
        values["contract_number"] = await contract_for(connection, tenant_id, customer_id, body.utm_id, today)
    return values


async def _errors(
    connection: AsyncConnection, tenant_id: str, customer_id: str, known: Mapping[str, Any]
) -> list[FieldError]:
    """Of what is `known` of a registration. The place is the one that it comes to, given or found."""
    errors = [FieldError(name, "required") for name in _PLACE if known.get(name, _UNREADABLE) is None]
    if "utm_id" in known and "mac_address" in known:
        errors += mac_errors(known["mac_address"], utm_id=known["utm_id"])
    return errors + await _contract_errors(connection, tenant_id, customer_id, known.get("contract_number"))


async def _place(
    connection: AsyncConnection, tenant_id: str, customer_id: str, known: Mapping[str, Any]
) -> dict[str, str]:
    """Where the UTM goes when neither part is given, and the customer's applications leave no choice (ADD-05)."""
    if any(known.get(name, _UNREADABLE) is not None for name in _PLACE):
        return {}
    offered = await offered_addresses(connection, tenant_id, customer_id)
    places = {(place["postal_code"], place["prefecture"] + place["address"]) for place in offered}
    if len(places) != 1:
        return {}
    [(postal_code, address)] = places
    return {"postal_code": postal_code, "address": address}


async def _contract_errors(
    connection: AsyncConnection, tenant_id: str, customer_id: str, contract_number: str | None
) -> list[FieldError]:
    if contract_number is None or await covers_utms(connection, tenant_id, customer_id, contract_number):
        return []
    return [FieldError("contract_number", "no_such_contract")]


async def utm_row(
    connection: AsyncConnection, tenant_id: str, customer_id: str, utm_id: str, *, locked: bool = False
) -> Row[Any]:
    """Raises: NotFound: the customer has no such device, or no longer."""
    query = utms_as_shown().where(
        Utms.tenant_id == tenant_id,
        Utms.customer_id == customer_id,
        Utms.utm_id == utm_id,
        Utms.deleted_at.is_(None),
    )
    row: Row[Any] | None = (
        await connection.execute(query.with_for_update(of=Utms.__table__) if locked else query)
    ).first()
    if row is None:
        raise NotFound
    return row


async def _save(connection: AsyncConnection, row: Row[Any], values: dict[str, Any]) -> None:
    await connection.execute(
        update(Utms)
        .where(Utms.tenant_id == row.tenant_id, Utms.registration_id == row.registration_id)
        .values(revision=Utms.revision + 1, **values)
    )


async def _today(connection: AsyncConnection, tenant_id: str, customer_id: str, context: Context) -> Today:
    now, silence = await context.clock.now(), context.settings.durations.utm_silence
    return await today_of(connection, tenant_id, customer_id, now, silence=silence)


def _shown(row: Row[Any], today: Today, caller: Caller, response: Response) -> UtmDetail:
    """As the caller may see it: the delivery status is the staff's alone."""
    response.headers["ETag"] = etag(row.revision)
    shown = detail(row, today)
    return shown.model_copy(update={"delivery_status": None}) if isinstance(caller, PortalUser) else shown


async def _note(
    connection: AsyncConnection,
    row: Row[Any],
    caller: Caller,
    context: Context,
    what: str,
    **more: object,
) -> None:
    fact = Fact(
        tenant_id=row.tenant_id,
        at=await context.clock.now(),
        actor=caller.actor,
        what=what,
        subject=row.utm_id,
        detail={"customer_id": row.customer_id, **more},
    )
    await audit.record(connection, fact)


def _address(tenant_id: str, customer_id: str, utm_id: str) -> str:
    return f"/v1/tenants/{tenant_id}/customers/{customer_id}/utms/{utm_id}"
