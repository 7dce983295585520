"""A tenant's notification addresses (SET-06), and what the page behind a confirmation link needs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter, Request, Response
from pydantic import AfterValidator, BaseModel, Field, model_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Row

from activities.notification_address import read_slots
from activities.records import tenant_row
from api.authentication import Staff
from api.commands import ProcedureGoneError
from api.context import Context, Shared
from api.etags import IfMatch, check_if_match, etag
from api.language import language_of
from models import links
from models.fields import Input, MailAddress
from models.identifiers import Draw
from models.messages.notification_address_steps import ChangeAddresses
from models.messages.procedure import Command, Identity
from models.refusals import LinkWithdrawn, NotFound
from models.rules.notification_addresses import SLOTS, Slot, fingerprint, plan
from models.tables.procedures import Link
from models.tables.tenants import Tenant
from models.vocabulary import AddressChangeState, Language, LinkPurpose, ProcedureKind
from workflows.notification_address import NotificationAddress, NotificationAddressChange

router = APIRouter(prefix="/v1/tenants/{tenant_id}/notification-addresses", tags=["Tenant settings"])
_NONE = {
    Language.JA: "確認済みの通知先メールアドレスがありません。通知は届きません。",
    Language.EN: "There is no confirmed notification address: nobody gets the notifications.",
}


class TypedTwice(Input):
    mail_address: MailAddress
    mail_address_confirmation: MailAddress

    @model_validator(mode="after")
    def _alike(self) -> "TypedTwice":
        if self.mail_address != self.mail_address_confirmation:
            raise PydanticCustomError("differs", "differs", {"fields": ["mail_address_confirmation"]})
        return self


def _no_address_twice(addresses: list[TypedTwice]) -> list[TypedTwice]:
    typed = [one.mail_address for one in addresses]
    repeats = [f"{index}.mail_address" for index, address in enumerate(typed) if address in typed[:index]]
    if repeats:
        raise PydanticCustomError("duplicate", "is given twice", {"fields": repeats})
    return addresses


class AddressesInput(Input):
    """All of them, in order: what is not named is gone."""

    addresses: Annotated[list[TypedTwice], Field(max_length=SLOTS), AfterValidator(_no_address_twice)]


class ShownAddress(BaseModel):
    """`pending_mail_address` waits for its button; `mail_address` is in use meanwhile, unless it is the same one."""

    mail_address: str
    state: Literal[AddressChangeState.VERIFIED, AddressChangeState.PENDING]
    pending_mail_address: str | None = None


class Warned(BaseModel):
    code: Literal["no_notification_address"] = "no_notification_address"
    message: str


class NotificationAddresses(BaseModel):
    addresses: list[ShownAddress]
    warning: Warned | None


@router.get("", response_model=NotificationAddresses)
async def read(tenant_id: str, context: Shared, staff: Staff, request: Request) -> Response:
    """Warns when there is none in use."""
    return await _shown(context, tenant_id, request)


@router.put("", response_model=NotificationAddresses)
async def change(
    tenant_id: str,
    body: AddressesInput,
    context: Shared,
    staff: Staff,
    request: Request,
    if_match: IfMatch = None,
) -> Response:
    """Replace the list. An address that is new in it is mailed a link, and works once the button behind it is pressed.

    Until then the address it replaces stays in use. What is left out is gone at once. The same list again changes
    nothing and mails nobody.
    """
    current = await _slots(context, tenant_id)
    check_if_match(if_match, etag(fingerprint(current)))
    addresses = tuple(address.mail_address for address in body.addresses)
    if plan(current, addresses).slots != tuple(current):
        command_id = Draw().opaque_id()
        identity = Identity.of(ProcedureKind.NOTIFICATION_ADDRESS, tenant_id, command_id)
        command = ChangeAddresses(
            command_id=command_id,
            actor=staff.actor,
            identity=identity,
            addresses=addresses,
            expected=fingerprint(current) if if_match else None,
        )
        await context.commands.start(
            NotificationAddressChange.run,
            command,
            identity,
            answer=NotificationAddressChange.changed,
            summary=f"New notification addresses of {tenant_id}",
        )
    return await _shown(context, tenant_id, request)


# For the page behind the link.


@dataclass(frozen=True, kw_only=True)
class AddressConfirmation:
    """What the page shows. `state`: `pending` with a button, `verified` when it is done."""

    tenant: Row[tuple[Tenant]]
    mail_address: str
    deadline: datetime
    state: AddressChangeState
    identity: Identity


async def confirmation_of(context: Context, token: str) -> AddressConfirmation:
    """What is behind the link; changes nothing.

    Raises:
        NotFound: no such link, or one for another purpose. LinkExpired, LinkWithdrawn.
    """
    tenant_id = links.tenant_of(token)
    if tenant_id is None:
        raise NotFound
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        link = await links.find(connection, token)
        if link is None or link.purpose != LinkPurpose.NOTIFICATION_ADDRESS:
            raise NotFound
        tenant = await tenant_row(connection, tenant_id)
    if link.used_at is None:
        links.refuse_dead(link, now)
    return AddressConfirmation(
        tenant=tenant,
        mail_address=link.recipient,
        deadline=link.deadline,
        state=_state(link),
        identity=Identity.of(ProcedureKind.NOTIFICATION_ADDRESS, tenant_id, link.subject),
    )


async def confirm_address(context: Context, token: str) -> AddressConfirmation:
    """Press the button. A second press changes nothing and says that it is done.

    Raises:
        NotFound, LinkExpired, LinkWithdrawn: as `confirmation_of`.
        NotDoneYetError: accepted, not recorded yet. Unavailable: nothing was taken.
    """
    found = await confirmation_of(context, token)
    if found.state is AddressChangeState.PENDING:
        command = Command(command_id=f"confirm-{found.identity.subject}", actor="address_holder")
        try:
            await context.commands.send(found.identity, NotificationAddress.confirm, command)
        except ProcedureGoneError:
            # It ended between the look and the command; the link says how, or an operator ended it.
            found = await confirmation_of(context, token)
            if found.state is AddressChangeState.PENDING:
                raise LinkWithdrawn from None
    return await confirmation_of(context, token)


def _state(link: Row[tuple[Link]]) -> AddressChangeState:
    return AddressChangeState.PENDING if link.used_at is None else AddressChangeState.VERIFIED


async def _slots(context: Context, tenant_id: str) -> list[Slot]:
    async with context.database.transaction(tenant_id) as connection:
        return await read_slots(connection, tenant_id)


async def _shown(context: Context, tenant_id: str, request: Request) -> Response:
    async with context.database.transaction(tenant_id) as connection:
        slots = await read_slots(connection, tenant_id)
        language = language_of(request, Language((await tenant_row(connection, tenant_id)).language))
    shown = NotificationAddresses(
        addresses=[
            ShownAddress(
                mail_address=slot.verified or slot.pending or "",
                state=AddressChangeState.VERIFIED if slot.verified else AddressChangeState.PENDING,
                pending_mail_address=slot.pending,
            )
            for slot in slots
        ],
        warning=None if any(slot.verified for slot in slots) else Warned(message=_NONE[language]),
    )
    headers = {"ETag": etag(fingerprint(slots))}
    return Response(shown.model_dump_json(), media_type="application/json", headers=headers)
