"""The search attributes of all procedures: the one list that workflows set from and namespaces are prepared with.

They are never encrypted and stay in the operators' lists, so they hold ids and states, no names and no addresses.
A namespace takes at most ten keywords and three of each other type.
"""

from datetime import datetime
from typing import Any

from temporalio.api.enums.v1 import IndexedValueType
from temporalio.common import (
    SearchAttributeIndexedValueType,
    SearchAttributeKey,
    SearchAttributePair,
    SearchAttributeUpdate,
    TypedSearchAttributes,
)

from models.messages.procedure import Identity

PROCEDURE = SearchAttributeKey.for_keyword("Procedure")
TENANT = SearchAttributeKey.for_keyword("Tenant")
CUSTOMER = SearchAttributeKey.for_keyword("Customer")
SUBJECT = SearchAttributeKey.for_keyword("Subject")
STATE = SearchAttributeKey.for_keyword("State")
ATTENTION = SearchAttributeKey.for_keyword("Attention")
"""Whether it waits for an operator: "yes" or "no"."""
DUE_AT = SearchAttributeKey.for_datetime("DueAt")

CODE_FAILS = 'TemporalReportedProblems IN ("category=WorkflowTaskFailed", "category=WorkflowTaskTimedOut")'
"""The search for procedures whose workflow's code fails; the server itself keeps that attribute."""

TYPE_NAMES = {
    SearchAttributeIndexedValueType.KEYWORD: "Keyword",
    SearchAttributeIndexedValueType.DATETIME: "Datetime",
}

REGISTERED: dict[str, str] = {
    key.name: TYPE_NAMES[key.indexed_value_type]
    for key in (PROCEDURE, TENANT, CUSTOMER, SUBJECT, STATE, ATTENTION, DUE_AT)
}
"""Name → type, in the words of Temporal's command line."""


def registered_types() -> dict[str, "IndexedValueType.ValueType"]:
    """Name → type, in the words of Temporal's operator service."""
    return {name: IndexedValueType.Value(f"INDEXED_VALUE_TYPE_{kind.upper()}") for name, kind in REGISTERED.items()}


def of(identity: Identity) -> TypedSearchAttributes:
    """What a workflow starts with."""
    pairs = [
        SearchAttributePair(SearchAttributeKey.for_keyword(name), value) for name, value in named(identity).items()
    ]
    return TypedSearchAttributes(pairs)


def named(identity: Identity) -> dict[str, str]:
    """The same by name, all of them keywords."""
    ids = {PROCEDURE: identity.kind, TENANT: identity.tenant_id, SUBJECT: identity.subject}
    if identity.customer_id:
        ids[CUSTOMER] = identity.customer_id
    return {key.name: value for key, value in ids.items()}


def standing(*, state: str, attention: bool, due_at: datetime | None) -> list[SearchAttributeUpdate[Any]]:
    """What changes with every step. `due_at`: when something happens by itself next."""
    return [
        STATE.value_set(state),
        ATTENTION.value_set("yes" if attention else "no"),
        DUE_AT.value_set(due_at) if due_at else DUE_AT.value_unset(),
    ]
