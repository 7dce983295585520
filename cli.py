"""`tetsuzuki`: the product's commands. Each reads its own part of the product only when called, to start quickly."""

import logging
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from local.fleet_progress import FleetScreen
    from settings import Settings

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def tetsuzuki() -> None:
    """Durable back-office procedures for managed-security resellers."""


@app.command()
def up(  # noqa: PLR0913 - Typer takes each option as a parameter
    *,
    rehearsal: Annotated[
        bool,
        typer.Option(
            "--rehearsal",
            envvar="TETSUZUKI_REHEARSAL",
            help="Run on a world clock that can be advanced. Its server keeps everything in memory, so each rehearsal "
            "begins empty, in a folder of its own below the data folder. That server also takes connections on every "
            "network interface: rehearse with invented data only.",
        ),
    ] = False,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="TETSUZUKI_DATA_DIR", help="Kept between runs. Default: below the user's data folder."),
    ] = None,
    api_port: Annotated[
        int | None,
        typer.Option(envvar="TETSUZUKI_API_PORT", min=1, max=65535, help="Default: 8080, or the next one free."),
    ] = None,
    workers: Annotated[int, typer.Option(envvar="TETSUZUKI_WORKERS", min=1, help="Worker processes.")] = 1,
    smtp_host: Annotated[
        str | None,
        typer.Option(envvar="TETSUZUKI_SMTP_HOST", help="A mail server instead of the built-in inbox."),
    ] = None,
    smtp_port: Annotated[int, typer.Option(envvar="TETSUZUKI_SMTP_PORT", min=1, max=65535, help="Its port.")] = 25,
    operator_key: Annotated[
        str | None,
        typer.Option(envvar="TETSUZUKI_OPERATOR_KEY", help="Default: drawn once, then kept."),
    ] = None,
    ready_file: Annotated[
        Path | None,
        typer.Option(envvar="TETSUZUKI_READY_FILE", help="JSON, written once everything answers, removed at the end."),
    ] = None,
    local_carrier: Annotated[
        bool | None,
        typer.Option(
            "--local-carrier/--no-local-carrier",
            envvar="TETSUZUKI_LOCAL_CARRIER",
            help="A carrier that takes every parcel, carries none, and reports as carriers do. Default: yes; not in a "
            "rehearsal, not with a mail server or a carrier of your own: there the operator reports by API.",
        ),
    ] = None,
    carrier_seed: Annotated[
        int, typer.Option(envvar="TETSUZUKI_CARRIER_SEED", help="Settles what becomes of the local carrier's parcels.")
    ] = 1,
) -> None:
    """Run the whole product on this machine: servers, inbox, migrations, workers and API."""
    import platformdirs

    from local.stack import up as run
    from local.stack_plan import SmtpAddress, UpOptions

    options = UpOptions(
        data_dir=(data_dir or platformdirs.user_data_path("tetsuzuki")).absolute(),
        rehearsal=rehearsal,
        api_port=api_port,
        workers=workers,
        smtp=SmtpAddress(smtp_host, smtp_port) if smtp_host else None,
        operator_key=operator_key,
        ready_file=ready_file.absolute() if ready_file else None,
        local_carrier=local_carrier,
        carrier_seed=carrier_seed,
    )
    raise typer.Exit(run(options))


@app.command()
def demo(
    *,
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="TETSUZUKI_DEMO_DIR", help="Emptied first. Default: below the user's data folder."),
    ] = None,
    pace: Annotated[float, typer.Option(help="Seconds to read each step; 0 waits for nobody.")] = 2.0,
    stay: Annotated[bool, typer.Option(help="Stay up until Ctrl-C after the last step.")] = True,
) -> None:
    """Watch it live: an application becomes a contract, a contract ends, devices restart, administrators decide."""
    import platformdirs

    from local.demo import demo as play

    raise typer.Exit(
        play((data_dir or platformdirs.user_data_path("tetsuzuki") / "demo").absolute(), pace=pace, stay=stay)
    )


@app.command()
def worker() -> None:
    """Run procedures, against the servers that the settings name."""
    from worker import run

    _run_to_its_end(run(_settings()))


@app.command()
def api() -> None:
    """Serve the HTTP API and the pages, against the servers that the settings name."""
    from api.app import serve

    _run_to_its_end(serve(_settings()))


