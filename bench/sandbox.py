"""What the sandbox would cost a new workflow: loading the service application's modules as tests do.

.venv/bin/python -m bench.sandbox
"""

import statistics
import time

from temporalio.worker.workflow_sandbox._importer import Importer
from temporalio.worker.workflow_sandbox._restrictions import RestrictionContext

from workflows.sandbox import strict_restrictions

LOAD = "from workflows.service_application import ServiceApplication"


def load() -> float:
    """Milliseconds."""
    importer = Importer(strict_restrictions(), RestrictionContext())
    start = time.perf_counter()
    with importer.applied():
        exec(LOAD, {"__file__": __file__})  # noqa: S102 - this is how the sandbox itself loads it
    return (time.perf_counter() - start) * 1000


def main() -> None:
    print(f"{statistics.median(load() for _ in range(20)):.2f} ms")


if __name__ == "__main__":
    main()
