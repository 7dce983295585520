"""Every mail that was written has been sent, once, and in order."""

from collections import Counter
from collections.abc import Iterator

from tests.faults.ledgers import Ledgers
from tests.faults.violation import Violation


def each_mail_once(evidence: Ledgers) -> Iterator[Violation]:
    """Each Message-ID once; a copy only for a conversation that broke after the final dot."""
    rows = {letter.message_id: letter for letter in evidence.letters}
    copies = Counter(taken.message_id for taken in evidence.taken)
    excused = Counter(taken.message_id for taken in evidence.taken if taken.is_ambiguous)
    for letter in evidence.letters:
        if letter.state != "sent":
            yield Violation("mails", letter.message_id, f"{letter.template} to {letter.recipient} is {letter.state}")
        if copies[letter.message_id] == 0:
            yield Violation("mails", letter.message_id, f"{letter.template} to {letter.recipient} never arrived")
    for message_id, count in copies.items():
        if count > 1 + excused[message_id]:
            template = rows[message_id].template if message_id in rows else "a mail"
            yield Violation("mails", message_id, f"{template} came {count} times, {excused[message_id]} excused")
    for taken in evidence.taken:
        row = rows.get(taken.message_id)
        if row is None or row.recipient != taken.recipient:
            yield Violation("mails", taken.message_id, f"went to {taken.recipient} and is not in the ledger")


def mails_in_order(evidence: Ledgers) -> Iterator[Violation]:
    """To one recipient, a procedure's mails arrive in the order in which they were written."""
    first: dict[str, int] = {}
    for position, taken in enumerate(evidence.taken):
        first.setdefault(taken.message_id, position)
    latest: dict[tuple[str, str], int] = {}
    for letter in sorted(evidence.letters, key=lambda letter: letter.sequence):
        arrived = first.get(letter.message_id, -1)
        before = latest.get((letter.procedure_id, letter.recipient), -1)
        if 0 <= arrived < before:
            yield Violation("order", letter.procedure_id, f"{letter.template} to {letter.recipient} came too early")
        latest[letter.procedure_id, letter.recipient] = max(arrived, before)
