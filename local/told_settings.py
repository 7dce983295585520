"""The settings that a command is to run with; what is wrong with them is told in sentences."""

import os
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.markup import escape

from local import kept_settings
from settings import Settings

WRONG = "[red]✗[/]"


def read(console: Console, folder: Path | None = None) -> Settings | None:
    """Those of the stack of a data folder, or without one the environment's. None: it has been told what is wrong."""
    try:
        if folder:
            os.environ.update(kept_settings.read(folder))
        return Settings()
    except ValidationError as error:
        for wrong in error.errors(include_input=False, include_url=False, include_context=False):
            name = "__".join(str(part) for part in wrong["loc"]).upper()
            console.print(f"{WRONG} settings: TETSUZUKI_{escape(name)}: {escape(wrong['msg'])}")
        console.print("  → Set it in the environment; docs/operations/deploying.md lists every setting.")
    except (FileNotFoundError, NotADirectoryError):
        console.print(f"{WRONG} nothing has run on {folder}")
        console.print("  → 'tetsuzuki up' starts the product there; --data-dir names another folder; or set")
        console.print("    TETSUZUKI_DATABASE_URL and the other settings of the servers to examine.")
    return None
