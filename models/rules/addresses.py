"""The warning about an address without a house number (APP-06, CAN-04). A warning only: some addresses have none."""

import unicodedata

_KANJI_DIGITS = frozenset("〇一二三四五六七八九十百")


def lacks_house_number(address: str, town: str = "") -> bool:
    """No digit after the town, of any width. Numbers in kanji count only where the town is known: 三田 is no number."""
    text, known = unicodedata.normalize("NFKC", address), unicodedata.normalize("NFKC", town)
    if known and known in text:
        rest = text[text.index(known) + len(known) :]
        return not any(character.isdigit() or character in _KANJI_DIGITS for character in rest)
    return not any(character.isdigit() for character in text)
