"""How workflows are run: in Temporal's sandbox where every path of them is tried, beside it where they do their work.

The sandbox finds calls that would not replay (clocks, randomness, I/O) by loading a workflow's modules anew for every
workflow, which costs 12 ms of CPU each (measured: `bench/sandbox.py`). Tests run every workflow in it; the product runs
what has passed them without loading anything anew. `tests/architecture` forbids such calls in the text as well.
"""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

# Workflows only take messages, rules, names and refusals from below, and rules need an unproxied `zoneinfo`.
_BELOW = ("activities", "mail_templates", "models", "sqlalchemy", "aiosmtplib", "cryptography")


def runner(*, strict: bool) -> SandboxedWorkflowRunner:
    """`strict`: load the workflows' own modules in the sandbox too."""
    passed_through = _BELOW if strict else (*_BELOW, "workflows")
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*passed_through))
