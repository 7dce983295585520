"""Whether the process lives, and whether each part it needs is there."""

import asyncio
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import APIRouter, Response
from pydantic import BaseModel
from sqlalchemy import text

from api.context import Context, Shared

router = APIRouter(tags=["Health"])


class Alive(BaseModel):
    status: str = "alive"


class Readiness(BaseModel):
    """`parts`: `ok`, or what is wrong, by name."""

    ready: bool
    parts: dict[str, str]


@router.get("/healthz")
async def healthz() -> Alive:
    return Alive()


@router.get("/readyz", responses={HTTPStatus.SERVICE_UNAVAILABLE: {"model": Readiness}})
async def readyz(context: Shared, response: Response) -> Readiness:
    """Database, Temporal, worker and mail, each looked at now."""
    checks = {"database": _database, "temporal": _temporal, "worker": _worker, "mail": _mail}
    results = await asyncio.gather(*(_result(check, context) for check in checks.values()))
    parts = dict(zip(checks, results, strict=True))
    ready = all(result == "ok" for result in results)
    if not ready:
        response.status_code = HTTPStatus.SERVICE_UNAVAILABLE
    return Readiness(ready=ready, parts=parts)


async def _result(check: Callable[[Context], Awaitable[None]], context: Context) -> str:
    try:
        async with asyncio.timeout(3):
            await check(context)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with a part is its result
        return type(error).__name__ if not str(error) else f"{type(error).__name__}: {str(error).splitlines()[0]}"
    return "ok"


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
