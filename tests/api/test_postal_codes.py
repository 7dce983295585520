"""Where a postal code is, for whoever asks (APP-06)."""

import pytest
from httpx2 import ASGITransport, AsyncClient

from api.app import create_app
from api.context import Context

pytestmark = pytest.mark.requirement("APP-06")


@pytest.mark.parametrize("code", ["105-0011", "1050011", "１０５－００１１"])
async def test_a_code_is_its_prefecture_and_town_however_it_is_written(api: AsyncClient, code: str) -> None:
    """Without signing in."""
    answer = await api.get(f"/v1/postal-codes/{code}")
    assert answer.status_code == 200
    assert answer.json() == {"postal_code": "105-0011", "prefecture": "東京都", "town": "港区芝公園"}


@pytest.mark.parametrize("code", ["000-0000", "105", "x", "105-00111"])
async def test_a_code_that_is_none_is_not_found(api: AsyncClient, code: str) -> None:
    answer = await api.get(f"/v1/postal-codes/{code}")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


async def test_asking_too_often_is_refused_for_a_while(context: Context) -> None:
    """Anonymous callers are limited, and told when to ask again."""
    narrow = context.settings.rate_limits.model_copy(update={"postal_code_per_client": "2/minute"})
    settings = context.settings.model_copy(update={"rehearsal": False, "rate_limits": narrow})
    limited = Context(**{**vars(context), "settings": settings})
    async with AsyncClient(transport=ASGITransport(app=create_app(limited)), base_url="http://127.0.0.1:8080") as api:
        statuses = [(await api.get("/v1/postal-codes/105-0011")).status_code for _ in range(3)]
        late = await api.get("/v1/postal-codes/105-0011")
    assert statuses == [200, 200, 429]
    assert int(late.headers["Retry-After"]) > 0
