"""What `tetsuzuki doctor` finds, part by part: healthy ones, and each way of being ill."""

import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from google.protobuf.duration_pb2 import Duration
from temporalio.api.workflowservice.v1 import RegisterNamespaceRequest
from temporalio.client import Client

from local.doctor import database
from local.doctor.command import run
from local.doctor.database import DatabaseChecks
from local.doctor.examination import Check, Finding, Verdict, examine
from local.doctor.surroundings import Surroundings
from local.doctor.temporal import TemporalChecks
from local.processes import free_port
from local.product_command import CLI
from local.temporal_server import TemporalPorts, TemporalServer
from settings import Settings, Smtp, SmtpSecurity
from tests.conftest import Postgres
from tests.mail_server import MailServer
from tests.product_process import Product
from tests.world import eventually
from workflows import schedules

STRONG = "a-key-of-thirty-and-some-characters"


def healthy_settings(**others: Any) -> Settings:
    given: dict[str, Any] = {
        "operator_key": STRONG,
        "link_key": STRONG,
        "payload_keys": {"k1": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
        "payload_key_id": "k1",
        "session_keys": {"k1": "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="},
        "session_key_id": "k1",
        "api_port": free_port(),  # where nobody answers: other tests run a product at the usual one
    }
    return Settings(**given | others)


async def found(groups: list[list[Check]]) -> dict[str, Finding]:
    return {finding.part: finding for finding in await examine(groups)}


def wrong(findings: dict[str, Finding]) -> list[str]:
    return [part for part, finding in findings.items() if finding.verdict is Verdict.WRONG]


# The database.


async def test_a_migrated_database_with_its_own_role_is_well(database_url: str) -> None:
    findings = await found([DatabaseChecks(database_url).all()])
    assert {finding.verdict for finding in findings.values()} == {Verdict.FINE}
    assert "newest" in findings["migrations"].words


async def test_a_superuser_as_the_products_role_is_wrong(postgres: Postgres, database_name: str) -> None:
    """Row-level security would not bind it."""
    findings = await found([DatabaseChecks(postgres.url("postgres", database_name)).all()])
    assert wrong(findings) == ["database role"]
    assert "deploy/postgres" in findings["database role"].remedy


async def test_the_owner_as_the_products_role_is_wrong(postgres: Postgres, database_name: str) -> None:
    assert wrong(await found([DatabaseChecks(postgres.url("owner", database_name)).all()])) == ["database role"]


async def test_a_database_that_nobody_migrated_says_what_to_run(postgres: Postgres, database_name: str) -> None:
    with psycopg.connect(postgres.url("postgres", database_name)) as connection:
        connection.execute("DROP TABLE alembic_version")
    findings = await found([DatabaseChecks(postgres.url("app", database_name)).all()])
    assert wrong(findings) == ["migrations"]
    assert "tetsuzuki migrate" in findings["migrations"].remedy


async def test_a_table_without_row_level_security_is_named(postgres: Postgres, database_name: str) -> None:
    with psycopg.connect(postgres.url("owner", database_name)) as connection:
        connection.execute("ALTER TABLE mails NO FORCE ROW LEVEL SECURITY")
    findings = await found([DatabaseChecks(postgres.url("app", database_name)).all()])
    assert wrong(findings) == ["tenants apart"]
    assert "not forced on mails" in findings["tenants apart"].words


async def test_a_wrong_password_is_told_once_and_not_shown(postgres: Postgres, database_name: str) -> None:
    """What needs the database is not looked at when it cannot be reached."""
    url = postgres.url("app", database_name).replace("app-password", "guessed-password")
    findings = await found([DatabaseChecks(url).all()])
    assert list(findings) == ["database"]
    assert 'password authentication failed for user "app"' in findings["database"].words
    assert "guessed" not in str(findings)


async def test_clocks_that_differ_are_wrong(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    async def an_hour_ago(*_: object) -> list[tuple[datetime]]:
        return [(datetime.now(UTC) - timedelta(hours=1),)]

    checks = DatabaseChecks(database_url)
    [clocks] = [check for check in checks.all() if check.part == "clocks"]
    monkeypatch.setattr(DatabaseChecks, "_ask", an_hour_ago)
    finding = await clocks.find()
    assert (finding.verdict, finding.words) == (Verdict.WRONG, "this machine and the database differ by 3600.0 s")


async def test_a_database_whose_notices_do_not_arrive_is_a_note(
    database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As behind a pooler that gives every transaction another connection. Devices are told all the same, but late."""

    async def into_the_void(*_: object) -> list[tuple[str]]:
        return [("",)]

    [doorbell] = [check for check in DatabaseChecks(database_url).all() if check.part == "doorbell"]
    assert (await doorbell.find()).verdict is Verdict.FINE
    monkeypatch.setattr(DatabaseChecks, "_ask", into_the_void)
    monkeypatch.setattr(database, "_RINGS_WITHIN_SECONDS", 0.1)
    finding = await doorbell.find()
    assert finding.verdict is Verdict.NOTE
    assert "session mode" in finding.remedy


async def test_procedures_that_wait_for_an_operator_are_a_note(postgres: Postgres, database_name: str) -> None:
    with psycopg.connect(postgres.url("postgres", database_name)) as connection:
        connection.execute(
            "INSERT INTO tenants (tenant_id, name, time_zone, language, sender_name, state, created_at)"
            " VALUES ('T8000000', 'x', 'Asia/Tokyo', 'ja', 'x', 'active', '2026-01-01')"
        )
        connection.execute(
            "INSERT INTO procedures (tenant_id, procedure_id, kind, subject, state, next, started_at, attention)"
            " VALUES ('T8000000', 'signup-x', 'signup', 'x', 'open', '[]', '2026-01-01', '{}')"
        )
    findings = await found([DatabaseChecks(postgres.url("app", database_name)).all()])
    assert findings["attention"].verdict is Verdict.NOTE
    assert findings["attention"].words == "1 procedures wait for an operator"


# Temporal.


@pytest.fixture(scope="module")
def temporal(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TemporalServer]:
    log = tmp_path_factory.mktemp("temporal") / "temporal.log"
    server = TemporalServer(None, ports=TemporalPorts(grpc=free_port()), log=log)
    server.start()
    yield server
    server.stop()


async def test_a_prepared_server_lacks_only_its_worker(temporal: TemporalServer) -> None:
    settings = healthy_settings(temporal_address=temporal.address)
    await schedules.keep(await Client.connect(temporal.address), settings.temporal_task_queue, world_clock=False)
    findings = await found([TemporalChecks(settings).all()])
    assert wrong(findings) == ["worker"]
    assert "nothing is lost" in findings["worker"].remedy
    assert findings["namespace"].words == "default keeps ended procedures for 30 days"


async def test_a_namespace_that_nobody_prepared_says_what_to_run(temporal: TemporalServer) -> None:
    """Retention, search attributes and schedules, each with its command."""
    client = await Client.connect(temporal.address)
    await client.workflow_service.register_namespace(
        RegisterNamespaceRequest(namespace="bare", workflow_execution_retention_period=Duration(seconds=24 * 60 * 60))
    )

    async def findings() -> dict[str, Finding]:
        settings = healthy_settings(temporal_address=temporal.address, temporal_namespace="bare")
        return await found([TemporalChecks(settings).all()])

    bare = await findings()
    assert (bare["namespace"].verdict, bare["namespace"].words) == (
        Verdict.NOTE,
        "ended procedures are forgotten after 24 hours",
    )
    assert "--retention 720h" in bare["namespace"].remedy
    assert wrong(bare) == ["worker", "search attributes", "schedules"]
    assert "--name Attention --type Keyword" in bare["search attributes"].remedy


async def test_a_paused_schedule_is_a_note(temporal: TemporalServer) -> None:
    settings = healthy_settings(temporal_address=temporal.address)
    client = await Client.connect(temporal.address)
    await schedules.keep(client, settings.temporal_task_queue, world_clock=False)
    housekeeping = client.get_schedule_handle("housekeeping")

    async def is_paused() -> bool:
        await housekeeping.pause()  # the server may put an update that came just before it on top
        return (await housekeeping.describe()).schedule.state.paused

    await eventually(is_paused)
    finding = (await found([TemporalChecks(settings).all()]))["schedules"]
    assert (finding.verdict, finding.words) == (Verdict.NOTE, "paused: housekeeping")


async def test_no_temporal_at_all_is_one_finding() -> None:
    settings = healthy_settings(temporal_address=f"127.0.0.1:{free_port()}")
    findings = await found([TemporalChecks(settings).all()])
    assert list(findings) == ["Temporal"]
    assert findings["Temporal"].words == "nothing answers there"


# Everything else.


async def test_strong_keys_and_a_mail_server_that_answers_are_well(mail_server: MailServer) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    surroundings = Surroundings(healthy_settings(smtp=Smtp(port=mail_server.port), base_url=nowhere))
    findings = await found([*surroundings.here(), *surroundings.servers()])
    assert wrong(findings) == ["API"]


async def test_a_mail_server_without_the_tls_that_is_asked_for_is_wrong(mail_server: MailServer) -> None:
    smtp = Smtp(port=mail_server.port, security=SmtpSecurity.STARTTLS)
    assert "mail" in wrong(await found(Surroundings(healthy_settings(smtp=smtp)).servers()))


@pytest.mark.parametrize(
    ("others", "words"),
    [
        ({"operator_key": "short"}, "operator_key: shorter than 20 characters"),
        ({"base_url": "http://tetsuzuki.example"}, "links in mails lead to plain http"),
        ({"smtp": Smtp(host="smtp.example")}, "mails go to another machine unencrypted"),
    ],
)
async def test_unwise_settings_are_notes(others: dict[str, Any], words: str) -> None:
    finding = (await found(Surroundings(healthy_settings(**others)).here()))["settings"]
    assert (finding.verdict, finding.words) == (Verdict.NOTE, words)


@pytest.mark.parametrize("key", ["not base64 but secret", "c2hvcnQ="])
async def test_a_key_that_is_none_is_told_without_showing_it(key: str) -> None:
    findings = await found(Surroundings(healthy_settings(payload_keys={"k1": key})).here())
    assert wrong(findings) == ["payload keys"]
    assert key not in str(findings)


async def test_a_data_folder_that_others_can_read_is_wrong(tmp_path: Path) -> None:
    (tmp_path / "secrets.json").touch(mode=0o644)
    findings = await found(Surroundings(healthy_settings(), tmp_path).here())
    assert wrong(findings) == ["data folder"]
    assert "secrets.json" in findings["data folder"].words


# The command.


def test_missing_settings_are_named_and_nothing_is_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TETSUZUKI_LINK_KEY", STRONG)
    monkeypatch.setenv("TETSUZUKI_DATABASE_POOL_SIZE", f"{STRONG}-by-mistake")
    assert run(None) == 1
    said = capsys.readouterr().out
    assert "TETSUZUKI_OPERATOR_KEY: Field required" in said
    assert "TETSUZUKI_DATABASE_POOL_SIZE" in said
    assert STRONG not in said


def test_a_folder_on_which_nothing_has_run_says_how_to_begin(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path) == 1
    assert "tetsuzuki up" in capsys.readouterr().out


def test_a_running_stack_is_well_and_a_stopped_one_says_how_to_start_it(tmp_path: Path) -> None:
    """By its folder alone."""
    product = Product(tmp_path, "--api-port", str(free_port()))
    product.start()
    try:
        healthy = doctor(product.data_dir)
    finally:
        product.stop()
    assert (healthy.returncode, healthy.stdout.splitlines()[-1]) == (0, "All is well.")
    assert "housekeeping" in healthy.stdout
    stopped = doctor(product.data_dir)
    assert (stopped.returncode, "it is not running now" in stopped.stdout) == (1, True)


def doctor(folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(CLI), "doctor", "--data-dir", str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603 - our own words
