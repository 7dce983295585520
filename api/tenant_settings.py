"""A tenant's settings (SET-01 to SET-05)."""

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Response
from pydantic import BaseModel, BeforeValidator, Field, StrictBool, field_validator
from pydantic_core import PydanticCustomError
from sqlalchemy import Row, update

from activities.records import tenant_row
from api.authentication import Staff
from api.context import Shared
from api.etags import IfMatch, check_if_match, etag
from models import audit
from models.audit import Fact
from models.fields import Day, Description, Input, Origin, ShortageGraceDays, Title, WebAddress
from models.tables.tenants import Tenant

router = APIRouter(prefix="/v1/tenants/{tenant_id}/settings", tags=["Tenant settings"])


class CustomerLinkInput(Input):
    """A link that the tenant's customers are shown (SET-04)."""

    name: Title
    url: WebAddress
    description: Description
    published_on: Day


def _refused(_: object) -> None:
    raise PydanticCustomError("read_only", "cannot be changed here")


class SettingsChange(Input):
    """What is not named stays as it is; a list that is named replaces the former one."""

    utm_addition_enabled: StrictBool | None = None
    shortage_grace_days: ShortageGraceDays | None = None
    allowed_referrers: Annotated[list[Origin], Field(max_length=100)] | None = None
    links: Annotated[list[CustomerLinkInput], Field(max_length=100)] | None = None
    extra_fields: Annotated[None, BeforeValidator(_refused), Field(json_schema_extra={"readOnly": True})] = None
    """The operator's to define (SET-05)."""

    @field_validator("*", mode="before")
    @classmethod
    def _not_null(cls, value: Any) -> Any:  # noqa: ANN401 - whatever a caller sends
        if value is None:
            raise PydanticCustomError("required", "cannot be nothing")
        return value

    def columns(self) -> dict[str, Any]:
        """What is named, as the tenant's row keeps it."""
        values = self.model_dump(mode="json", exclude_unset=True)
        if "allowed_referrers" in values:
            values["allowed_referrers"] = list(dict.fromkeys(values["allowed_referrers"]))
        return values


class CustomerLink(BaseModel):
    name: str
    url: str
    description: str
    published_on: date


class ExtraField(BaseModel):
    """A question that the operator adds to the tenant's application form (SET-05)."""

    label: str
    required: bool
    kind: str
    choices: list[str] = []


class TenantSettings(BaseModel):
    utm_addition_enabled: bool
    shortage_grace_days: int
    allowed_referrers: list[str]
    links: list[CustomerLink]
    extra_fields: list[ExtraField]


@router.get("")
async def read(tenant_id: str, context: Shared, staff: Staff, response: Response) -> TenantSettings:
    async with context.database.transaction(tenant_id) as connection:
        tenant = await tenant_row(connection, tenant_id)
    return _shown(tenant, response)


@router.patch("")
async def change(
    tenant_id: str,
    body: SettingsChange,
    context: Shared,
    staff: Staff,
    response: Response,
    *,
    if_match: IfMatch = None,
) -> TenantSettings:
    """Change what the body names; extra fields are the operator's to define."""
    now = await context.clock.now()
    async with context.database.transaction(tenant_id) as connection:
        tenant = await tenant_row(connection, tenant_id, locked=True)
        check_if_match(if_match, etag(tenant.version))
        changed = {name: value for name, value in body.columns().items() if value != getattr(tenant, name)}
        if changed:
            await connection.execute(
                update(Tenant).where(Tenant.tenant_id == tenant_id).values(version=Tenant.version + 1, **changed)
            )
            fact = Fact(
                tenant_id=tenant_id,
                at=now,
                actor=staff.actor,
                what="tenant_settings_changed",
                subject=tenant_id,
                detail={name: _told(value) for name, value in changed.items()},
            )
            await audit.record(connection, fact)
            tenant = await tenant_row(connection, tenant_id)
    return _shown(tenant, response)


def _told(value: object) -> object:
    """What the audit log says: switches and numbers themselves, of lists only how many."""
    return len(value) if isinstance(value, list) else value


def _shown(tenant: Row[tuple[Tenant]], response: Response) -> TenantSettings:
    response.headers["ETag"] = etag(tenant.version)
    return TenantSettings.model_validate(tenant, from_attributes=True)
