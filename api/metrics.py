"""What the API tells of its own work: `GET /metrics` for Prometheus, and a log line for each request.

By route template, never by address: the addresses of links are secrets, and those of lists hold search words.
"""

import time

import structlog
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from sqlalchemy import func, select
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.context import Shared
from models.tables.procedures import Procedure

router = APIRouter(tags=["Health"])
_log = structlog.get_logger(__name__)
_NOWHERE = "none"
"""The route of what matched none."""
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_QUIET = frozenset({"/healthz", "/readyz", "/metrics", "/v1/device/heartbeat", "/v1/device/commands"})
"""Asked all day long by monitoring and by thousands of devices: counted, and not logged one by one."""

disable_created_metrics()  # type: ignore[no-untyped-call]  # they double the series, and the library types no function
_REQUESTS = Counter("tetsuzuki_requests", "Requests answered.", ("method", "route", "status"))
_SECONDS = Histogram("tetsuzuki_request_seconds", "How long an answer took.", ("method", "route"))
_OPEN = Gauge("tetsuzuki_database_connections", "Connections to the database that this process has open.")
_IN_USE = Gauge("tetsuzuki_database_connections_in_use", "Those that a request holds now.")
_STUCK = Gauge("tetsuzuki_procedures_needing_operator", "Procedures that wait for an operator.")


@router.get("/metrics", response_class=Response)
async def metrics(context: Shared) -> Response:
    """In Prometheus's text format. Answers also while the database is away, without what only it knows."""
    opened, in_use = context.database.connections
    _OPEN.set(opened)
    _IN_USE.set(in_use)
    _STUCK.set(await _needing_operator(context))
    return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)


async def _needing_operator(context: Shared) -> float:
    """Not a number while nobody knows."""
    stuck = select(func.count()).select_from(Procedure).where(Procedure.attention.is_not(None))
    try:
        async with context.database.transaction(operator=True) as connection:
            return float(await connection.scalar(stuck) or 0)
    except Exception as error:  # noqa: BLE001 - whatever is wrong with the database, the other figures are right
        _log.warning("out of reach", kind=type(error).__name__)
        return float("nan")


class Observed:
    """ASGI middleware: counts and logs every request once it is answered."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()  # what escapes from here is answered with 500 further out

        async def observing(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, observing)
        finally:
            _observe(scope, status, time.perf_counter() - began)


def _observe(scope: Scope, status: int, seconds: float) -> None:
    method = scope["method"] if scope["method"] in _METHODS else _NOWHERE
    route = str(getattr(scope.get("route"), "path", _NOWHERE))
    _REQUESTS.labels(method, route, str(status)).inc()
    _SECONDS.labels(method, route).observe(seconds)
    log = _log.debug if route in _QUIET else _log.info
    log("request", method=method, route=route, status=status, milliseconds=round(seconds * 1000, 1))
