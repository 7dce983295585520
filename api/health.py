"""Whether the process lives, and whether each part it needs is there."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus
from typing import Literal

import structlog
from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import text

from api.context import Context, Shared

router = APIRouter(tags=["Health"])
_log = structlog.get_logger(__name__)


class Alive(BaseModel):
    status: str = "alive"


class Readiness(BaseModel):
    """`parts`: `ok` or `out_of_reach`, by name. Why, the log says, and `tetsuzuki doctor`: here anybody may ask."""

    ready: bool
    parts: dict[str, Literal["ok", "out_of_reach"]]


@router.get("/healthz")
async def healthz() -> Alive:
    return Alive()


@router.get("/readyz", responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": Readiness}})
async def readyz(context: Shared, response: Response) -> Readiness:
    """Database, Temporal, worker and mail, each looked at now."""
    checks = {"database": _database, "temporal": _temporal, "worker": _worker, "mail": _mail}
    results = await asyncio.gather(*(_is_there(name, check, context) for name, check in checks.items()))
    ready = all(results)
    if not ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(
        ready=ready,
        parts={name: "ok" if is_there else "out_of_reach" for name, is_there in zip(checks, results, strict=True)},
    )


async def _is_there(name: str, check: Callable[[Context], Awaitable[None]], context: Context) -> bool:
    """What an exception says holds addresses and user names: the log has its type and place."""
    try:
        async with asyncio.timeout(3):
            await check(context)
    except Exception:  # noqa: BLE001 - whatever is wrong with a part is its result
        _log.warning("part out of reach", kind=name, exc_info=True)
        return False
    return True


async def _database(context: Context) -> None:
    async with context.database.transaction() as connection:
        await connection.execute(text("SELECT version_num FROM alembic_version"))


async def _temporal(context: Context) -> None:
    await context.commands.check_engine()


async def _worker(context: Context) -> None:
    if not await context.commands.has_worker():
        message = "no worker polls the task queue"
        raise RuntimeError(message)


async def _mail(context: Context) -> None:
    smtp = context.settings.smtp
    _, writer = await asyncio.open_connection(smtp.host, smtp.port)
    writer.write(b"QUIT\r\n")
    writer.close()
