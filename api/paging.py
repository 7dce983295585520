"""Lists: `?limit=`, `?cursor=`, `?sort=field` or `-field`, number filters; the answer `{items, next_cursor, total}`.

Pages follow keys, not offsets: what is inserted meanwhile neither repeats nor skips a row. A cursor is not a secret and
gives no right: it only says after which row to go on, in the caller's own list.

    order = resolve_order(paging.sort, {"submitted_at": table.c.submitted_at}, default="-submitted_at")
    rows = await fetch_page(connection, select(table).where(…), order=order, key=table.c.number, paging=paging)
    return rows.page(ApplicationListed.model_validate)
"""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel, Field
from sqlalchemy import Column, ColumnElement, Row, Select, and_, func, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from models.refusals import FieldError, InvalidInput

T = TypeVar("T")
DEFAULT_LIMIT = 50
MAX_LIMIT = 200
_COMPARISON = re.compile(r"(eq|ne|gte|lte):(.+)")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,18}")  # what a bigint surely takes


class Page(BaseModel, Generic[T]):
    """`next_cursor` is null on the last page; `total` counts all pages."""

    items: list[T]
    next_cursor: str | None
    total: int


@dataclass(frozen=True)
class Paging:
    limit: int
    cursor: str | None
    sort: str | None


