"""The slip that goes into the box with a returned device (KIT-02): a page of A5 as PDF, with a QR code.

It is set in a Japanese font of the machine's. Where there is none nothing is printed, and that is said: a slip of empty
boxes would be worse than none.
"""

import functools
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from models.vocabulary import Language

FONTS = (
    *("Noto Sans CJK JP", "Noto Sans JP", "Noto Serif CJK JP", "IPAexGothic", "IPAGothic", "TakaoGothic", "VL Gothic"),
    *("Hiragino Sans", "Hiragino Kaku Gothic ProN", "Yu Gothic", "Source Han Sans JP"),
)
"""Any one of them is enough; on Debian the package `fonts-noto-cjk` has the first."""
_SOURCE = Path(__file__).with_suffix(".typ")
_WORDS = {
    Language.JA: (
        *("UTM返送伝票", "設置先（回収元）", "契約番号", "UTM ID", "顧客企業", "返送先"),
        "この伝票を印刷し、UTM本体・付属品とともに回収キットの箱にお入れください。",
    ),
    Language.EN: (
        *("UTM return slip", "Installed at", "Contract number", "UTM ID", "Company", "Return to"),
        "Print this slip and put it into the box of the return kit, with the UTM and what came with it.",
    ),
}


class NoJapaneseFontError(RuntimeError):
    """None of `FONTS` is installed on this machine."""


@dataclass(frozen=True, kw_only=True)
class Slip:
    """`address`: where the device was installed. `shipment_id`: of the sending; the QR code leads back to it."""

    tenant_name: str
    company_name: str
    contract_number: str
    utm_id: str
    address: str
    shipment_id: str
    language: Language

    @property
    def code(self) -> str:
        """What the QR code says."""
        return f"{self.shipment_id} {self.contract_number} {self.utm_id}"


def print_slip(slip: Slip) -> bytes:
    """The PDF. Takes some tenths of a second: call it in a thread.

    Raises:
        NoJapaneseFontError: it cannot be set.
    """
    return _set(slip, "pdf")


def picture(slip: Slip) -> bytes:
    """The same page as a PNG."""
    return _set(slip, "png")


def _set(slip: Slip, form: Literal["pdf", "png"]) -> bytes:
    import typst  # noqa: PLC0415 - a large library, read only by the process that prints a slip

    fonts = _fonts()
    if not fonts:
        raise NoJapaneseFontError
    title, address, contract, utm, company, back_to, note = _WORDS[slip.language]
    values = {
        company: slip.company_name,
        address: slip.address,
        contract: slip.contract_number,
        utm: slip.utm_id,
        back_to: slip.tenant_name,
    }
    data = {
        "title": title,
        "rows": [{"name": name, "value": value} for name, value in values.items()],
        "note": note,
        "fonts": fonts,
        "language": slip.language,
    }
    inputs = {"slip": json.dumps(data, ensure_ascii=False), "qr": _qr(slip.code)}
    return typst.compile(_SOURCE.read_bytes(), format=form, sys_inputs=inputs, ppi=200)


def _qr(text: str) -> str:
    import segno  # noqa: PLC0415 - likewise

    drawn = io.BytesIO()
    segno.make_qr(text, error="m").save(drawn, kind="svg", scale=4)
    return drawn.getvalue().decode()


@functools.cache
def _fonts() -> list[str]:
    import typst  # noqa: PLC0415 - likewise

    installed = set(typst.Fonts(include_system_fonts=True).families())
    return [font for font in FONTS if font in installed]
