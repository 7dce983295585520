"""How workflows are run: in Temporal's sandbox where every path of them is tried, without it where they do their work.

The sandbox finds calls that would not replay (clocks, randomness, I/O) by loading a workflow's modules anew for every
workflow, which costs 12 ms of CPU each (measured: `bench/sandbox.py`), and by standing around every step afterwards.
Tests run every workflow in it; the product runs what has passed them. `tests/architecture` forbids such calls in the
text as well.
"""

from typing import Any, ClassVar

from temporalio.worker import UnsandboxedWorkflowRunner, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

# Workflows only take messages, rules, names and refusals from below, and rules need an unproxied `zoneinfo`.
_BELOW = ("activities", "mail_templates", "models", "sqlalchemy", "aiosmtplib", "cryptography")


def strict_restrictions() -> SandboxRestrictions:
    return SandboxRestrictions.default.with_passthrough_modules(*_BELOW)


class _TriedOnce(SandboxedWorkflowRunner):
    """Tries each workflow beforehand only for the first worker of a process; tests make hundreds of workers."""

    _tried: ClassVar[set[type]] = set()

    def prepare_workflow(self, defn: Any) -> None:  # noqa: ANN401 - Temporal's type of a definition is private
        if defn.cls not in self._tried:
            super().prepare_workflow(defn)
            self._tried.add(defn.cls)


def runner(*, strict: bool) -> WorkflowRunner:
    """`strict`: in the sandbox, the workflows' own modules loaded there too."""
    if not strict:
        return UnsandboxedWorkflowRunner()
    return _TriedOnce(restrictions=strict_restrictions())
