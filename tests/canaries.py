"""Everything that the product keeps, opened and written out, for whoever looks for what must not be there."""

from collections.abc import Iterable, Mapping
from typing import Any

import psycopg
from google.protobuf.message import Message
from psycopg import sql
from temporalio.api.common.v1 import Payload

from models.encryption import Cipher


def opened(cipher: Cipher, message: Message) -> str:
    """Every payload in it, decrypted."""
    if isinstance(message, Payload):
        encrypted = message.metadata.get("encoding") == b"binary/encrypted"
        return (cipher.decrypt(message.data) if encrypted else message.data).decode(errors="replace")
    parts = [value for _, value in message.ListFields()]
    return "".join(opened(cipher, one) for part in parts for one in _messages(part))


def dump(url: str) -> str:
    """Every row of every table. `url`: of a superuser."""
    with psycopg.connect(url) as connection:
        tables = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        rows = [
            connection.execute(sql.SQL("SELECT t::text FROM {} t").format(sql.Identifier(table))).fetchall()
            for (table,) in tables.fetchall()
        ]
    return str(rows)


def _messages(part: Any) -> list[Message]:
    if isinstance(part, Message):
        return [part]
    several = list(part.values()) if isinstance(part, Mapping) else part
    return [one for one in several if isinstance(one, Message)] if isinstance(several, Iterable) else []
