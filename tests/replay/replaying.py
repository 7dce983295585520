"""Committed histories through today's code, or through code that somebody has changed."""

from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from temporalio.client import WorkflowHistory
from temporalio.worker import Replayer

from settings import Settings
from tests.replay import corpus
from workflows.codec import data_converter
from workflows.late_commands import LateCommands
from workflows.sandbox import runner


async def failures(settings: Settings, workflows: Sequence[type], places: Sequence[Path]) -> dict[Path, Exception]:
    """Of each history that those workflows would not go on with, why."""
    replayer = Replayer(
        workflows=workflows,
        workflow_runner=runner(strict=False),
        data_converter=data_converter(settings.payload_cipher()),
        interceptors=[LateCommands()],
    )
    failed = {}
    by_run = {(history := corpus.read(place)).run_id: (place, history) for place in places}
    results = await replayer.replay_workflows(
        _each([history for _, history in by_run.values()]), raise_on_replay_failure=False
    )
    for run_id, failure in results.replay_failures.items():
        failed[by_run[run_id][0]] = failure
    return failed


async def _each(histories: Sequence[WorkflowHistory]) -> AsyncIterator[WorkflowHistory]:
    for history in histories:
        yield history
