"""The long lane: `make model-comparison`. 1,000 contracts through 26 months, compared with a paper calendar.

.venv/bin/python -m tests.contracts_model [--contracts 1000] [--months 26] [--seed 1]
.venv/bin/python -m tests.contracts_model --undo-races 200
"""

import argparse
import asyncio
import logging
import sys
import tempfile
from pathlib import Path

from tests.contracts_model.comparison import Result, compare
from tests.contracts_model.undo_races import UndoRaces, race

_SHOWN = 20


def tell(result: Result, seed: int) -> None:
    print(f"{result.contracts} contracts, seed {seed}, {result.seconds:.0f} s")
    print(f"{result.renewals} renewals, {result.mails} mails, {result.kits} return kits")
    for command, count in sorted(result.commands.items()):
        print(f"{count:6} {command}")
    for difference in result.differences[:_SHOWN]:
        print(f"- DIFFERS {difference}")
    print(f"{len(result.differences)} differences")


def tell_races(races: UndoRaces) -> int:
    """Returns the exit code."""
    print(f"{races.won.total()} races, won by {dict(races.won)}")
    for wrong in races.wrong:
        print(f"- WRONG {wrong}")
    print(f"{len(races.wrong)} half states")
    return 1 if races.wrong or len(races.won) == 1 else 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contracts", type=int, default=1000)
    parser.add_argument("--months", type=int, default=26)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--undo-races", type=int, metavar="N", help="only these: an undo as its window closes")
    options = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory(prefix="tetsuzuki-model-") as folder:
        if options.undo_races:
            sys.exit(tell_races(asyncio.run(race(Path(folder), options.undo_races))))
        run = compare(Path(folder), contracts=options.contracts, months=options.months, seed=options.seed)
        result = asyncio.run(run)
    tell(result, options.seed)
    sys.exit(1 if result.differences else 0)


if __name__ == "__main__":
    main()
