"""What the Temporal Web UI shows of a running procedure, in Markdown: where it stands, what comes next, how to help."""

from collections.abc import Iterable, Iterator
from datetime import datetime

from models.messages.procedure import Attention, Identity, Upcoming
from models.rules.words_without_addresses import without_addresses
from models.vocabulary import OperatorAction


def current_details(
    identity: Identity, *, state: str, waiting_for: str, upcoming: Iterable[Upcoming], attention: Iterable[Attention]
) -> str:
    """The operator's page of one procedure. It is not encrypted: a mail server's words are shown without addresses."""
    stuck = list(attention)
    lines = [*_needs_operator(identity, stuck), ""] if stuck else []
    lines += [f"**State:** {_words(state)}", "", f"**Waits for:** {waiting_for}"]
    dates = sorted(upcoming, key=lambda step: step.at)
    if dates:
        lines += ["", "**Happens by itself:**", "", *(f"- {_instant(step.at)}: {_words(step.what)}" for step in dates)]
    return "\n".join(lines)


def _needs_operator(identity: Identity, stuck: list[Attention]) -> Iterator[str]:
    yield "## Needs an operator"
    for attention in stuck:
        yield ""
        yield f"Since {_instant(attention.since)} the step *{_words(attention.step)}* cannot go on:"
        yield ""
        reason = " ".join(without_addresses(attention.reason).split())
        yield f"    {reason}"  # on one line and indented, so that nothing in it is Markdown
    yield ""
    yield "1. Mend the cause."
    yield "2. *More Actions → Send an Update*: the update `resolve` with the input"
    yield '   `{"action": "retry", "reason": "what you did"}`.'
    if any(OperatorAction.SKIP in attention.actions for attention in stuck):
        yield "   `skip` goes on without the step."
    yield "   `end` ends the procedure."
    if len(stuck) > 1:
        names = ", ".join(f"`{attention.step}`" for attention in stuck)
        yield f'   Add `"step"` ({names}) to decide for one of them.'
    yield ""
    yield "The same over HTTP:"
    yield f"`POST /v1/tenants/{identity.tenant_id}/procedures/{identity.procedure_id}/retry` (`/skip`, `/end`)"
    yield 'with `{"reason": "what you did"}`.'


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M} UTC"


def _words(name: str) -> str:
    return name.replace("_", " ")