def _paging(
    limit: Annotated[int, Query(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT,
    cursor: Annotated[str | None, Query(max_length=1000, description="`next_cursor` of the page before")] = None,
    sort: Annotated[str | None, Query(max_length=60, description="a field, or `-field` for the other way")] = None,
) -> Paging:
    return Paging(limit, cursor, sort)


PagingQuery = Annotated[Paging, Depends(_paging)]
ComparisonsQuery = Annotated[
    list[Annotated[str, Field(max_length=30)]] | None,
    Query(max_length=4, description="`eq:`, `ne:`, `gte:`, `lte:` and a number or a date; given twice, both hold"),
]


@dataclass(frozen=True)
class Order:
    """`name` as asked for (`-submitted_at`). Where a table's column is null, a row counts as after all others."""

    name: str
    column: ColumnElement[Any]
    descending: bool

    @property
    def is_nullable(self) -> bool:
        return isinstance(self.column, Column) and bool(self.column.nullable)


def resolve_order(sort: str | None, allowed: Mapping[str, ColumnElement[Any]], *, default: str) -> Order:
    """The order asked for, among those allowed.

    Raises:
        InvalidInput: it is not among them.
    """
    name = sort or default
    column = allowed.get(name.removeprefix("-"))
    if column is None:
        raise InvalidInput(errors=[FieldError("sort", "unknown_choice", {"choices": ", ".join(allowed)})])
    return Order(name, column, name.startswith("-"))


@dataclass(frozen=True)
class Rows:
    rows: Sequence[Row[Any]]
    next_cursor: str | None
    total: int

    def page(self, item: Callable[[Row[Any]], T]) -> Page[T]:
        return Page(items=[item(row) for row in self.rows], next_cursor=self.next_cursor, total=self.total)


async def fetch_page(
    connection: AsyncConnection, query: Select[Any], *, order: Order, key: ColumnElement[Any], paging: Paging
) -> Rows:
    """One page of a query (with its filters, without order), by `order` and then by the unique `key`.

    Raises:
        InvalidInput: the cursor is of another list or order.
    """
    total = await connection.scalar(select(func.count()).select_from(query.order_by(None).subquery()))
    # Under names of their own, so that a cursor can be made of columns that the query does not show.
    ordered = query.add_columns(order.column.label("cursor_value"), key.label("cursor_key"))
    directions = (order.column.desc(), key.desc()) if order.descending else (order.column, key)
    if paging.cursor is not None:
        ordered = ordered.where(_behind(order, key, *_decoded(paging.cursor, order, key)))
    found = (await connection.execute(ordered.order_by(*directions).limit(paging.limit + 1))).all()
    rows = found[: paging.limit]
    has_more = len(found) > len(rows)
    return Rows(rows, _encoded(order, rows[-1]) if has_more else None, total or 0)


def _behind(order: Order, key: ColumnElement[Any], value: object, last_key: object) -> ColumnElement[bool]:
    """The rows that come after the one of that value and key; null is after every value, as in Postgres' own order."""
    if value is None:
        further = key < last_key if order.descending else key > last_key
        within = and_(order.column.is_(None), further)
        return or_(order.column.is_not(None), within) if order.descending else within
    both, last = tuple_(order.column, key), tuple_(value, last_key)
    if order.descending:
        return both < last
    return or_(both > last, order.column.is_(None)) if order.is_nullable else both > last


def page_of(items: Sequence[T], paging: Paging, *, key: Callable[[T], str]) -> Page[T]:
    """One page of a short list that is all here, in its own order; cursors are the items' keys.

    Raises:
        InvalidInput: the cursor is of another list.
    """
    keys = [key(item) for item in items]
    if paging.cursor is not None and paging.cursor not in keys:
        raise InvalidInput(errors=[FieldError("cursor", "invalid_cursor")])
    first = keys.index(paging.cursor) + 1 if paging.cursor is not None else 0
    last = first + paging.limit
    next_cursor = keys[last - 1] if last < len(items) else None
    return Page(items=list(items[first:last]), next_cursor=next_cursor, total=len(items))


def compared(
    wanted: Mapping[str, tuple[Sequence[str] | None, ColumnElement[Any]]],
) -> list[ColumnElement[bool]]:
    """The conditions of filters `eq:`, `ne:`, `gte:`, `lte:` on numbers and dates; of one field several join.

    Raises:
        InvalidInput: it names every field whose filter is not in that form.
    """
    asked = [(field, text, column) for field, (texts, column) in wanted.items() for text in texts or ()]
    conditions = {(field, text): _compared(text, column) for field, text, column in asked}
    wrong = dict.fromkeys(field for (field, _), condition in conditions.items() if condition is None)
    if wrong:
        raise InvalidInput(errors=[FieldError(field, "invalid_filter") for field in wrong])
    return [condition for condition in conditions.values() if condition is not None]


def _compared(text: str, column: ColumnElement[Any]) -> ColumnElement[bool] | None:
    """None: it is not in the form of a filter."""
    match = _COMPARISON.fullmatch(text)
    value = _comparable(match[2], column.type.python_type) if match else None
    if match is None or value is None:
        return None
    conditions = {
        "eq": column == value,
        "ne": column.is_distinct_from(value),
        "gte": column >= value,
        "lte": column <= value,
    }
    return conditions[match[1]]


def _comparable(text: str, kind: type[Any]) -> int | date | None:
    try:
        if kind is date:
            return date.fromisoformat(text)
        return int(text) if _WHOLE_NUMBER.fullmatch(text) else None
    except ValueError:
        return None


def _encoded(order: Order, row: Row[Any]) -> str:
    value = row.cursor_value
    plain = value.isoformat() if isinstance(value, date) else value
    return base64.urlsafe_b64encode(json.dumps([order.name, plain, row.cursor_key]).encode()).rstrip(b"=").decode()


def _decoded(cursor: str, order: Order, key: ColumnElement[Any]) -> tuple[Any, Any]:
    try:
        name, value, last_key = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        is_null = value is None and order.is_nullable
        typed_value = None if is_null else _typed(value, order.column.type.python_type)
        typed = typed_value, _typed(last_key, key.type.python_type)
    except (ValueError, TypeError):
        typed, name = None, None
    if typed is None or name != order.name:
        raise InvalidInput(errors=[FieldError("cursor", "invalid_cursor")])
    return typed


def _typed(value: object, kind: type[Any]) -> Any:  # noqa: ANN401 - of the column's type
    if kind in (date, datetime):
        moment = kind.fromisoformat(value)
        if kind is datetime and moment.tzinfo is None:
            raise ValueError(value)
        return moment
    if type(value) is not kind or (isinstance(value, str) and "\x00" in value) or _is_too_large(value):
        raise TypeError(value)
    return value


def _is_too_large(value: object) -> bool:
    return isinstance(value, int) and not _WHOLE_NUMBER.fullmatch(str(value))
