"""A rehearsal stack in processes of its own, with an office that has one customer."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from local.demo_cast import Cast
from local.demo_office import Office
from local.processes import free_port
from local.stack_plan import Addresses
from tests.product_process import Product


@asynccontextmanager
async def rehearsed_office(folder: Path, *options: str) -> AsyncIterator[tuple[Office, Product]]:
    """`options`: more of `tetsuzuki up`'s. At the end it stops in order."""
    product = Product(folder, "--rehearsal", f"--api-port={free_port()}", *options)
    async with Cast.met(Addresses(**product.start()), product.data_dir / "rehearsal") as cast:
        tenant, _ = await Office.found(cast)
        office, _ = await Office.staffed(cast, tenant)
        await office.take_customer()
        yield office, product
    assert product.stop() == 0
