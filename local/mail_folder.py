"""Received mails as files: written whole and lastingly before their sender is told so, and read back.

Each file is one mail as it came, below one line of ours: when it arrived and its envelope, as JSON.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import lru_cache
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from models.identifiers import ordered_id


class Envelope(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    received_at: datetime
    sender: str
    recipients: tuple[str, ...]


@dataclass(frozen=True)
class Attachment:
    filename: str
    media_type: str
    content: bytes


@dataclass(frozen=True)
class ReceivedMail:
    id: str
    envelope: Envelope
    message: EmailMessage
    raw: bytes

    @property
    def subject(self) -> str:
        return str(self.message.get("Subject", ""))

    @property
    def message_id(self) -> str:
        return str(self.message.get("Message-ID", ""))

    @property
    def text(self) -> str | None:
        return _body(self.message, "plain")

    @property
    def html(self) -> str | None:
        return _body(self.message, "html")

    @property
    def headers(self) -> list[tuple[str, str]]:
        """In their order; one name may come several times."""
        return [(name, str(value)) for name, value in self.message.items()]

    @property
    def attachments(self) -> list[Attachment]:
        return [
            Attachment(part.get_filename() or f"part-{number}", part.get_content_type(), _content(part))
            for number, part in enumerate(self.message.iter_attachments(), start=1)
        ]

    def is_to(self, address: str) -> bool:
        return address.casefold() in (recipient.casefold() for recipient in self.envelope.recipients)


class MailFolder:
    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._read = lru_cache(maxsize=1000)(self._read_from_disk)

    def keep(self, raw: bytes, envelope: Envelope) -> str:
        """Store one mail and answer its id. When this returns, neither a kill nor a power cut loses it."""
        mail_id = ordered_id()
        unfinished = self._folder / f"{mail_id}.unfinished"
        with unfinished.open("xb") as output:
            output.write(envelope.model_dump_json().encode() + b"\n" + raw)
            output.flush()
            os.fsync(output.fileno())
        unfinished.rename(self._folder / f"{mail_id}.eml")
        self._make_names_lasting()
        return mail_id

    def find(self, mail_id: str) -> ReceivedMail | None:
        return self._read(mail_id) if mail_id in self._ids() else None

    def newest_first(self, *, to: str = "", subject: str = "") -> Iterator[ReceivedMail]:
        """`to`: one of the envelope's recipients; `subject`: a part of it. Neither minds capitals."""
        for mail_id in self._ids():
            mail = self._read(mail_id)
            if (not to or mail.is_to(to)) and subject.casefold() in mail.subject.casefold():
                yield mail

    def _ids(self) -> list[str]:
        return sorted((file.stem for file in self._folder.glob("*.eml")), reverse=True)

    def _read_from_disk(self, mail_id: str) -> ReceivedMail:
        envelope, raw = (self._folder / f"{mail_id}.eml").read_bytes().split(b"\n", 1)
        message = message_from_bytes(raw, _class=EmailMessage, policy=policy.default)
        return ReceivedMail(mail_id, Envelope.model_validate_json(envelope), message, raw)

    def _make_names_lasting(self) -> None:
        descriptor = os.open(self._folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _body(message: EmailMessage, kind: str) -> str | None:
    part = message.get_body((kind,))
    if part is None:
        return None
    try:
        return str(part.get_content()).replace("\r\n", "\n")
    except (LookupError, KeyError):  # an encoding nobody knows; the raw mail still shows it
        return None


def _content(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else part.as_bytes()
