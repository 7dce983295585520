"""The devices of a contract, as return kits need them."""

from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True)
class ContractUtm:
    """`address`: where it is installed."""

    utm_id: str
    name: str
    postal_code: str
    address: str


async def of_contract(_connection: AsyncConnection, _tenant_id: str, _contract_number: str) -> list[ContractUtm]:
    """By UTM ID."""
    return []
