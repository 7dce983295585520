"""Makes each mistake and has it found: `make planted-bugs`. Ends with 1 when one is not.

.venv/bin/python -m tests.faults.planted [name]…
"""

import sys
import tempfile
from pathlib import Path

from tests.faults.planted.bugs import BUGS
from tests.faults.planted.planting import check, copy_to


def main(names: list[str]) -> int:
    if unknown := set(names) - {bug.name for bug in BUGS}:
        raise SystemExit(f"no such bug: {', '.join(sorted(unknown))}")
    wrong = []
    print("| bug | planted in | what | found by | seconds |\n| --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory(prefix="tetsuzuki-planted-") as place:
        folder = Path(place)
        copy_to(folder)
        for bug in BUGS:
            if names and bug.name not in names:
                continue
            verdict = check(bug, folder)
            where = ", ".join(sorted({change.path for change in bug.changes}))
            finder = bug.found_by.rpartition("::")[2].removeprefix("tests/") + (" (forgetful)" if bug.plugin else "")
            found = "**NOT FOUND**" if verdict.trouble else f"`{finder}`"
            print(f"| {bug.name} | `{where}` | {bug.what} | {found} | {verdict.seconds:.0f} |", flush=True)
            if verdict.trouble:
                wrong.append(f"{bug.name}: {verdict.trouble}")
    print("\n".join(["", *wrong, "FAILED" if wrong else "all found"]))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
