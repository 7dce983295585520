"""CSV files that do no harm (APP-16)."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.rules.spreadsheet import csv_head, csv_lines, neutralised

pytestmark = pytest.mark.requirement("APP-16")


@pytest.mark.parametrize(
    "text", ["=1+1", "+81", "-1", "@SUM", "\t=1", "\r=1", "＝1", "＋1", "－1", "＠x", "　=1", " =1"]
)
def test_what_could_be_a_formula_stands_behind_an_apostrophe(text: str) -> None:
    """Half width, full width, behind blanks and controls."""
    assert neutralised(text) == "'" + text


@pytest.mark.parametrize("text", ["", "a", "1-2", "090", "株式会社", "a=b", "'x", "ー", "〒100"])
def test_other_texts_stay_as_they_are(text: str) -> None:
    """A long vowel is no minus."""
    assert neutralised(text) == text


def test_a_file_is_rfc_4180_with_a_byte_order_mark() -> None:
    """Every cell quoted, lines end with CR LF, the head neutralised too."""
    document = csv_head(["a", "=b"]) + csv_lines([['say "hi"', "x\ny"]])
    assert document == '\ufeff"a","\'=b"\r\n"say ""hi""","x\ny"\r\n'.encode()


@given(st.lists(st.lists(st.text(st.characters(exclude_categories=["Cs"])), min_size=2, max_size=2)))
def test_every_cell_comes_back(rows: list[list[str]]) -> None:
    """What a reader of the file gets is what was written, apart from the apostrophes."""
    text = (csv_head(["a", "b"]) + csv_lines(rows)).decode("utf-8-sig")
    read = list(csv.reader(io.StringIO(text, newline="")))
    assert read == [["a", "b"], *([neutralised(cell) for cell in row] for row in rows)]
