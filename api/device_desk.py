"""Where devices report by the thousand: heartbeats and polls of a tenant share transactions, and so do their tokens.

Each batch is a transaction of its own tenant's, so that row-level security holds as everywhere (GEN-05).
"""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from fastapi import FastAPI, Request

from api.batches import Batches
from api.context import Context
from api.device_authentication import DeviceToken
from api.doorbell import Doorbell
from models import command_offers, heartbeats
from models.command_offers import Offers
from models.heartbeats import Heartbeat
from models.refusals import Unauthenticated

_CONNECTIONS = 3
"""Of the process's pool, that batches may take at once; the others are people's."""


@dataclass(frozen=True)
class Look:
    """What is on offer, and when that was so."""

    offers: Offers
    at: datetime


class DeviceDesk:
    def __init__(self, context: Context) -> None:
        room = asyncio.Semaphore(_CONNECTIONS)
        self._context = context
        self._heartbeats = Batches(self._record, room=room)
        self._looks = Batches(self._look, room=room)
        self.doorbell = Doorbell(context.database)

    async def heard(self, token: DeviceToken, *, version: str, ip_address: str) -> datetime:
        """When the heartbeat was heard; it stands in the database then. Raises: Unauthenticated."""
        told = Heartbeat(token_digest=token.token_digest, version=version, ip_address=ip_address)
        at = await self._heartbeats.do(token.tenant_id, told)
        if at is None:
            raise Unauthenticated
        return at

    async def look(self, token: DeviceToken) -> Look:
        """Hand over what is on offer. Raises: Unauthenticated."""
        look = await self._looks.do(token.tenant_id, token.token_digest)
        if look is None:
            raise Unauthenticated
        return look

    async def _record(self, tenant_id: str, told: list[Heartbeat]) -> list[datetime | None]:
        now = await self._context.clock.now()
        async with self._context.database.transaction(tenant_id) as connection:
            known = await heartbeats.record(connection, tenant_id, told, now)
        return [now if heartbeat.token_digest in known else None for heartbeat in told]

    async def _look(self, tenant_id: str, token_digests: list[str]) -> list[Look | None]:
        now = await self._context.clock.now()
        async with self._context.database.transaction(tenant_id) as connection:
            offers = await command_offers.hand_over(connection, tenant_id, token_digests, now)
        return [Look(offers[digest], now) if digest in offers else None for digest in token_digests]


def register(app: FastAPI, context: Context) -> None:
    app.state.device_desk = DeviceDesk(context)


def desk_of(app: FastAPI) -> DeviceDesk:
    desk: DeviceDesk = app.state.device_desk
    return desk


async def desk(request: Request) -> DeviceDesk:
    return desk_of(request.app)
