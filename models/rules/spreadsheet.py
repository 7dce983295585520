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


def csv_document(head: Sequence[str], rows: Iterable[Sequence[str]]) -> bytes:
    """RFC 4180 in UTF-8 with a byte order mark, every cell quoted and neutralised."""
    out = io.StringIO(newline="")
    writer = csv.writer(out, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    writer.writerow([neutralised(cell) for cell in head])
    writer.writerows([neutralised(cell) for cell in row] for row in rows)
    return (_BOM + out.getvalue()).encode()
