"""What Schemathesis looks at in every answer, besides its own checks. Loaded by `st` as its hooks."""

import os
from typing import Any

import schemathesis
from schemathesis import Case, CheckContext, Response

CANARIES = tuple(filter(None, os.environ.get("TETSUZUKI_FUZZ_CANARIES", "").splitlines()))
"""What no answer may tell: the words of the tenant next door, keys, passwords, and everybody's tokens."""


@schemathesis.check
def tells_no_secret(_context: CheckContext, response: Response, _case: Case[Any]) -> None:
    told = [number for number, canary in enumerate(CANARIES) if canary in response.text]
    assert not told, f"tells the canaries of numbers {told}"
