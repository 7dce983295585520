"""The charge for a device that stays away (KIT-04)."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from activities.return_kit_rows import KitRow


async def charge(_connection: AsyncConnection, kit: KitRow, _at: datetime, *, otherwise: int) -> int:
    """Put it on the customer's account, unless it is waived. Returns the amount charged, in whole yen."""
    return 0 if kit.waived else otherwise


async def reverse(_connection: AsyncConnection, _kit: KitRow, _at: datetime) -> None:
    """Take back what of it is on the account."""
