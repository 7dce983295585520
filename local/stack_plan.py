"""What `tetsuzuki up` runs, on which addresses and with which settings."""

import ipaddress
import json
import os
import socket
from dataclasses import dataclass
from pathlib import Path

from local.data_folder import DataFolder
from local.postgres import PostgresServer
from local.processes import PartFailedError, port_is_free
from local.product_command import Migrations, ProductCommand
from local.rehearsal_server import RehearsalServer
from local.stored_secrets import StoredSecrets
from local.supervisor import Part
from local.temporal_server import TemporalPorts, TemporalServer

API_PORT = 8080
WORKER_GRACE = 2  # seconds


@dataclass(frozen=True)
class SmtpAddress:
    host: str
    port: int


@dataclass(frozen=True)
class UpOptions:
    data_dir: Path
    rehearsal: bool = False
    api_port: int | None = None
    workers: int = 1
    smtp: SmtpAddress | None = None
    """A mail server instead of the built-in inbox."""
    operator_key: str | None = None
    ready_file: Path | None = None
    time_skipping: bool = False
    """Let the demo pass days in seconds, one procedure at a time."""
    local_carrier: bool | None = None
    """None: where nothing leaves this machine, and nobody rehearses what a carrier may do."""
    carrier_seed: int = 1

    @property
    def folder(self) -> Path:
        return self.data_dir / "rehearsal" if self.rehearsal else self.data_dir

    @property
    def has_local_carrier(self) -> bool:
        """Not by itself where real people would read of its invented parcels, or a script plays the carrier."""
        if self.local_carrier is not None:
            return self.local_carrier
        return not self.rehearsal and self.smtp is None and "TETSUZUKI_CARRIER__URL" not in os.environ

    def check(self) -> None:
        if self.workers < 1:
            raise PartFailedError("At least one worker is needed: without it no procedure moves.")
        if self.rehearsal and self.smtp is not None and not _is_loopback(self.smtp.host):
            message = f"A rehearsal sends mail to this machine only, and {self.smtp.host} is not on loopback."
            raise PartFailedError(message)


@dataclass(frozen=True)
class Addresses:
    """What the ready file tells, name for name."""

    api_url: str
    temporal_address: str
    temporal_ui_url: str | None
    inbox_url: str | None
    database_url: str
    operator_key: str


