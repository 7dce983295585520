"""The bytes of a mail on the wire, and the guard that reads them back before they may be sent.

The headers are few, so they are checked as a whole: the names that stand there are those that were meant, each once,
and what a reader decodes is what was rendered. Bodies are base64: no line of one can end the mail, begin with a dot,
or be changed on the way.
"""

import re
from base64 import encodebytes
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.header import Header
from email.message import Message
from email.utils import format_datetime, formataddr

from mail_templates.rendering import Rendered, inert

_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?"
_ADDRESS = re.compile(rf"(?!.*=\?)(?=.{{3,254}}\Z)(?=.{{1,64}}@){_ATOM}(?:\.{_ATOM})*@{_LABEL}(?:\.{_LABEL})*")
_MESSAGE_ID = re.compile(r"<[A-Za-z0-9._-]+@[A-Za-z0-9.-]+>")
_FILE_NAME = re.compile(r"[A-Za-z0-9-]{1,60}\.pdf")
_NOT_A_SUBJECT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]|=\?")
_LONGEST_LINE = 998
# The older of the library's two policies: the newer one parses each header that it writes, for 2 ms a mail.
_WIRE = policy.compat32.clone(linesep="\r\n", mangle_from_=False)
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


@dataclass(frozen=True, slots=True)
class Attachment:
    """A PDF. `file_name` is ours, never taken from what somebody has entered."""

    file_name: str
    content: bytes


def wire_bytes(rendered: Rendered, envelope: Envelope, attachment: Attachment | None = None) -> bytes:
    """The whole mail, lines ending CR LF. The same arguments give the same bytes.

    Raises:
        UnsafeMailError: an address is not one bare address, or the guard found the bytes to say something else.
    """
    for address in (envelope.sender, envelope.recipient):
        if not _ADDRESS.fullmatch(address):
            raise UnsafeMailError("not one bare address")
    if _NOT_A_SUBJECT.search(rendered.subject):
        raise UnsafeMailError("a subject of more than one line, or with an encoded word")
    if "\r" in rendered.text or "\r" in (rendered.html or ""):
        raise UnsafeMailError("a text whose lines do not end LF")
    if not _MESSAGE_ID.fullmatch(envelope.message_id):
        raise UnsafeMailError("not a Message-ID")
    if attachment is not None and not _FILE_NAME.fullmatch(attachment.file_name):
        raise UnsafeMailError("not a plain file name")
    wire = _head(rendered, envelope) + _content(rendered, envelope, attachment)
    _guard(wire, rendered, envelope, attachment=attachment)
    return wire


def is_smtp(wire: bytes) -> bool:
    """Whether every server carries it: ASCII in lines of 998 at most that end CR LF, and no NUL (RFC 5321).

    By counting, not by a pattern: it is done for every mail, and bodies are long.
    """
    pairs = wire.count(b"\r\n")
    return (
        wire.isascii()
        and b"\0" not in wire
        and wire.count(b"\r") == wire.count(b"\n") == pairs
        and max(map(len, wire.split(b"\r\n"))) <= _LONGEST_LINE
    )


def display_name(sender_name: str) -> str:
    """The sender's name as it stands in From: what could be taken for an address is written with look-alikes."""
    return inert(sender_name).replace("=?", "= ?").translate(_LOOK_ALIKES)[:100].strip()


def _head(rendered: Rendered, envelope: Envelope) -> bytes:
    """The headers that say who, when and what, written out: each a line, or a run of encoded words.

    The library's folding is not used: it moves a subject of 70 characters to a line of its own, and has let separators
    and line breaks through.
    """
    headers = {
        "From": _mailbox(display_name(envelope.sender_name), envelope.sender),
        "To": envelope.recipient,
        "Subject": _encoded("Subject", rendered.subject),
        "Date": format_datetime(envelope.date),
        "Message-ID": envelope.message_id,
        "Auto-Submitted": "auto-generated",
        "Content-Language": rendered.language.value,
        "MIME-Version": "1.0",
    }
    if rendered.html is None:
        del headers["Subject"]
    return "".join(f"{name}: {value}\r\n" for name, value in headers.items()).encode("ascii")


