"""What the sandbox costs a new workflow: loading the service application's modules, strictly and as the product does.

.venv/bin/python -m bench.sandbox
"""

import statistics
import time

from temporalio.worker.workflow_sandbox._importer import Importer
from temporalio.worker.workflow_sandbox._restrictions import RestrictionContext

from workflows.sandbox import runner

LOAD = "from workflows.service_application import ServiceApplication"


def load(*, strict: bool) -> float:
    """Milliseconds."""
    importer = Importer(runner(strict=strict).restrictions, RestrictionContext())
    start = time.perf_counter()
    with importer.applied():
        exec(LOAD, {"__file__": __file__})  # noqa: S102 - this is how the sandbox itself loads it
    return (time.perf_counter() - start) * 1000


def main() -> None:
    for strict in (True, False):
        times = [load(strict=strict) for _ in range(20)]
        print(f"{'strict' if strict else 'product':10}{statistics.median(times):8.2f} ms")


if __name__ == "__main__":
    main()
