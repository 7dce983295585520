"""The Temporal worker: runs every procedure and its activities until it is told to stop."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import TypeVar

import sqlalchemy.exc
from sqlalchemy import select
from sqlalchemy.exc import DBAPIError
from temporalio.client import Client
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.runtime import Runtime
from temporalio.service import RPCError, RPCStatusCode
from temporalio.worker import PollerBehaviorAutoscaling, Worker, WorkerDeploymentConfig

import telemetry
from activities.carrier import CarrierByHand, Dispatch, HttpCarrier
from activities.letterpress import Letterpress
from activities.mail import MailActivities, queue_of_mails
from activities.outcomes import ActivityOutcomes
from activities.records import Records
from activities.registry import activities
from activities.smtp import Courier, SmtpCourier, SmtpServer
from models.clock import Clock
from models.database import Database
from models.links import LinkKey
from models.tables.tenants import Tenant
from settings import Settings, SmtpSecurity
from workflows import schedules
from workflows.client import connect
from workflows.late_commands import LateCommands
from workflows.registry import WORKFLOWS
from workflows.sandbox import runner
from workflows.world_clock import clock_of

T = TypeVar("T")
DELIVERIES_AT_ONCE = 5  # one is with the mail server, for the others the ledger is read and written meanwhile
_NOT_READY = frozenset({RPCStatusCode.UNAVAILABLE, RPCStatusCode.DEADLINE_EXCEEDED, RPCStatusCode.NOT_FOUND})


@contextlib.asynccontextmanager
async def make_worker(
    settings: Settings, client: Client, *, database: Database, clock: Clock, courier: Courier
) -> AsyncIterator[None]:
    """One worker of the product, at work until the end of the block.

    Mails have a queue and a few places of their own: however many wait for a slow mail server, they wait in the engine,
    and never in the way of what a command records (decision 0030).
    """
    link_key = LinkKey(settings.link_key.get_secret_value().encode())
    letterpress = Letterpress(
        link_key=link_key,
        session_cipher=settings.session_cipher(),
        base_url=settings.base_url,
        sender=settings.smtp.sender,
        sms_domain=settings.smtp.sms_domain,
    )
    records = Records(database=database, durations=settings.durations, link_key=link_key)
    effects = activities(
        records,
        clock,
        courier=courier,
        letterpress=letterpress,
        dispatch=make_dispatch(settings),
        cancellation_fee=settings.cancellation_fee,
    )
    worker = partial(
        Worker,
        client,
        interceptors=[ActivityOutcomes(), LateCommands()],
        graceful_shutdown_timeout=timedelta(seconds=settings.worker_graceful_shutdown_seconds),
        activity_task_poller_behavior=PollerBehaviorAutoscaling(),
        deployment_config=make_deployment(settings),
    )
    procedures = worker(
        task_queue=settings.temporal_task_queue,
        workflows=WORKFLOWS,
        activities=effects,
        workflow_runner=runner(strict=settings.worker_strict_sandbox),
        max_cached_workflows=settings.worker_max_cached_workflows,
        # Without memory a second task would drive the first one out while that is in a local activity (decision 0029).
        max_concurrent_workflow_tasks=None if settings.worker_max_cached_workflows else 1,
        # A killed worker's procedures are handed to another after this, instead of ten seconds.
        sticky_queue_schedule_to_start_timeout=timedelta(seconds=2),
        workflow_task_poller_behavior=PollerBehaviorAutoscaling(),
    )
    mails = worker(
        task_queue=queue_of_mails(settings.temporal_task_queue),
        activities=[effect for effect in effects if effect.__name__ == MailActivities.deliver_mails.__name__],
        max_concurrent_activities=DELIVERIES_AT_ONCE,
    )
    async with procedures, mails:
        try:
            yield
        finally:
            await asyncio.gather(procedures.shutdown(), mails.shutdown())  # one grace for both


def make_courier(settings: Settings) -> SmtpCourier:
    smtp = settings.smtp
    return SmtpCourier(
        SmtpServer(
            host=smtp.host,
            port=smtp.port,
            sender=smtp.sender,
            use_tls=smtp.security is SmtpSecurity.TLS,
            start_tls=smtp.security is SmtpSecurity.STARTTLS,
            username=smtp.username,
            password=smtp.password.get_secret_value() if smtp.password else None,
        )
    )


def make_dispatch(settings: Settings) -> Dispatch:
    carrier = settings.carrier
    return Dispatch(
        carrier=HttpCarrier(carrier.url, carrier.key.get_secret_value()) if carrier.url else CarrierByHand(),
        tracking_url=carrier.tracking_url,
        non_return_charge=settings.non_return_charge,
    )


def make_deployment(settings: Settings) -> WorkerDeploymentConfig | None:
    """None: any worker may take any task, whatever its version."""
    if settings.worker_build_id is None:
        return None
    return WorkerDeploymentConfig(
        version=WorkerDeploymentVersion(settings.worker_deployment, settings.worker_build_id),
        use_worker_versioning=True,
        # Procedures live for years: they go on with whichever version is current (decision 0028).
        default_versioning_behavior=VersioningBehavior.AUTO_UPGRADE,
    )


async def run(settings: Settings) -> None:
    """Run until SIGTERM or SIGINT; then finish what is under way, within the grace that the settings give."""
    telemetry.configure_logging(settings.log_level)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with _at_work(settings):
        await stop.wait()


@contextlib.asynccontextmanager
async def _at_work(settings: Settings) -> AsyncIterator[None]:
    runtime = telemetry.runtime(settings.temporal_metrics_address)
    client = await _once_ready(lambda: _connect(settings, runtime))
    await _once_ready(lambda: schedules.keep(client, settings.temporal_task_queue, world_clock=settings.rehearsal))
    database = Database(settings.database_url.get_secret_value(), pool_size=settings.database_pool_size)
    courier = make_courier(settings)
    keeping = asyncio.create_task(_once_ready(lambda: _keep_in_all_zones(settings, client, database)))
    try:
        async with make_worker(
            settings, client, database=database, clock=clock_of(client, rehearsal=settings.rehearsal), courier=courier
        ):
            yield
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await courier.close()
        await database.close()


async def _connect(settings: Settings, runtime: Runtime) -> Client:
    return await connect(
        settings.temporal_address, settings.temporal_namespace, settings.payload_cipher(), runtime=runtime
    )


async def _keep_in_all_zones(settings: Settings, client: Client, database: Database) -> None:
    """What recurs in every zone that a tenant has; a new tenant's zone the API sees to."""
    async with database.transaction(operator=True) as connection:
        zones = (await connection.execute(select(Tenant.time_zone).distinct())).scalars().all()
    for zone in zones:
        await schedules.keep_in(client, settings.temporal_task_queue, zone, world_clock=settings.rehearsal)


async def _once_ready(attempt: Callable[[], Awaitable[T]]) -> T:
    """A worker that is up before its Temporal, or its database, waits for it."""
    while True:
        try:
            return await attempt()
        except (RuntimeError, DBAPIError, sqlalchemy.exc.TimeoutError):  # no connection, or no tables yet
            await asyncio.sleep(0.2)
        except RPCError as error:
            if error.status not in _NOT_READY:
                raise
            await asyncio.sleep(0.2)


if __name__ == "__main__":
    asyncio.run(run(Settings()))
