"""What a procedure refused, as the refusal itself."""

from collections.abc import Iterator
from contextlib import contextmanager

from temporalio.client import WorkflowUpdateFailedError

from api.problems import refusal_of
from models.refusals import Refusal


@contextmanager
def refused_as(*kinds: type[Refusal]) -> Iterator[None]:
    """Raises: one of `kinds`, when the command in the block is refused so; anything else passes as it is."""
    try:
        yield
    except WorkflowUpdateFailedError as error:
        refusal = refusal_of(error)
        if isinstance(refusal, kinds):
            raise refusal from None
        raise
