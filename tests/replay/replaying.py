"""Committed histories through today's code, or through code that somebody has changed."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from temporalio.client import WorkflowHistory

from settings import Settings
from tests.replay import corpus
from workflows.replaying import make_replayer


async def failures(settings: Settings, workflows: Sequence[type], places: Sequence[Path]) -> dict[Path, Exception]:
    """Of each history that those workflows would not go on with, why."""
    failed = {}
    by_run = {(history := corpus.read(place)).run_id: (place, history) for place in places}
    results = await make_replayer(workflows, settings.payload_cipher()).replay_workflows(
        _each([history for _, history in by_run.values()]), raise_on_replay_failure=False
    )
    for run_id, failure in results.replay_failures.items():
        failed[by_run[run_id][0]] = failure
    return failed


async def _each(histories: Sequence[WorkflowHistory]) -> AsyncIterator[WorkflowHistory]:
    for history in histories:
        yield history