def _mailbox(name: str, address: str) -> str:
    return formataddr((name, address)) if name.isascii() else f"{_encoded('From', name)} <{address}>"


def _encoded(header: str, text: str) -> str:
    return text if text.isascii() else Header(text, "utf-8", header_name=header).encode(linesep="\r\n")


def _content(rendered: Rendered, envelope: Envelope, attachment: Attachment | None) -> bytes:
    """The rest: MIME headers and bodies."""
    message = _part("text/plain", _lines(rendered.text), charset="utf-8")
    if rendered.html is not None:
        html = _part("text/html", _lines(rendered.html), charset="utf-8")
        message = _parts("multipart/alternative", f"part-{_local_part(envelope.message_id)}", message, html)
    if attachment is not None:
        pdf = _part("application/pdf", attachment.content)
        pdf.add_header("Content-Disposition", "attachment", filename=attachment.file_name)
        message = _parts("multipart/mixed", f"whole-{_local_part(envelope.message_id)}", message, pdf)
    return message.as_bytes(policy=_WIRE)


def _part(content_type: str, content: bytes, **parameters: str) -> Message:
    part = Message()
    part.add_header("Content-Type", content_type, **parameters)
    part["Content-Transfer-Encoding"] = "base64"
    part.set_payload(encodebytes(content).decode())
    return part


def _parts(content_type: str, boundary: str, *parts: Message) -> Message:
    whole = Message()
    whole.add_header("Content-Type", content_type, boundary=boundary)
    for part in parts:
        whole.attach(part)
    return whole


def _lines(text: str) -> bytes:
    """As texts travel, in base64 too (RFC 2045, 6.8)."""
    return text.replace("\n", "\r\n").encode()


def _local_part(message_id: str) -> str:
    return message_id.strip("<>").partition("@")[0]


def _guard(wire: bytes, rendered: Rendered, envelope: Envelope, *, attachment: Attachment | None) -> None:
    """What a header really says, only the final bytes tell, and only to a reader: so they are read."""
    if not is_smtp(wire):
        raise UnsafeMailError("a character or a line that SMTP does not carry")
    head, _, _ = wire.partition(b"\r\n\r\n")
    if sorted(name.decode() for name in _HEADER_NAME.findall(head)) != sorted(_expected_headers(rendered)):
        raise UnsafeMailError("headers that were not meant")
    read = message_from_bytes(wire)
    sender = (_unspaced(display_name(envelope.sender_name)), envelope.sender)
    said = (_decoded(read, "Subject"), _mailboxes(read, "From"), _mailboxes(read, "To"))
    if said != (rendered.subject, [sender], [("", envelope.recipient)]):
        raise UnsafeMailError("headers that say something else")
    meant = [body.encode() for body in (rendered.text, rendered.html) if body is not None]
    if _bodies(read) != meant + ([attachment.content] if attachment else []):
        raise UnsafeMailError("a body that says something else")


def _expected_headers(rendered: Rendered) -> list[str]:
    return [*_HEADERS, "Content-Transfer-Encoding" if rendered.html is None else "Subject"]


def _decoded(read: Message, header: str) -> str:
    return str(policy.SMTP.header_fetch_parse(header, read.get(header, "")))


def _mailboxes(read: Message, header: str) -> list[tuple[str, str]]:
    """The (display name, address) of every mailbox that a reader finds there."""
    found = policy.SMTP.header_fetch_parse(header, read[header])
    return [(_unspaced(address.display_name), address.addr_spec) for address in found.addresses]


def _unspaced(name: str) -> str:
    """Python reads a blank between two encoded words of a name, where there is none (RFC 2047, 6.2)."""
    return "".join(name.split())


def _bodies(read: Message) -> list[bytes]:
    """Texts with lines ending LF, as they were rendered; what is attached as it is."""
    parts = [(part, part.get_payload(decode=True)) for part in read.walk() if not part.is_multipart()]
    return [
        body if part.get_content_maintype() != "text" else body.replace(b"\r\n", b"\n")
        for part, body in parts
        if isinstance(body, bytes)
    ]