@app.command()
def doctor(
    data_dir: Annotated[
        Path | None,
        typer.Option(envvar="TETSUZUKI_DATA_DIR", help="The folder of a stack that 'up' runs or has run."),
    ] = None,
) -> None:
    """Say of every part whether it is well, and what to do where it is not.

    Without --data-dir: what the settings name when TETSUZUKI_DATABASE_URL is set, else the stack of the default folder.
    """
    import platformdirs

    from local.doctor.command import run

    if data_dir is None and "TETSUZUKI_DATABASE_URL" not in os.environ:
        data_dir = platformdirs.user_data_path("tetsuzuki")
    raise typer.Exit(run(data_dir))


@app.command()
def replay(
    data_dir: Annotated[
        Path | None,
        typer.Option(
            envvar="TETSUZUKI_DATA_DIR", help="The folder of a stack that 'up' runs, instead of the settings."
        ),
    ] = None,
    of_each: Annotated[int, typer.Option(min=1, help="At most so many of each kind, the newest.")] = 300,
) -> None:
    """Say whether the procedures that are open now would go on with this version's code. Changes nothing."""
    from local.replay import run

    raise typer.Exit(run(_settings(data_dir, otherwise=2), of_each=of_each))


@app.command()
def migrate() -> None:
    """Bring the database of TETSUZUKI_OWNER_DATABASE_URL to the newest shape."""
    from alembic import command
    from alembic.config import Config

    here = Path(__file__).parent
    config = Config(here / "alembic.ini")
    config.set_main_option("script_location", str(here / "migrations"))
    command.upgrade(config, "head")


@app.command()
def inbox(
    folder: Annotated[Path, typer.Argument(help="Where the mails are kept.")],
    smtp_port: Annotated[int, typer.Option(min=1, max=65535, help="Takes mail on this loopback port.")] = 1025,
    web_port: Annotated[int, typer.Option(min=1, max=65535, help="Shows it on this loopback port.")] = 8025,
    world_clock: Annotated[str | None, typer.Option(help="The rehearsal server to tell the time by.")] = None,
) -> None:
    """Take every mail on loopback, send none on, and show them on a page."""
    from local.inbox import InboxPorts, run

    run(folder, InboxPorts(smtp=smtp_port, web=web_port), world_clock=world_clock)


def _http_address(given: str) -> str:
    from pydantic import HttpUrl, TypeAdapter, ValidationError

    try:
        TypeAdapter(HttpUrl).validate_python(given)
    except ValidationError as error:
        message = f"{given} is no HTTP address: {error.errors()[0]['msg']}"
        raise typer.BadParameter(message) from None
    return given


@app.command()
def carrier(
    *,
    port: Annotated[int, typer.Option(min=1, max=65535, help="Takes orders on this loopback port.")],
    api_url: Annotated[str, typer.Option(help="Where it reports what becomes of them.", callback=_http_address)],
    temporal_address: Annotated[str, typer.Option(help="The engine whose time it goes by.")],
    key: Annotated[str, typer.Option(envvar="TETSUZUKI_CARRIER__KEY", help="Shared with the product.")],
    seed: Annotated[int, typer.Option(help="The same seed, the same fates.")] = 1,
) -> None:
    """Take orders as a carrier would, carry nothing, and report delays, deliveries and returns."""
    from local.carrier import CarrierPlace, serve

    _run_to_its_end(serve(CarrierPlace(port, api_url, temporal_address, key=key, seed=seed)))


@app.command()
def utm(  # noqa: PLR0913 - Typer takes each option as a parameter
    *,
    api_url: Annotated[
        str, typer.Option(help="The API that it reports to.", callback=_http_address)
    ] = "http://127.0.0.1:8080",
    token: Annotated[
        str | None, typer.Option(envvar="TETSUZUKI_UTM_TOKEN", help="Of one device, as shown at its registration.")
    ] = None,
    tokens: Annotated[
        Path | None,
        typer.Option(
            exists=True, dir_okay=False, help="Of many devices in this process: a name and a token on each line."
        ),
    ] = None,
    count: Annotated[int | None, typer.Option(min=1, help="Only so many of them.")] = None,
    memory: Annotated[Path | None, typer.Option(help="What it did, kept over kills.")] = None,
    heartbeat_every: Annotated[float, typer.Option(help="Seconds.")] = 60,
    wait: Annotated[int, typer.Option(min=0, max=60, help="Seconds that a poll waits for a command.")] = 30,
    restart: Annotated[float, typer.Option(help="Seconds that a restart takes.")] = 3,
    delay: Annotated[float, typer.Option(help="Seconds that a slow device takes to begin.")] = 30,
    failure: Annotated[
        Literal["deaf", "slow", "crash", "twice", "refuse", "wrong-token"] | None,
        typer.Option(help="What is wrong with it."),
    ] = None,
) -> None:
    """Simulate UTM devices: heartbeats, restarts, remote support, and what can go wrong with them."""
    from local.simulated_utm import Failure, Habits, read_tokens, run

    if (token is None) == (tokens is None):
        raise typer.BadParameter("Give --token or --tokens.")
    devices = read_tokens(tokens, count) if tokens else [("utm", token or "")]
    habits = Habits(heartbeat_every, wait, restart, delay, Failure(failure) if failure else None)
    _run_to_its_end(run(api_url, devices, habits, memory))


