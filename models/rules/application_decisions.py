"""Which decisions a service application is open to (APP-11, APP-14)."""

from models.vocabulary import ApplicationState, Decision

OUTCOMES = {
    Decision.APPROVE: ApplicationState.APPROVED,
    Decision.DENY: ApplicationState.DENIED,
    Decision.HOLD: ApplicationState.ON_HOLD,
}
_OPEN = {
    ApplicationState.UNAPPROVED: frozenset(Decision),
    ApplicationState.ON_HOLD: frozenset({Decision.APPROVE, Decision.DENY}),
}


def decision_is_open(state: ApplicationState, decision: Decision | None = None) -> bool:
    """Whether staff may still make this decision, or any when none is named."""
    decisions = _OPEN.get(state, frozenset())
    return bool(decisions) if decision is None else decision in decisions
