"""The applications of a period as a CSV file (APP-16)."""

from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import Row, select, tuple_

from activities.records import tenant_row
from api.authentication import Staff
from api.context import Context, Shared
from api.periods import Period, PeriodQuery
from models.rules.spreadsheet import csv_head, csv_lines
from models.tables.applications import ServiceApplication as Applications
from models.tables.tenants import Tenant

router = APIRouter(tags=["Applications"])
_BATCH = 200
_PAYMENT_METHOD = "その他"
_COLUMNS = (
    *("application_number", "application_date", "status"),
    *("account_name", "last_name", "first_name", "department", "position", "mail_address"),
    *("zipcode", "state", "address", "phone_number", "payment_method", "payment_type", "notes", "notes2", "notes3"),
    *("utm_account_name", "utm_last_name", "utm_first_name", "utm_department", "utm_phone_number"),
    *("utm_zipcode", "utm_address", "utm_application_time", "utm_count"),
)
_COMPANY = (
    *("company_name", "last_name", "first_name", "department", "position", "mail_address"),
    *("postal_code", "prefecture", "address", "phone_number"),
)
_DESTINATION = ("company_name", "last_name", "first_name", "department", "phone_number", "postal_code")


@router.get(
    "/v1/tenants/{tenant_id}/applications.csv",
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "UTF-8 with a byte order mark, RFC 4180"}},
)
async def download(tenant_id: str, context: Shared, staff: Staff, period: PeriodQuery) -> StreamingResponse:
    """Every application of the period in whatever state, oldest first, a row for each UTM destination.

    Left out is what the applicant never confirmed: the tenant was never given it (APP-07). Date and time are those of
    the submission in the tenant's zone; `state` is the prefecture, which `utm_address` begins with; the further
    questions are those that the tenant asks now.
    """
    async with context.database.transaction(tenant_id) as connection:
        tenant = await tenant_row(connection, tenant_id)
    return StreamingResponse(
        _document(context, tenant, period),
        media_type="text/csv",
        headers={"Content-Disposition": 'attachment; filename="applications.csv"'},
    )


async def _document(context: Context, tenant: Row[tuple[Tenant]], period: Period) -> AsyncIterator[bytes]:
    labels = [field["label"] for field in tenant.extra_fields]
    zone = ZoneInfo(tenant.time_zone)
    yield csv_head([*_COLUMNS, *labels])
    last = None
    while applications := await _batch(context, tenant, period, after=last):
        yield csv_lines(row for application in applications for row in _rows(application, zone, labels))
        last = applications[-1]


async def _batch(
    context: Context, tenant: Row[tuple[Tenant]], period: Period, *, after: Row[Any] | None
) -> Sequence[Row[Any]]:
    """Each batch is a transaction of its own: a slow reader of the file keeps no connection, and none times out."""
    table = Applications.__table__
    position = tuple_(table.c.submitted_at, table.c.application_number)
    query = select(table).where(
        table.c.tenant_id == tenant.tenant_id,
        table.c.confirmed_at.is_not(None),
        *period.conditions(table.c.submitted_at, tenant.time_zone),
    )
    if after is not None:
        query = query.where(position > tuple_(after.submitted_at, after.application_number))
    async with context.database.transaction(tenant.tenant_id) as connection:
        found = await connection.execute(query.order_by(table.c.submitted_at, table.c.application_number).limit(_BATCH))
        return found.all()


def _rows(application: Row[Any], zone: ZoneInfo, labels: Sequence[str]) -> Iterator[list[str]]:
    """In the order of `_COLUMNS`, and then of the labels."""
    submitted_at = application.submitted_at.astimezone(zone)
    for destination in application.utm_destinations:
        cells = [
            application.application_number,
            submitted_at.date().isoformat(),
            application.state,
            *(application.company.get(name) for name in _COMPANY),
            *(_PAYMENT_METHOD, ""),
            *(application.memo1, application.memo2, application.memo3),
            *(destination.get(name) for name in _DESTINATION),
            destination["prefecture"] + destination["address"],
            submitted_at.isoformat(timespec="seconds"),
            str(destination["quantity"]),
            *(application.extra.get(label) for label in labels),
        ]
        yield [cell or "" for cell in cells]
