"""`tetsuzuki replay`: whether the procedures that are open now would go on with the code at hand.

Lists and reads, and changes nothing: no worker is asked, and no procedure notices.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from temporalio.client import Client, WorkflowHistory
from temporalio.service import RPCError, RPCStatusCode
from temporalio.workflow import NondeterminismError

from settings import Settings
from workflows.client import connect
from workflows.registry import WORKFLOWS
from workflows.replaying import make_replayer

_OPEN = 'ExecutionStatus = "Running" AND TaskQueue = "{queue}" AND WorkflowType {kind}'
_READ_AT_ONCE = 8
_LONGEST_REASON = 300  # characters


@dataclass
class Findings:
    """`failed`: by workflow id, why it would stand still. `left_out`: open ones that were not looked at, by kind."""

    replayed: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    left_out: dict[str, int] = field(default_factory=dict)


def run(settings: Settings, *, of_each: int) -> int:
    """Tell what was found. The answer is the exit code: 1 when a procedure would stand still, 2 when none was asked."""
    console = Console(highlight=False, soft_wrap=True)
    try:
        findings = asyncio.run(_find(settings, of_each))
    except (RPCError, RuntimeError) as error:
        console.print(
            f"[red]✗[/] Temporal at {settings.temporal_address} cannot be asked: {escape(_first_line(error))}"
        )
        return 2
    _tell(console, findings)
    return 1 if findings.failed else 0


async def _find(settings: Settings, of_each: int) -> Findings:
    cipher = settings.payload_cipher()
    client = await connect(settings.temporal_address, settings.temporal_namespace, cipher)
    return await find(client, settings, of_each=of_each)


async def find(client: Client, settings: Settings, *, of_each: int, workflows: Sequence[type] = WORKFLOWS) -> Findings:
    """Replay the newest open procedures of each kind; those of a kind that the code no longer has are found too."""
    findings = Findings()
    replayer = make_replayer(workflows, settings.payload_cipher())
    histories = _histories(client, settings.temporal_task_queue, of_each, findings)
    async with replayer.workflow_replay_iterator(histories) as results:
        async for result in results:
            findings.replayed += 1
            if result.replay_failure is not None:
                findings.failed[result.history.workflow_id] = _reason(result.replay_failure)
    return findings


async def _histories(client: Client, queue: str, of_each: int, findings: Findings) -> AsyncIterator[WorkflowHistory]:
    known = [kind.__name__ for kind in WORKFLOWS]
    kinds = {name: f'= "{name}"' for name in known}
    kinds["other"] = f"NOT IN ({', '.join(f'{name!r}' for name in known)})"
    for name, kind in kinds.items():
        query = _OPEN.format(queue=queue, kind=kind)
        left_out = (await client.count_workflows(query)).count - of_each
        if left_out > 0:
            findings.left_out[name] = left_out
        ids = [(found.id, found.run_id) async for found in client.list_workflows(query, limit=of_each)]
        for first in range(0, len(ids), _READ_AT_ONCE):
            chunk = ids[first : first + _READ_AT_ONCE]
            for history in await asyncio.gather(*(_history(client, *one) for one in chunk)):
                if history is not None:
                    yield history


async def _history(client: Client, workflow_id: str, run_id: str) -> WorkflowHistory | None:
    """None when it has ended and been forgotten meanwhile."""
    try:
        return await client.get_workflow_handle(workflow_id, run_id=run_id).fetch_history()
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


def _tell(console: Console, findings: Findings) -> None:
    for workflow_id, reason in sorted(findings.failed.items()):
        console.print(f"[red]✗[/] {escape(workflow_id)}  {escape(reason)}")
    for kind, count in findings.left_out.items():
        console.print(f"[yellow]![/] {count} more open of the kind {kind} were not looked at: --of-each takes more")
    if not findings.failed:
        console.print(f"All {findings.replayed} open procedures that were looked at would go on with this code.")
        return
    console.print(f"{len(findings.failed)} of {findings.replayed} open procedures would stand still with this code.")
    console.print("→ Do not make it current: docs/operations/deploying.md says how a procedure's code is changed.")


def _reason(failure: Exception) -> str:
    """Temporal's own words name steps; any other exception's may hold what people have entered."""
    if isinstance(failure, NondeterminismError):
        return f"goes another way than it has gone: {_first_line(failure)}"[:_LONGEST_REASON]
    return f"fails in this code: {_first_line(failure)}"[:_LONGEST_REASON]


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__
