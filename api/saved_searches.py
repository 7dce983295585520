"""The searches that an operator begins the day with, in the query language of Temporal's Web UI."""

from datetime import datetime, timedelta
from urllib.parse import urlencode

from settings import Settings
from workflows.search_attributes import CODE_FAILS


def saved_searches(now: datetime) -> dict[str, str]:
    """Name → query."""
    tomorrow = (now + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "needs_operator": 'ExecutionStatus = "Running" AND Attention = "yes"',
        "due_within_a_day": f'ExecutionStatus = "Running" AND DueAt < "{tomorrow}"',
        "failing_code": CODE_FAILS,
        "of_a_tenant": 'Tenant = "T0000000"',
    }


def web_ui_link(settings: Settings, query: str) -> str:
    """Where the Web UI lists what the query finds."""
    workflows = f"{(settings.temporal_ui_url or '').rstrip('/')}/namespaces/{settings.temporal_namespace}/workflows"
    return f"{workflows}?{urlencode({'query': query})}"
