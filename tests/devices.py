"""UTM devices in tests: registered straight in the database, with commands on offer to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert, select

from api.utms import new_device_token
from models import device_commands
from models.database import Database
from models.device_commands import Order
from models.device_vocabulary import DeviceCommandKind
from models.identifiers import Draw, digest
from models.tables.customers import Customer
from models.tables.devices import DeviceCommand, UtmConnection
from models.tables.utms import Utm
from tests.world import TENANT, World


@dataclass(frozen=True)
class DeviceUnderTest:
    tenant_id: str
    customer_id: str
    registration_id: str
    utm_id: str
    token: str

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}"}

    @property
    def url(self) -> str:
        """Where its tenant's staff see it."""
        return f"/v1/tenants/{self.tenant_id}/customers/{self.customer_id}/utms/{self.utm_id}"


async def make_devices(
    database: Database, now: datetime, count: int = 1, *, tenant_id: str = TENANT
) -> list[DeviceUnderTest]:
    """Of one customer."""
    draw = Draw()
    customer_id = draw.customer_id()
    made = [
        DeviceUnderTest(
            tenant_id, customer_id, draw.opaque_id(), draw.text("0123456789abcdef", 12), new_device_token(tenant_id)
        )
        for _ in range(count)
    ]
    async with database.transaction(tenant_id) as connection:
        await connection.execute(insert(Customer).values(**_customer(tenant_id, customer_id, now)))
        await connection.execute(insert(Utm), [_row(device, now) for device in made])
    return made


async def order_restart(
    world: World, device: DeviceUnderTest, *, after: timedelta = timedelta(0), quietly: bool = False
) -> str:
    """Put a restart on offer to the device from then on, for a quarter of an hour. Returns the command's id.

    `quietly`: without a word to whoever waits.
    """
    now = await world.clock.now()
    command_id = Draw().opaque_id()
    order = Order(
        tenant_id=device.tenant_id,
        command_id=command_id,
        registration_id=device.registration_id,
        kind=DeviceCommandKind.RESTART,
        procedure_id=f"restart-{device.tenant_id}-{device.registration_id}",
        issued_at=now,
        offer_from=now + after,
        offer_until=now + after + timedelta(minutes=15),
    )
    async with world.database.transaction(device.tenant_id) as connection:
        if quietly:
            await connection.execute(insert(DeviceCommand).values(state="waiting", **vars(order)))
        else:
            await device_commands.give(connection, order)
    return command_id


async def withdrawn(world: World, device: DeviceUnderTest, command_id: str) -> bool:
    async with world.database.transaction(device.tenant_id) as connection:
        return await device_commands.withdraw(connection, device.tenant_id, command_id, await world.clock.now())


async def command_state(world: World, device: DeviceUnderTest, command_id: str) -> str:
    async with world.database.transaction(device.tenant_id) as connection:
        state = await connection.scalar(select(DeviceCommand.state).where(DeviceCommand.command_id == command_id))
        return str(state)


async def connections(database: Database, tenant_id: str = TENANT) -> Sequence[tuple[str, str, str]]:
    """Registration, version and IP address of every device of the tenant that was ever heard of."""
    async with database.transaction(tenant_id) as connection:
        rows = await connection.execute(
            select(UtmConnection.registration_id, UtmConnection.version, UtmConnection.ip_address)
        )
        return [(row.registration_id, row.version, row.ip_address) for row in rows]


def _customer(tenant_id: str, customer_id: str, now: datetime) -> dict[str, object]:
    return {
        "tenant_id": tenant_id,
        "customer_id": customer_id,
        "company_name": "みなと商事",
        "last_name": "山田",
        "first_name": "太郎",
        "mail_address": "taro@minato.example",
        "postal_code": "105-0001",
        "prefecture": "東京都",
        "address": "港区虎ノ門1-2-3",
        "phone_number": "0312345678",
        "account_state": "free",
        "status": "active",
        "created_at": now,
    }


def _row(device: DeviceUnderTest, now: datetime) -> dict[str, object]:
    return {
        "tenant_id": device.tenant_id,
        "registration_id": device.registration_id,
        "utm_id": device.utm_id,
        "customer_id": device.customer_id,
        "name": device.utm_id,
        "serial_number": "SN0123456789012",
        "postal_code": "105-0001",
        "address": "東京都港区虎ノ門1-2-3",
        "delivery_status": "設置済み",
        "token_digest": digest(device.token),
        "created_at": now,
    }
