"""CSV files that spreadsheet programs open without harm (APP-16)."""

import csv
import io
import unicodedata
from collections.abc import Iterable, Sequence

_STARTS = frozenset("=+-@\t\r\n")
_BOM = "\ufeff"


def neutralised(text: str) -> str:
    """Behind an apostrophe when a spreadsheet could take it for a formula, also by its full-width signs."""
    if text[:1] in ("\t", "\r", "\n"):
        return f"'{text}"
    first = unicodedata.normalize("NFKC", text.lstrip()[:1])
    return f"'{text}" if first[:1] in _STARTS and first else text


def csv_head(head: Sequence[str]) -> bytes:
    """What a document begins with: RFC 4180 in UTF-8 with a byte order mark, every cell quoted and neutralised."""
    return _BOM.encode() + csv_lines([head])


def csv_lines(rows: Iterable[Sequence[str]]) -> bytes:
    """Further rows of such a document."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerows([neutralised(cell) for cell in row] for row in rows)
    return out.getvalue().encode()
