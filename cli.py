"""`tetsuzuki`: the product's commands. Each reads its own part of the product only when called, to start quickly."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)


@app.callback()
def tetsuzuki() -> None:
    """Durable back-office procedures for managed-security resellers."""


@app.command()
def inbox(
    folder: Annotated[Path, typer.Argument(help="Where the mails are kept.")],
    smtp_port: Annotated[int, typer.Option(help="Takes mail on this loopback port.")] = 1025,
    web_port: Annotated[int, typer.Option(help="Shows it on this loopback port.")] = 8025,
    world_clock: Annotated[str | None, typer.Option(help="The rehearsal server to tell the time by.")] = None,
) -> None:
    """Take every mail on loopback, send none on, and show them on a page."""
    from local.inbox import InboxPorts, run

    run(folder, InboxPorts(smtp=smtp_port, web=web_port), world_clock=world_clock)


def main() -> None:
    app()


if __name__ == "__main__":
    main()
