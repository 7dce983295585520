"""What a stack's worker and API run with, kept in its folder so that `tetsuzuki doctor` examines the very same."""

import json
from pathlib import Path

FILE = "settings.json"
_OPERATOR_KEY = "TETSUZUKI_OPERATOR_KEY"


def to_keep(environment: dict[str, str]) -> dict[str, str]:
    """All but the operator key: one that was given by hand is nobody's to write down."""
    return {name: value for name, value in environment.items() if name != _OPERATOR_KEY}


def read(folder: Path) -> dict[str, str]:
    """The environment, with the folder's own operator key.

    Raises:
        FileNotFoundError: no stack has ever run on the folder.
    """
    kept: dict[str, str] = json.loads((folder / FILE).read_text())
    return {_OPERATOR_KEY: json.loads((folder / "secrets.json").read_text())["operator_key"], **kept}
