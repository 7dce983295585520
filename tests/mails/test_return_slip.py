"""The return slip: read back as its reader does, by eye and by scanner."""

import io

import pypdf
import pytest
import zxingcpp
from PIL import Image

from mail_templates import return_slip
from mail_templates.return_slip import NoJapaneseFontError, Slip, picture, print_slip
from models.vocabulary import Language

SLIP = Slip(
    tenant_name="みなとセキュリティ",
    company_name='#eval("x") 株式会社 $1+1$ *太字*',
    contract_number="A-S00000007",
    utm_id="a1a1b2b2c3c3",
    address="〒105-0001 東京都港区虎ノ門1-2-3",
    shipment_id="T8000000-A-S00000007-a1a1b2b2c3c3-20270301-1",
    language=Language.JA,
)


def text_of(pdf: bytes) -> str:
    return "".join(page.extract_text() for page in pypdf.PdfReader(io.BytesIO(pdf)).pages)


@pytest.mark.requirement("KIT-02")
def test_it_says_where_the_device_comes_from() -> None:
    """Values are text, whatever markup they look like."""
    text = text_of(print_slip(SLIP))
    for said in ("UTM返送伝票", SLIP.contract_number, SLIP.utm_id, "虎ノ門1-2-3", "みなとセキュリティ", "$1+1$ *太字*"):
        assert said in text
    assert "#eval" in text


@pytest.mark.requirement("KIT-02")
def test_a_scanner_reads_the_same_from_its_code() -> None:
    [code] = zxingcpp.read_barcodes(Image.open(io.BytesIO(picture(SLIP))))
    assert code.text == SLIP.code


@pytest.mark.requirement("KIT-02")
def test_without_a_japanese_font_nothing_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(return_slip, "_fonts", list)
    with pytest.raises(NoJapaneseFontError):
        print_slip(SLIP)
