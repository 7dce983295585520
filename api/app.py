"""The HTTP API: every route, and the conventions around them, on the parts that the entry point made."""

import contextlib
import gc
import socket
from collections.abc import AsyncIterator

import uvicorn
from fastapi import FastAPI

import telemetry
from api import (
    administrators,
    api_keys,
    application_csv,
    applications,
    attention,
    carrier,
    codec,
    commands,
    companies,
    contract_cancellation,
    contract_change,
    contracts,
    customers,
    device_desk,
    device_sessions,
    devices,
    documentation,
    fleet_restarts,
    health,
    idempotency,
    invitation,
    mail_template_copies,
    mail_templates,
    mails,
    me,
    metrics,
    notification_addresses,
    password_resets,
    personal_invitations,
    portal_users,
    postal_codes,
    problems,
    procedures,
    products,
    rate_limits,
    rehearsal,
    remote_support,
    restarts,
    return_kits,
    service_application,
    sessions,
    shipments,
    shortage_exemption,
    staff,
    tenant_settings,
    tenants,
    utm_addition,
    utm_additions,
    utms,
    viewer_access,
    viewer_data,
    viewers,
)
from api.commands import Commands
from api.context import Context
from api.device_desk import DeviceDesk
from api.idempotency import Idempotency
from api.limits import BodyLimits
from api.pages import apply as apply_page
from api.pages import codec_sign_in as codec_page
from api.pages import links as link_pages
from api.rate_limits import RateLimiter
from api.security_headers import SecurityHeaders
from models.database import Database
from models.links import LinkKey
from settings import REHEARSAL_RATE_LIMITS, Settings
from workflows.client import connect
from workflows.world_clock import clock_of

ROUTERS = (
    devices.router,  # routes are tried in order, and devices ask by the thousand
    administrators.router,
    api_keys.router,
    application_csv.router,
    applications.router,
    attention.router,
    carrier.router,
    codec.router,
    companies.router,
    contract_cancellation.router,
    contract_change.router,
    contracts.router,
    contracts.for_new_ones,
    customers.router,
    device_sessions.router,
    fleet_restarts.router,
    health.router,
    invitation.router,
    mail_template_copies.router,
    mail_templates.router,
    mails.router,
    me.router,
    metrics.router,
    notification_addresses.router,
    password_resets.router,
    personal_invitations.router,
    portal_users.router,
    postal_codes.router,
    procedures.router,
    products.router,
    rehearsal.router,
    remote_support.router,
    restarts.router,
    return_kits.router,
    service_application.for_applicants,
    service_application.router,
    sessions.router,
    shortage_exemption.router,
    shipments.router,
    staff.router,
    tenant_settings.router,
    tenants.router,
    utm_addition.router,
    utm_additions.router,
    utms.router,
    utms.for_new_ones,
    viewer_access.router,
    viewer_data.router,
    viewers.router,
)
_DATABASE_PATIENCE = 20.0
"""Seconds for a transaction; more than the database itself allows a statement. What a worker asks Temporal gives up."""
PAGES = (apply_page.router, codec_page.router, link_pages.router)


def create_app(context: Context) -> FastAPI:
    app = FastAPI(
        title="Tetsuzuki",
        version="1",
        docs_url=None,
        redoc_url=None,
        openapi_url="/openapi.json",
        lifespan=_life,
        # Nothing collects OpenTelemetry here (decision 18), and asking for it costs a tenth of a short request.
        telemetry={"tracing": False, "metrics": False, "logs": False},
    )
    app.state.context = context
    problems.register(app)
    commands.register(app)
    idempotency.register(
        app,
        Idempotency(
            database=context.database, clock=context.clock, cipher=context.cipher, seed_key=context.link_key.key
        ),
    )
    limits = REHEARSAL_RATE_LIMITS if context.settings.rehearsal else context.settings.rate_limits
    rate_limits.register(app, RateLimiter(limits))
    device_desk.register(app, context)
    app.add_middleware(BodyLimits)
    codec.register(app, context.settings)
    app.add_middleware(SecurityHeaders)  # refused bodies have the headers too
    app.add_middleware(metrics.Observed)  # the outermost, so that it sees every answer
    # Not `include_router`, which makes every route once more for prefixes and dependencies that none here has.
    app.router.routes.extend(route for router in (*ROUTERS, *PAGES) for route in router.routes)
    documentation.register(app)
    return app


@contextlib.asynccontextmanager
async def make_context(settings: Settings) -> AsyncIterator[Context]:
    """The parts of a running API, closed at the end. Temporal and the database are reached at the first need."""
    cipher = settings.payload_cipher()
    client = await connect(
        settings.temporal_address,
        settings.temporal_namespace,
        cipher,
        lazy=True,
        runtime=telemetry.runtime(settings.temporal_metrics_address),
        pings=not settings.rehearsal,
    )
    clock = clock_of(client, rehearsal=settings.rehearsal)
    url = settings.database_url.get_secret_value()
    database = Database(url, pool_size=settings.database_pool_size, patience=_DATABASE_PATIENCE)
    try:
        yield Context(
            settings=settings,
            database=database,
            commands=Commands(client, settings.temporal_task_queue, settings.durations.synchronous_answer),
            clock=clock,
            cipher=cipher,
            link_key=LinkKey(settings.link_key.get_secret_value().encode()),
        )
    finally:
        await database.close()


async def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests under way are answered first."""
    telemetry.configure_logging(settings.log_level)
    async with make_context(settings) as context:
        app = create_app(context)
        _collect_rarely()
        await Server(server_config(app, settings), device_desk.desk_of(app)).serve()


def _collect_rarely() -> None:
    """What waits by the thousand (devices) is no garbage, and looking through all of it takes a second.

    Nearly everything is let go by its count of references. What came with the imports stays for good.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 10, 50)


@contextlib.asynccontextmanager
async def _life(app: FastAPI) -> AsyncIterator[None]:
    yield
    await device_desk.desk_of(app).doorbell.close()


class Server(uvicorn.Server):
    """Answers the devices that wait for commands as soon as it is to stop, instead of letting them wait on."""

    def __init__(self, config: uvicorn.Config, desk: DeviceDesk) -> None:
        super().__init__(config)
        self._desk = desk

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self._desk.doorbell.let_go()
        await super().shutdown(sockets)


def server_config(app: FastAPI, settings: Settings) -> uvicorn.Config:
    return uvicorn.Config(
        app,
        host=settings.api_host,
        port=settings.api_port,
        log_config=None,
        access_log=False,  # paths of links are secrets
        server_header=False,
        timeout_graceful_shutdown=5,
        timeout_keep_alive=30,
        proxy_headers=settings.trusted_proxies is not None,
        forwarded_allow_ips=settings.trusted_proxies or "",
    )