fleet = typer.Typer(no_args_is_help=True)
app.add_typer(fleet, name="fleet", help="Restart many UTMs, spread over slots: begin, watch, cancel as one.")

ApiUrl = Annotated[str, typer.Option(envvar="TETSUZUKI_API_URL", help="The API that is asked.", callback=_http_address)]
Tenant = Annotated[str, typer.Option(envvar="TETSUZUKI_TENANT", help="The tenant's id.")]
Token = Annotated[
    str,
    typer.Option(
        envvar="TETSUZUKI_TOKEN",
        prompt="API key or session token",
        hide_input=True,
        help="Of the tenant or of staff; better in the environment than here, and asked for where it is missing.",
    ),
]
Watch = Annotated[bool, typer.Option(help="Show how it gets on until it is over. Ctrl-C only ends the watching.")]
_HERE = "http://127.0.0.1:8080"


@fleet.command("restart")
def fleet_restart(  # noqa: PLR0913 - Typer takes each option as a parameter
    *,
    tenant: Tenant,
    token: Token,
    at: Annotated[str, typer.Option(help="The first slot, a full quarter of an hour: 2027-01-06T03:00+09:00.")],
    per_slot: Annotated[int, typer.Option(min=1, help="At most so many in one slot.")],
    customer: Annotated[str | None, typer.Option(help="Only this customer's UTMs.")] = None,
    utm: Annotated[list[str] | None, typer.Option(help="Only this UTM; as often as need be.")] = None,
    watch: Watch = True,
    api_url: ApiUrl = _HERE,
) -> None:
    """Restart many UTMs: those named, a customer's, or all of the tenant's."""
    wish = {"at": at, "per_slot": per_slot, "customer_id": customer, "utm_ids": utm}
    given = {name: value for name, value in wish.items() if value}
    raise typer.Exit(_fleet_screen(api_url, tenant, token).begin(given, watch=watch))


@fleet.command("status")
def fleet_status(
    fleet_restart_id: str, *, tenant: Tenant, token: Token, watch: Watch = False, api_url: ApiUrl = _HERE
) -> None:
    """How a fleet restart stands, and which UTMs did not restart."""
    screen = _fleet_screen(api_url, tenant, token)
    raise typer.Exit((screen.watch if watch else screen.tell)(fleet_restart_id))


@fleet.command("cancel")
def fleet_cancel(fleet_restart_id: str, *, tenant: Tenant, token: Token, api_url: ApiUrl = _HERE) -> None:
    """Cancel as one what no UTM has been told yet."""
    raise typer.Exit(_fleet_screen(api_url, tenant, token).cancel(fleet_restart_id))


def _fleet_screen(api_url: str, tenant: str, token: str) -> "FleetScreen":
    from local.fleet_client import FleetClient
    from local.fleet_progress import FleetScreen

    elsewhere = "" if api_url == _HERE else f" --api-url {api_url}"
    return FleetScreen(FleetClient(api_url, tenant, token), again=f"--tenant {tenant}{elsewhere}")


def _settings(folder: Path | None = None, *, otherwise: int = 1) -> "Settings":
    """The command ends with the exit code `otherwise` when they are not fit to run with."""
    from rich.console import Console

    from local import told_settings

    settings = told_settings.read(Console(stderr=True, highlight=False, soft_wrap=True), folder)
    if settings is None:
        raise typer.Exit(otherwise)
    return settings


def _run_to_its_end(work: Coroutine[None, None, None]) -> None:
    """Run it, then leave without taking the interpreter down: Temporal's client threads can abort the process there."""
    import uvloop

    uvloop.run(work)
    logging.shutdown()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
