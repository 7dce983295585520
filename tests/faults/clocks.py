"""Places of our own, so that a contract's midnight, the next morning, or a slot for restarts comes within seconds.

The product reads a tenant's time zone by its name from the machine's own tables; here it gets a folder with tables of
our own in front of them (`PYTHONTZPATH`). Everything else is as real as it gets: real timers on the real engine.
"""

import os
import struct
import zoneinfo
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path

from models.calendars import is_business_day

_COUNTRIES = ("JP", "IR", "BN", "SA")
"""One of them works on any day of the week."""
_DAY = timedelta(days=1)
_QUARTER_SECONDS = 15 * 60
_FARTHEST = timedelta(hours=23, minutes=50)
"""From UTC; a whole day away is no time zone."""
_LEFT = timedelta(hours=2)
"""Of that day, for whatever is to happen there."""
WAITING = "Place/Waiting"


class Places:
    """A folder of time zones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()

    @property
    def environment(self) -> dict[str, str]:
        return {"PYTHONTZPATH": os.pathsep.join([str(self._folder), *zoneinfo.TZPATH])}

    def with_slot(self, name: str, at: datetime) -> None:
        """A place where it is a full quarter of an hour at that instant, to the second."""
        shift = timedelta(seconds=-int(at.timestamp()) % _QUARTER_SECONDS)
        self.write(name, [(at - _DAY, (at - _DAY + shift).replace(tzinfo=None))])

    def write(self, name: str, changes: list[tuple[datetime, datetime]]) -> None:
        """A table of RFC 9636: from each instant on, clocks go on from what they show there at it."""
        instants = [int(at.timestamp()) for at, _ in changes]
        offsets = [round((shown.replace(tzinfo=UTC) - at).total_seconds()) for at, shown in changes]
        count = len(changes)
        table = b"TZif" + bytes(16) + struct.pack(">6l", 0, 0, 0, count, count, 4)
        table += struct.pack(f">{count}l", *instants) + bytes(range(count))
        table += b"".join(struct.pack(">lBB", offset, 0, 0) for offset in offsets) + b"HRE\0"
        path = self._folder / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(table)


class Clocks(Places):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        now = datetime.now(UTC)
        self.country, self.today = _country_and_day(now)
        self.write(WAITING, [(now, _earliest(self.today, now))])

    def forward(self, name: str, midnight: datetime, morning: datetime) -> None:
        """In that place today ends at the one instant, and it is nine in the morning at the other."""
        tomorrow = self.today + _DAY
        begins = datetime.combine(tomorrow, time())
        self.write(name, [(midnight - _DAY, begins - _DAY), (morning, datetime.combine(tomorrow, time(9)))])


def _country_and_day(now: datetime) -> tuple[str, date]:
    """A country, and a day that it can be there now and for half a day yet, whose next is a business day of the month.

    Raises:
        LookupError: in the last hours of a month in which such a day is nowhere.
    """
    for day in ((now - _DAY).date(), now.date()):
        shift, shown = datetime.combine(day + _DAY, time(9), UTC) - now, _earliest(day, now)
        for country in _COUNTRIES:
            fits = shift < _FARTHEST and shown.date() == day and (shown + _LEFT).date() == day
            if fits and (day + _DAY).month == day.month and is_business_day(country)(day + _DAY):
                return country, day
    message = f"at {now} the kit's first business day is in the next month, when it is too late for an undo"
    raise LookupError(message)


def _earliest(day: date, now: datetime) -> datetime:
    """The earliest time of the day that clocks can show now, somewhere; of another day where they cannot."""
    return max(datetime.combine(day, time()), (now - _FARTHEST).replace(tzinfo=None))
