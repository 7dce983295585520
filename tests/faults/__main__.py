"""The long lanes: `make faults`. Ends with 1 when anything was lost, doubled, or cut short.

.venv/bin/python -m tests.faults [--lane <name>]… Without one, those of the main job.
"""

import argparse
import asyncio
import logging
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.faults import approval_lanes, boundary_lane, deploy_lanes, lanes, restart_lanes, surrounding_lanes
from tests.faults.full_disk import NoDiskError
from tests.faults.report import Findings, told

WITHIN = 600  # seconds for all lanes together, on two cores that nobody else uses
_LANES: dict[str, Callable[[Path], Awaitable[Findings]]] = {
    "deadlines": lanes.missed_deadlines,
    "outage": lanes.mail_outage,
    "kills": lanes.kills,
    "contracts": lanes.contract_kills,
    "approvals": approval_lanes.approval_kills,
    "restarts": restart_lanes.restart_kills,
    "slept": restart_lanes.slots_slept_through,
    "slots": restart_lanes.slot_races,
    "deploy": deploy_lanes.deployments,
    "network": surrounding_lanes.network,
    "mail-server": surrounding_lanes.mail_server,
    "mail-tls": surrounding_lanes.mail_tls,
    "three-days": surrounding_lanes.three_days_without_mail,
    "frozen": surrounding_lanes.frozen_workers,
    "repeated": surrounding_lanes.repeated_calls,
    "poison": surrounding_lanes.poison,
    "full-disk": surrounding_lanes.full_disk,
    "boundaries": boundary_lane.boundary_kills,
}
_MAIN_JOB = ("deadlines", "outage", "kills")


async def run(names: list[str], within: float) -> int:
    began = time.monotonic()
    found: list[Findings] = []
    limit = asyncio.timeout(within)
    try:
        async with limit:
            for name in names:
                with tempfile.TemporaryDirectory(prefix="tetsuzuki-faults-") as folder:
                    found.append(await _findings(name, Path(folder)))
                tell(found[-1])
    except TimeoutError:
        if not limit.expired():  # something in the lane was waited for in vain: where, its traceback tells
            raise
        print(f"Cut short after {within:.0f} s: that is a failure.")
    whole = len(found) == len(names)
    passed = whole and all(findings.passed for findings in found)
    print(f"\n{'passed' if passed else 'FAILED'} in {time.monotonic() - began:.0f} s")
    return 0 if passed else 1


async def _findings(name: str, folder: Path) -> Findings:
    """What this machine does not let us play is no failure, and is said."""
    try:
        return await _LANES[name](folder)
    except NoDiskError as none:
        return Findings(name, facts=[f"not played: {none}"])


def tell(findings: Findings) -> None:
    print(f"\n## {findings.lane}: {'passed' if findings.passed else 'FAILED'} in {findings.seconds:.0f} s\n")
    if findings.injections:
        print(told(findings) + "\n")
    if findings.rows:
        print("\n".join(findings.rows) + "\n")
    for line in [*findings.facts, *(f"WRONG {wrong}" for wrong in findings.wrong)]:
        print(f"- {line}")
    sys.stdout.flush()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lane", action="append", choices=_LANES, help="only this one; may be given again")
    parser.add_argument(
        "--within", type=float, default=WITHIN, help="seconds until it is cut short, which is a failure"
    )
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd's; conversations that break are meant to
    options = parser.parse_args()
    sys.exit(asyncio.run(run(options.lane or list(_MAIN_JOB), options.within)))


if __name__ == "__main__":
    main()
