"""The rehearsal stack's worker is killed with procedures in its memory: those that wait go on under the next one."""

import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from local.demo_office import JIRO, Office
from tests.product_process import STARTS_WITHIN, Product
from tests.rehearsed_office import rehearsed_office
from tests.world import eventually

pytestmark = [pytest.mark.timeout(240), pytest.mark.xdist_group("rehearsal")]


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[tuple[Office, Product]]:
    async with rehearsed_office(tmp_path) as found:
        yield found


async def kill_worker(product: Product) -> None:
    """`kill -9`; another has taken its place."""
    killed = product.pids()["Worker 1"]
    os.kill(killed, signal.SIGKILL)

    async def is_replaced() -> bool:
        return product.pids()["Worker 1"] != killed

    await eventually(is_replaced, patience=STARTS_WITHIN)


@pytest.mark.requirement("GEN-02", "USR-03")
async def test_a_signup_expires_though_the_worker_that_began_it_was_killed(office: tuple[Office, Product]) -> None:
    """His reminder and his expiry were due to a worker that is no more."""
    staff, product = office
    user = {"last_name": "鈴木", "first_name": "次郎", "mail_address": JIRO}
    await staff.of_customer("POST", "/users", user)
    await staff.cast.mail(JIRO)
    await kill_worker(product)
    await staff.jump(await staff.cast.now() + timedelta(days=8))
    users = (await staff.of_customer("GET", "/users"))["items"]
    assert {user["mail_address"]: user["signup_state"] for user in users}[JIRO] == "signup_expired"
