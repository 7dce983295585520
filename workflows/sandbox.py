"""How workflows are run: in Temporal's sandbox, with our own layers below them passed through."""

from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

# Workflows only take messages, rules, names and refusals from them; loading them anew for every workflow would cost
# the time of importing SQLAlchemy, and rules need an unproxied `zoneinfo`.
PASSED_THROUGH = ("activities", "mail_templates", "models", "sqlalchemy", "aiosmtplib", "cryptography")


def runner() -> SandboxedWorkflowRunner:
    return SandboxedWorkflowRunner(restrictions=SandboxRestrictions.default.with_passthrough_modules(*PASSED_THROUGH))
