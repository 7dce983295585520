"""Histories through the workflows' code of today: does it still do what has been done?"""

from collections.abc import Sequence

from temporalio.worker import Replayer

from models.encryption import Cipher
from workflows.codec import data_converter
from workflows.late_commands import LateCommands
from workflows.sandbox import runner


def make_replayer(workflows: Sequence[type], cipher: Cipher) -> Replayer:
    """Set up as a worker is. `cipher`: opens the histories' payloads."""
    return Replayer(
        workflows=workflows,
        workflow_runner=runner(strict=False),
        data_converter=data_converter(cipher),
        interceptors=[LateCommands()],
    )
