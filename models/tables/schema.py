"""What all tables share: constraint names, column types, and the mark that makes a table a tenant's own."""

from datetime import datetime
from typing import Annotated, Any

from sqlalchemy import DateTime, ForeignKey, MetaData, String
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import DeclarativeBase, mapped_column

Instant = Annotated[datetime, mapped_column(DateTime(timezone=True))]
Json = Annotated[dict[str, Any], mapped_column(JSONB)]
JsonList = Annotated[list[Any], mapped_column(JSONB)]
TenantId = Annotated[str, mapped_column(String(8), ForeignKey("tenants.tenant_id"), primary_key=True)]
"""Leads every key of a tenant's table; its row-level security policy compares it with the setting `app.tenant`."""


class Table(DeclarativeBase):
    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


def one_of(column: str, names: type[Any]) -> str:
    """The text of a check constraint: the column holds one of an enum's values."""
    values = ", ".join(f"'{name.value}'" for name in names)
    return f"{column} IN ({values})"
