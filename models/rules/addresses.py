"""The warning about an address without a house number (APP-06, CAN-04). A warning only: some addresses have none."""

import re
import unicodedata

_KANJI = "〇零一二三四五六七八九十百千壱弐参"
_DIGIT = re.compile(rf"[\d{_KANJI}]")
_NUMBERED = re.compile(rf"\d|[{_KANJI}](?:丁目|番地|番(?!町)|号|[-ー―‐−のノ之][{_KANJI}])|無番地")
"""A digit; or kanji in front of a word that numbers, or joined to more: 一丁目, 二番, 三の四. No town: 四番町."""


def lacks_house_number(address: str, town: str = "") -> bool:
    """No number after the town, of any width, in digits or kanji.

    Where the town is not known, or not in the address, kanji count only where they number something: 三田 is no number.
    """
    text, known = unicodedata.normalize("NFKC", address), unicodedata.normalize("NFKC", town)
    if known and known in text:
        rest = text[text.index(known) + len(known) :]
        return not (_DIGIT.search(rest) or "無番地" in rest)
    return not _NUMBERED.search(text)
