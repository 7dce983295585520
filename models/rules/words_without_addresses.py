"""What a mail server says, for whoever may read it for longer than whom it was said of (CUS-05)."""

import re

_LEFT_OUT = "…"


def without_addresses(words: str, recipient: str = "") -> str:
    """The words, with `…` for every mail address, and for the recipient's number, or name at the address."""
    words = re.sub(r"\S*@\S*", _LEFT_OUT, words)
    name = recipient.partition("@")[0]
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", _LEFT_OUT, words, flags=re.IGNORECASE) if name else words
