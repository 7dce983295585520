"""What stands in the application's form while it is being filled in, right or wrong, and what its buttons do to it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from pydantic import TypeAdapter, ValidationError

from models.fields import PostalCode
from models.postal_codes import Place, find_place
from models.rules.addresses import lacks_house_number

MOST = 20
_POSTAL_CODE: TypeAdapter[str] = TypeAdapter(PostalCode)
_COPIED = {
    "utm_destinations": (
        *("company_name", "last_name", "first_name", "department"),
        *("postal_code", "prefecture", "address", "phone_number"),
    ),
    "portal_users": ("last_name", "first_name", "mail_address"),
}
_FIRST_FIELDS = {"utm_destinations": "company_name", "portal_users": "last_name"}
Block = dict[str, str]


@dataclass
class Entries:
    """Named as in the JSON body; whatever else came stands in `others`, so that it is refused and not lost."""

    company: Block = field(default_factory=dict)
    utm_destinations: list[Block] = field(default_factory=list)
    portal_users: list[Block] = field(default_factory=list)
    extra: Block = field(default_factory=dict)
    others: Block = field(default_factory=dict)

    @classmethod
    def blank(cls) -> "Entries":
        return cls(utm_destinations=[{}], portal_users=[{}])

    @classmethod
    def of(cls, pairs: Iterable[tuple[str, str]]) -> "Entries":
        """From dotted names. Blocks keep their order and close the gaps that removed ones leave."""
        entries = cls()
        blocks: dict[str, dict[int, Block]] = {"utm_destinations": {}, "portal_users": {}}
        for name, value in pairs:
            head, _, rest = name.partition(".")
            number, _, inner = rest.partition(".")
            if head == "company" and rest:
                entries.company[rest] = value
            elif head == "extra" and rest:
                entries.extra[rest] = value
            elif head in blocks and number.isascii() and number.isdigit() and inner:
                blocks[head].setdefault(int(number), {})[inner] = value
            else:
                entries.others[name] = value
        entries.utm_destinations = [block for _, block in sorted(blocks["utm_destinations"].items())]
        entries.portal_users = [block for _, block in sorted(blocks["portal_users"].items())]
        return entries

    def document(self) -> dict[str, Any]:
        """As the JSON body would be."""
        return {
            "company": self.company,
            "utm_destinations": self.utm_destinations,
            "portal_users": self.portal_users,
            "extra": self.extra,
            **self.others,
        }

    def press(self, button: str, target: str) -> str:
        """Do what a button asks for. Returns the field to go on with; empty when there is nothing to do."""
        actions: dict[str, Callable[[str], str]] = {
            "add": self._add,
            "remove": self._remove,
            "copy": self._copy,
            "fill": self._fill,
        }
        return actions[button](target)

    def addresses(self) -> list[tuple[str, Block]]:
        """Every block with an address, by the name that its fields begin with."""
        return [
            ("company", self.company),
            *((f"utm_destinations.{index}", block) for index, block in enumerate(self.utm_destinations)),
        ]

    def _add(self, target: str) -> str:
        blocks = self._blocks(target)
        if blocks is None or len(blocks) >= MOST:
            return ""
        blocks.append({})
        return f"{target}.{len(blocks) - 1}.{_FIRST_FIELDS[target]}"

    def _remove(self, target: str) -> str:
        head, index, blocks = self._block(target)
        if blocks is None or len(blocks) == 1:
            return ""
        del blocks[index]
        return f"{head}.{min(index, len(blocks) - 1)}.{_FIRST_FIELDS[head]}"

    def _copy(self, target: str) -> str:
        head, index, blocks = self._block(target)
        if blocks is None:
            return ""
        blocks[index] |= {name: self.company[name] for name in _COPIED[head] if self.company.get(name)}
        return f"{target}.{'quantity' if head == 'utm_destinations' else 'mobile_number'}"

    def _fill(self, target: str) -> str:
        """Prefecture and town of a postal code; a house number that is there already stays (APP-06)."""
        prefix = target.removesuffix(".postal_code")
        block = dict(self.addresses()).get(prefix)
        if block is None:
            return ""
        place = place_of(block)
        if place is None:
            return f"{prefix}.postal_code"
        block["prefecture"] = place.prefecture
        block["address"] = _with_town(block.get("address", "").strip(), place.town)
        return f"{prefix}.address"

    def _blocks(self, head: str) -> list[Block] | None:
        return {"utm_destinations": self.utm_destinations, "portal_users": self.portal_users}.get(head)

    def _block(self, target: str) -> tuple[str, int, list[Block] | None]:
        head, _, number = target.partition(".")
        blocks = self._blocks(head)
        if blocks is None or not (number.isascii() and number.isdigit() and int(number) < len(blocks)):
            return head, 0, None
        return head, int(number), blocks


def place_of(block: Block) -> Place | None:
    """The place of the block's postal code; None when it is none, or nobody knows it."""
    try:
        return find_place(_POSTAL_CODE.validate_python(block.get("postal_code", "")))
    except ValidationError:
        return None


def _with_town(address: str, town: str) -> str:
    if town in address:
        return address
    return town + address if address[:1].isdigit() else town


def without_house_number(entries: Entries) -> dict[str, str]:
    """The addresses that seem to lack one, by field name (APP-06)."""
    doubtful = {}
    for prefix, block in entries.addresses():
        place = place_of(block)
        address = block.get("address", "").strip()
        if lacks_house_number(address, place.town if place else ""):
            doubtful[f"{prefix}.address"] = address
    return doubtful
