"""procrastinate, as its documents teach: tasks that may be repeated, and a periodic one that retries stalled jobs.

The seven days are a job of the future. The documents have the periodic task run every ten minutes; a run of hundreds
of kills does not wait that long, so it runs every five seconds, for workers that have been silent for ten.
"""

import asyncio
from typing import Any

from procrastinate import App, PsycopgConnector, RetryStrategy

from bench.peers.office import CONCURRENCY, Office
from bench.peers.surroundings import Surroundings

HEARTBEAT = 3.0  # seconds
STALLED_AFTER = 10.0


def make_app(database_url: str) -> App:
    return App(connector=PsycopgConnector(conninfo=database_url, min_size=2, max_size=CONCURRENCY))


def register(app: App, office: Office) -> None:
    retry = RetryStrategy(max_attempts=10, wait=1)

    @app.task(name="invite", retry=retry)
    async def invite(invitation: str) -> None:
        await office.invite(invitation)

    @app.task(name="welcome", retry=retry)
    async def welcome(invitation: str) -> None:
        await office.provision(invitation)
        await office.welcome(invitation)

    @app.task(name="expire", retry=retry)
    async def expire(invitation: str) -> None:
        await office.expire(invitation)

    @app.periodic(cron="* * * * * */5")
    @app.task(queueing_lock="retry_stalled_jobs", pass_context=True)
    async def retry_stalled_jobs(context: Any, timestamp: int) -> None:  # noqa: ARG001 - as procrastinate calls it
        for job in await app.job_manager.get_stalled_jobs(seconds_since_heartbeat=STALLED_AFTER):
            await app.job_manager.retry_job(job)


async def main() -> None:
    found = Surroundings.found()
    office, app = Office(found.database_url, found.smtp_port), make_app(found.database_url)
    register(app, office)
    await office.open()
    async with app.open_async():
        await app.run_worker_async(
            concurrency=CONCURRENCY,
            update_heartbeat_interval=HEARTBEAT,
            stalled_worker_timeout=STALLED_AFTER,
            delete_jobs="successful",
        )


if __name__ == "__main__":
    asyncio.run(main())
