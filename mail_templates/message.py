"""The bytes of a mail on the wire, and the guard that reads them back before they may be sent (design: mail).

The headers are few, so they are checked as a whole: the names that stand there are those that were meant, each once,
and what a reader decodes is what was rendered. Bodies are base64: no line of one can end the mail, begin with a dot,
or be changed on the way.
"""

import re
from dataclasses import dataclass
from datetime import datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.parser import BytesParser

from mail_templates.rendering import Rendered, inert

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?!.*=\?)(?=.{{3,254}}\Z)(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._-]+@[A-Za-z0-9.-]+>")
_NOT_SMTP = re.compile(rb"(?<!\r)\n|\r(?!\n)|[^\x01-\x7f]|[^\r\n]{999}")
_HEADER_NAME = re.compile(rb"^(?![ \t])([^:\r\n]*):", re.MULTILINE)
_LOOK_ALIKES = str.maketrans('<>@"\\', "＜＞＠＂＼")
_HEADERS = ["Auto-Submitted", "Content-Language", "Content-Type", "Date", "From", "MIME-Version", "Message-ID", "To"]


class UnsafeMailError(ValueError):
    """The bytes would not say what was rendered, to whom it was meant. Nothing was sent, and trying again is no use."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Envelope:
    """`message_id` with its angle brackets; `date` aware; `sender` and `recipient` bare addresses."""

    message_id: str
    date: datetime
    sender: str
    sender_name: str
    recipient: str


def wire_bytes(rendered: Rendered, envelope: Envelope) -> bytes:
    """The whole mail, lines ending CR LF. The same arguments give the same bytes.

    Raises:
        UnsafeMailError: an address is not one bare address, or the guard found the bytes to say something else.
    """
    for address in (envelope.sender, envelope.recipient):
        if not _ADDRESS.fullmatch(address):
            raise UnsafeMailError("not one bare address")
    if not _MESSAGE_ID.fullmatch(envelope.message_id):
        raise UnsafeMailError("not a Message-ID")
    wire = _message(rendered, envelope).as_bytes()
    _guard(wire, rendered, envelope)
    return wire


def display_name(sender_name: str) -> str:
    """The sender's name as it stands in From: what could be taken for an address is written with look-alikes."""
    return inert(sender_name).replace("=?", "= ?").translate(_LOOK_ALIKES)[:100].strip()


def _message(rendered: Rendered, envelope: Envelope) -> EmailMessage:
    message = EmailMessage(policy=policy.SMTP)
    message["From"] = Address(display_name(envelope.sender_name), addr_spec=envelope.sender)
    message["To"] = Address(addr_spec=envelope.recipient)
    if rendered.html is not None:
        message["Subject"] = rendered.subject
    message["Date"] = envelope.date
    message["Message-ID"] = envelope.message_id
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(rendered.text, cte="base64")
    if rendered.html is not None:
        message.add_alternative(rendered.html, subtype="html", cte="base64")
        message.set_boundary(f"part-{envelope.message_id.strip('<>').partition('@')[0]}")
    message["Content-Language"] = rendered.language.value  # last: what is there before moves into the first part
    return message


def _guard(wire: bytes, rendered: Rendered, envelope: Envelope) -> None:
    """Python before 3.11.15 writes an encoded word that hides CR LF as a real line: only the bytes themselves tell."""
    if _NOT_SMTP.search(wire):
        raise UnsafeMailError("a character or a line that SMTP does not carry")
    head, _, _ = wire.partition(b"\r\n\r\n")
    names = sorted(name.decode() for name in _HEADER_NAME.findall(head))
    if names != sorted(_expected_headers(rendered)) or b"\r\n\r\n" not in wire:
        raise UnsafeMailError("headers that were not meant")
    read = BytesParser(EmailMessage, policy=policy.SMTP).parsebytes(wire)
    said = (read.get("Subject", ""), _mailboxes(read, "From"), _mailboxes(read, "To"))
    sender = (_unspaced(display_name(envelope.sender_name)), envelope.sender)
    if said != (rendered.subject, [sender], [("", envelope.recipient)]) or "=?" in rendered.subject:
        raise UnsafeMailError("headers that say something else")
    if _bodies(read) != [body for body in (rendered.text, rendered.html) if body is not None]:
        raise UnsafeMailError("a body that says something else")


def _expected_headers(rendered: Rendered) -> list[str]:
    return [*_HEADERS, "Content-Transfer-Encoding" if rendered.html is None else "Subject"]


def _mailboxes(message: EmailMessage, header: str) -> list[tuple[str, str]]:
    return [(_unspaced(address.display_name), address.addr_spec) for address in message[header].addresses]


def _unspaced(name: str) -> str:
    """Python reads a blank between two encoded words of a name, where there is none (RFC 2047, 6.2)."""
    return "".join(name.split())


def _bodies(message: EmailMessage) -> list[str]:
    return [part.get_content().replace("\r\n", "\n") for part in message.walk() if not part.is_multipart()]
