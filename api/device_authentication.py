"""A UTM as the caller of `/v1/device/…`: its token, of which the database keeps a digest (UTM-06).

The digest is looked up every time, so that a token is dead the moment it is rotated or its device deleted. Where
devices come by the thousand, many are looked up at once (`api/device_desk.py`).
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import Depends
from sqlalchemy import Row, select

from api.authentication import Caller, Credentials, signed_in
from api.context import Shared
from models.identifiers import digest
from models.refusals import Forbidden, Unauthenticated
from models.tables.utms import Utm

_TOKEN = re.compile(r"tzd_(T[0-9]{7})_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True)
class DeviceToken:
    """In the form of one. Whether it is a device's is yet to be looked up, in the tenant that it names."""

    tenant_id: str
    token_digest: str


@dataclass(frozen=True, kw_only=True)
class UtmDevice(Caller):
    """`row`: its `tenant_id`, `registration_id`, `utm_id` and `customer_id`."""

    row: Row[Any]

    @property
    def as_sender(self) -> str:
        """Whose the keys of its requests are. Its UTM ID may have been another device's, of another tenant."""
        return f"device:{self.row.registration_id}"


async def _shown_token(context: Shared, credentials: Credentials) -> DeviceToken:
    """Raises: Unauthenticated: nobody known. Forbidden: somebody known, who is no device."""
    match = _TOKEN.fullmatch(credentials.credentials) if credentials else None
    if credentials is None or match is None:
        await signed_in(context, credentials)
        raise Forbidden
    return DeviceToken(match.group(1), digest(credentials.credentials))


ShownToken = Annotated[DeviceToken, Depends(_shown_token)]


async def _device(context: Shared, token: ShownToken) -> UtmDevice:
    """Raises: Unauthenticated: the token is no device's, or no longer."""
    async with context.database.transaction(token.tenant_id) as connection:
        found = await connection.execute(
            select(Utm.tenant_id, Utm.registration_id, Utm.utm_id, Utm.customer_id).where(
                Utm.tenant_id == token.tenant_id, Utm.token_digest == token.token_digest
            )
        )
        row: Any = found.first()  # mypy takes a row of strings for no row of anything
    if row is None:
        raise Unauthenticated
    return UtmDevice(f"device:{row.utm_id}", row=row)


Device = Annotated[UtmDevice, Depends(_device)]
