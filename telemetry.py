"""What the processes tell about themselves: JSON logs on standard output, and the Temporal SDK's metrics.

Nothing personal leaves by a log: only the fields of `FIELDS` are written, other libraries' messages without what they
were formatted with, and exceptions as types and places, never with their texts.
"""

import contextlib
import logging
import re
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.types import EventDict, ExcInfo, Processor, WrappedLogger
from temporalio import activity, workflow
from temporalio.runtime import LogForwardingConfig, LoggingConfig, PrometheusConfig, Runtime, TelemetryConfig

FIELDS = (
    *("timestamp", "level", "event", "method", "route", "status", "milliseconds"),
    *("actor", "tenant_id", "procedure_id", "activity_type", "attempt", "namespace", "payloads"),
    *("kind", "error_id", "logger", "exception"),
)
"""All that a log line may have. A new field is added here after asking what the worst of its values would be."""

_LONGEST = 300
_ADDRESS = re.compile(r"\S+@\S+")
_PLACES = re.compile(rf"^(.*/site-packages/|{re.escape(str(Path(__file__).parent))}/)")
_LINK = re.compile(r"\S*(?:T[0-9]{7}-|tz[kd]_)[A-Za-z0-9_-]{43,}\S*")


def configure_logging(level: str) -> None:
    """Send everything that this process logs, by whichever library, to standard output, one JSON object a line."""
    _log_to(sys.stdout, level)
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


@contextlib.contextmanager
def logging_to(stream: TextIO, level: str) -> Iterator[None]:
    """The same into a stream for a while, then as it was."""
    root = logging.getLogger()
    handlers, former, settings = root.handlers[:], root.level, structlog.get_config()
    _log_to(stream, level)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(former)
        structlog.configure(**settings)


def _log_to(stream: TextIO, level: str) -> None:
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_formatter())
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_BEFORE, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    activity.logger.activity_info_on_message = False  # as fields instead
    workflow.logger.workflow_info_on_message = False


def _formatter() -> logging.Formatter:
    return structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=[*_BEFORE, _without_details],
        processors=[
            _exception_without_texts,
            _only_fields,
            structlog.processors.JSONRenderer(),  # escapes line breaks and all that is not ASCII
        ],
        use_get_message=False,
    )


def runtime(metrics_address: str | None) -> Runtime:
    """The Temporal SDK's runtime of this process: it logs as we do, and serves metrics at `host:port` if asked to.

    Raises:
        SystemExit: nothing can be served at that address; the sentence says why.
    """
    forwarding = LogForwardingConfig(
        logging.getLogger("temporalio"), append_log_fields_to_message=False, prepend_target_on_message=False
    )
    metrics = None
    if metrics_address:
        metrics = PrometheusConfig(
            bind_address=metrics_address, durations_as_seconds=True, counters_total_suffix=True, unit_suffix=True
        )
    logs = LoggingConfig(filter="WARN", forwarding=forwarding)
    try:
        return Runtime(telemetry=TelemetryConfig(logging=logs, metrics=metrics, attach_service_name=False))
    except ValueError as error:
        message = f"TETSUZUKI_TEMPORAL_METRICS_ADDRESS is {metrics_address}: {error}"
        raise SystemExit(message) from None


def _without_details(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Another library's message by its first line; of what Temporal's loggers attach to it, the ids."""
    record: logging.LogRecord = event["_record"]
    event["event"] = str(event["event"]).partition("\n")[0]  # asyncio adds what it knows, exceptions' texts included
    info = getattr(record, "temporal_activity", None) or getattr(record, "temporal_workflow", None) or {}
    named = {"workflow_id": "procedure_id", "activity_type": "activity_type", "attempt": "attempt"}
    event.update((ours, info[theirs]) for theirs, ours in named.items() if theirs in info)
    return event


def _exception_without_texts(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    given = event.pop("exc_info", None)
    error = sys.exc_info()[1] if given is True else given[1] if isinstance(given, tuple) else given
    if isinstance(error, BaseException):
        event["exception"] = [*_told(error)]
    return event


def _told(error: BaseException) -> Iterator[dict[str, Any]]:
    """Type and places of an exception, then of what caused it."""
    told: BaseException | None = error
    while told is not None:
        frames = traceback.extract_tb(told.__traceback__)[-8:]
        yield {
            "type": f"{type(told).__module__}.{type(told).__qualname__}",
            "at": [f"{_PLACES.sub('', frame.filename)}:{frame.lineno} {frame.name}" for frame in frames],
        }
        told = told.__cause__ or (None if told.__suppress_context__ else told.__context__)


def _only_fields(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    return {name: event[name] if name == "exception" else _inert(event[name]) for name in FIELDS if name in event}


def _inert(value: object) -> object:
    if value is None or isinstance(value, bool | int | float):
        return value
    return _LINK.sub("…", _ADDRESS.sub("…", str(value)))[:_LONGEST]


def _log_uncaught(kind: type[BaseException], error: BaseException, place: TracebackType | None) -> None:
    exc_info: ExcInfo = (kind, error, place)
    logging.getLogger("uncaught").critical("the process ends by an exception", exc_info=exc_info)


_BEFORE: tuple[Processor, ...] = (
    structlog.stdlib.add_logger_name,
    structlog.stdlib.add_log_level,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
)
