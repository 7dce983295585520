"""The floor of a heartbeat: a bare FastAPI app, one INSERT, one commit, and nothing else of the product.

python -m bench.bare_insert DATABASE_URL PORT
"""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psycopg_pool
import uvicorn
from fastapi import FastAPI
from pydantic import BaseModel


class Beat(BaseModel):
    version: str
    ip_address: str


def create_app(database_url: str) -> FastAPI:
    pool = psycopg_pool.AsyncConnectionPool(database_url, min_size=10, max_size=10, open=False)

    @asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        await pool.open()
        yield
        await pool.close()

    app = FastAPI(lifespan=life)

    @app.post("/beat")
    async def beat(body: Beat) -> dict[str, str]:
        async with pool.connection() as connection:
            await connection.execute(
                "INSERT INTO bench_beats (at, version, ip_address) VALUES (now(), %s, %s)",
                (body.version, body.ip_address),
            )
        return {"now": "heard"}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(sys.argv[1]), port=int(sys.argv[2]), log_config=None, access_log=False, loop="uvloop")
