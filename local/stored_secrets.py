"""The keys and passwords of one data folder: drawn at its first use, then the same for as long as the folder lives."""

import hashlib
import hmac
import json
import os
from contextlib import suppress
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from local.postgres import PostgresPasswords
from models.identifiers import encryption_key, secret_token

FIRST_KEY = "1"


class StoredSecrets(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    operator_key: str
    link_key: str
    payload_keys: dict[str, str]
    payload_key_id: str
    session_keys: dict[str, str]
    session_key_id: str
    postgres: PostgresPasswords

    @property
    def carrier_key(self) -> str:
        """Shared with the local carrier, and with nobody else."""
        return hmac.new(self.link_key.encode(), b"local carrier", hashlib.sha256).hexdigest()

    @classmethod
    def of(cls, folder: Path) -> "StoredSecrets":
        """Those of the folder; what an older version did not know of yet is drawn now."""
        file = folder / "secrets.json"
        stored = json.loads(file.read_text()) if file.exists() else {}
        if cls.model_fields.keys() - stored.keys():
            drawn = cls._draw().model_dump() | stored
            _create(file, json.dumps(drawn, indent=2))
        return cls.model_validate_json(file.read_text())

    @classmethod
    def _draw(cls) -> "StoredSecrets":
        return cls(
            operator_key=secret_token(),
            link_key=secret_token(),
            payload_keys={FIRST_KEY: encryption_key()},
            payload_key_id=FIRST_KEY,
            session_keys={FIRST_KEY: encryption_key()},
            session_key_id=FIRST_KEY,
            postgres=PostgresPasswords(superuser=secret_token(), owner=secret_token(), app=secret_token()),
        )


def _create(file: Path, text: str) -> None:
    """Written whole and lastingly before it gets its name: a lost key would be lost mail links and histories."""
    unfinished = file.with_suffix(".unfinished")
    with suppress(FileNotFoundError):
        unfinished.unlink()
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as output:
        output.write(text)
        output.flush()
        os.fsync(output.fileno())
    unfinished.rename(file)