class StackPlan:
    """Every part of one stack, made for each other: the ports are chosen and the secrets drawn here."""

    def __init__(self, options: UpOptions, folder: DataFolder) -> None:
        self._options = options
        self._folder = folder
        self._secrets = StoredSecrets.of(folder.path)
        self.mails = folder.path / "mails"
        self._smtp = options.smtp or SmtpAddress("127.0.0.1", folder.port("smtp"))
        self._api_port = self._choose_api_port()
        self.database = PostgresServer(
            folder.path / "postgres",
            port=folder.port("postgres"),
            passwords=self._secrets.postgres,
            log=folder.log("postgres"),
        )
        self._engine = self._rehearsal_server() if options.rehearsal else self._temporal_server()
        self._inbox_port = None if options.smtp else folder.port("inbox")
        self._carrier_port = folder.port("carrier") if options.has_local_carrier else None
        self.addresses = self._addresses()
        self.postgres = Part("Postgres", self.database, stop_patience=1.5)
        self.temporal = Part("Temporal", self._engine, stop_patience=2, irreplaceable=options.rehearsal)
        self.inbox = Part("Inbox", self._inbox(self._inbox_port), stop_patience=2) if self._inbox_port else None
        self.carrier = (
            Part("Carrier", self._carrier(self._carrier_port), stop_patience=2) if self._carrier_port else None
        )
        self.migrations = Part("Migrations", self._migrations(), stop_patience=1)
        self.workers = [self._worker(number) for number in range(1, options.workers + 1)]
        self.api = Part("API", self._product("api", log="api", ports=[self._api_port]), stop_patience=3)

    @property
    def stop_stages(self) -> list[list[Part]]:
        """Who asks is stopped before who answers. The patience of the stages adds up to less than ten seconds."""
        inbox = [self.inbox] if self.inbox else []
        carrier = [self.carrier] if self.carrier else []
        return [[self.migrations, self.api], [*self.workers, *carrier], [*inbox, self.temporal], [self.postgres]]

    def _choose_api_port(self) -> int:
        asked = self._options.api_port
        if asked is None:
            return self._folder.port("api", first_choice=API_PORT)
        if not port_is_free(asked):
            raise PartFailedError(f"Port {asked} is taken. Choose another with --api-port, or leave it out.")
        return asked

    def _temporal_server(self) -> TemporalServer:
        ports = TemporalPorts(grpc=self._folder.port("temporal"), ui=self._folder.port("temporal_ui"))
        codec_url = f"http://127.0.0.1:{self._api_port}/codec"
        store, log = self._folder.path / "temporal.sqlite", self._folder.log("temporal")
        skipping = self._options.time_skipping
        return TemporalServer(store, ports=ports, log=log, codec_url=codec_url, time_skipping=skipping)

    def _rehearsal_server(self) -> RehearsalServer:
        return RehearsalServer(port=self._folder.port("temporal"), log=self._folder.log("temporal"))

    def _inbox(self, web_port: int) -> ProductCommand:
        arguments = ["inbox", str(self.mails), f"--smtp-port={self._smtp.port}", f"--web-port={web_port}"]
        if self._options.rehearsal:
            arguments.append(f"--world-clock={self._engine.address}")
        return ProductCommand(arguments, log=self._folder.log("inbox"), ports=[self._smtp.port, web_port])

    def _carrier(self, port: int) -> ProductCommand:
        arguments = ["carrier", f"--port={port}", f"--seed={self._options.carrier_seed}"]
        arguments += [f"--api-url={self.addresses.api_url}", f"--temporal-address={self.addresses.temporal_address}"]
        environment = {"TETSUZUKI_CARRIER__KEY": self._secrets.carrier_key}
        return ProductCommand(arguments, log=self._folder.log("carrier"), environment=environment, ports=[port])

    def _migrations(self) -> Migrations:
        environment = {"TETSUZUKI_OWNER_DATABASE_URL": self.database.url("owner")}
        return Migrations(["migrate"], log=self._folder.log("migrations"), environment=environment)

    def _worker(self, number: int) -> Part:
        return Part(f"Worker {number}", self._product("worker", log=f"worker-{number}"), stop_patience=WORKER_GRACE + 1)

    def _product(self, command: str, *, log: str, ports: list[int] | None = None) -> ProductCommand:
        environment = self.settings()
        return ProductCommand([command], log=self._folder.log(log), environment=environment, ports=ports or [])

    def _addresses(self) -> Addresses:
        return Addresses(
            api_url=f"http://127.0.0.1:{self._api_port}",
            temporal_address=self._engine.address,
            temporal_ui_url=self._engine.ui_url if isinstance(self._engine, TemporalServer) else None,
            inbox_url=f"http://127.0.0.1:{self._inbox_port}" if self._inbox_port else None,
            database_url=self.database.url("app"),
            operator_key=self._options.operator_key or self._secrets.operator_key,
        )

    def settings(self) -> dict[str, str]:
        """The settings of worker and API. What else the person has set goes to them as it is."""
        settings = {
            "TEMPORAL_ADDRESS": self.addresses.temporal_address,
            "TEMPORAL_NAMESPACE": "default",
            "TETSUZUKI_DATABASE_URL": self.addresses.database_url,
            "TETSUZUKI_API_HOST": "127.0.0.1",
            "TETSUZUKI_API_PORT": str(self._api_port),
            "TETSUZUKI_BASE_URL": os.environ.get("TETSUZUKI_BASE_URL", self.addresses.api_url),
            "TETSUZUKI_OPERATOR_KEY": self.addresses.operator_key,
            "TETSUZUKI_LINK_KEY": self._secrets.link_key,
            "TETSUZUKI_PAYLOAD_KEYS": json.dumps(self._secrets.payload_keys),
            "TETSUZUKI_PAYLOAD_KEY_ID": self._secrets.payload_key_id,
            "TETSUZUKI_SESSION_KEYS": json.dumps(self._secrets.session_keys),
            "TETSUZUKI_SESSION_KEY_ID": self._secrets.session_key_id,
            "TETSUZUKI_SMTP__HOST": self._smtp.host,
            "TETSUZUKI_SMTP__PORT": str(self._smtp.port),
            "TETSUZUKI_REHEARSAL": json.dumps(self._options.rehearsal),
            # glibc keeps a heap for each thread otherwise, and Temporal's client has many threads.
            "MALLOC_ARENA_MAX": "2",
            # It also keeps the 19 MiB that each password takes to hash, unless large pieces are handed back.
            "MALLOC_MMAP_THRESHOLD_": str(1024 * 1024),
            "TETSUZUKI_WORKER_GRACEFUL_SHUTDOWN_SECONDS": str(WORKER_GRACE),
        }
        if self._options.rehearsal:
            # Its engine would hold ready for a killed worker, for ever, what that one had in memory.
            settings["TETSUZUKI_WORKER_MAX_CACHED_WORKFLOWS"] = "0"
        if self.addresses.temporal_ui_url:
            settings["TETSUZUKI_TEMPORAL_UI_URL"] = self.addresses.temporal_ui_url
        if self._carrier_port:
            settings["TETSUZUKI_CARRIER__URL"] = f"http://127.0.0.1:{self._carrier_port}"
            settings["TETSUZUKI_CARRIER__KEY"] = self._secrets.carrier_key
        return settings


def _is_loopback(host: str) -> bool:
    try:
        found = socket.getaddrinfo(host, None)
    except OSError:
        return False
    return all(ipaddress.ip_address(address[0]).is_loopback for *_, address in found)
