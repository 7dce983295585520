"""Reading the ledgers of a running product once it is quiet."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, LiteralString

import psycopg
from psycopg.rows import dict_row
from temporalio.api.enums.v1 import EventType, WorkflowTaskFailedCause
from temporalio.client import WorkflowExecution, WorkflowExecutionStatus, WorkflowHistory

from tests.faults.evidence import Application, Customer, Evidence, Expected, User
from tests.faults.ledgers import Entry, Ledgers, Letter, Procedure, Run, Taken
from tests.faults.site import TENANT, Site
from tests.world import eventually

Connection = psycopg.AsyncConnection[dict[str, Any]]

# Something came in while the workflow was about to end; it looks at that first.
_HARMLESS = {WorkflowTaskFailedCause.WORKFLOW_TASK_FAILED_CAUSE_UNHANDLED_COMMAND}
QUIET_WITHIN = 90  # seconds from the last fault
_UNSETTLED: LiteralString = """
SELECT (SELECT count(*) FROM mails WHERE state IN ('queued', 'sending', 'deferred', 'unknown'))
     + (SELECT count(*) FROM procedures WHERE ended_at IS NULL AND state <> ALL (%s)) AS unsettled
"""


async def gather(site: Site, expected: list[Expected]) -> Evidence:
    """Everything that the product knows of main jobs, at one instant of the database."""
    evidence = Evidence(expected)
    async with reading(site, TENANT) as connection:
        await _read_main(connection, evidence)
        await read(connection, evidence)
    await listen(site, evidence)
    return evidence


async def listen(site: Site, evidence: Ledgers) -> None:
    """What everybody but the database has to say."""
    evidence.operations = site.client.operations
    evidence.engine_lists = site.engine_lists
    if site.engine_lists:
        evidence.runs = [await _run(site, execution) async for execution in site.engine.list_workflows()]
    evidence.taken = [
        Taken(acceptance.mail.message_id, acceptance.mail.recipient, acceptance.is_ambiguous)
        for acceptance in site.sink.accepted
    ]
    evidence.untouched = (site.untouched_before, await site.checksum())


async def become_quiet(
    site: Site, kind: type[Ledgers], tenants: Sequence[str], *, within: float = QUIET_WITHIN
) -> bool:
    """Wait until no mail is on its way and nothing waits but what may; False when that takes too long."""

    async def all_are() -> bool:
        return all([await _is_quiet(site, kind, tenant_id) for tenant_id in tenants])

    try:
        await eventually(all_are, patience=within)
    except TimeoutError:
        return False
    return True


async def _is_quiet(site: Site, kind: type[Ledgers], tenant_id: str) -> bool:
    async with reading(site, tenant_id) as connection:
        row = await (await connection.execute(_UNSETTLED, ([*kind.may_rest_as],))).fetchone()
        ended = await rows(connection, "SELECT procedure_id FROM procedures WHERE ended_at IS NOT NULL")
    assert row is not None
    if row["unsettled"] or not site.engine_lists:
        return not row["unsettled"]
    # A workflow ends just after its last rows say so: it has its last mails to hand over.
    handles = [site.engine.get_workflow_handle(one["procedure_id"]) for one in ended]
    descriptions = await asyncio.gather(*(handle.describe() for handle in handles))
    return all(described.status is not WorkflowExecutionStatus.RUNNING for described in descriptions)


@asynccontextmanager
async def reading(site: Site, tenant_id: str) -> AsyncIterator[Connection]:
    """One instant of the tenant's rows."""
    async with await psycopg.AsyncConnection.connect(site.database_url, row_factory=dict_row) as connection:
        await connection.set_isolation_level(psycopg.IsolationLevel.REPEATABLE_READ)
        await connection.execute("SELECT set_config('app.tenant', %s, true)", (tenant_id,))
        yield connection


async def _read_main(connection: Connection, evidence: Evidence) -> None:
    evidence.applications = [
        Application(**row)
        for row in await rows(
            connection,
            "SELECT application_number AS number, state, company->>'mail_address' AS applicant"
            " FROM service_applications",
        )
    ]
    evidence.customers = [
        Customer(**row) for row in await rows(connection, "SELECT customer_id, application_number FROM customers")
    ]
    evidence.users = [
        User(**row)
        for row in await rows(
            connection,
            "SELECT user_id, customer_id, mail_address, signup_state AS state, signup_expires_at AS expires_at"
            " FROM portal_users",
        )
    ]


async def read(connection: Connection, evidence: Ledgers) -> None:
    """Adds what the connection's tenant has of what every run has."""
    evidence.procedures += [
        Procedure(**row)
        for row in await rows(
            connection,
            "SELECT procedure_id, subject, state, ended_at IS NOT NULL AS has_ended,"
            " attention IS NOT NULL AS needs_operator FROM procedures",
        )
    ]
    evidence.entries += [
        Entry(**row)
        for row in await rows(
            connection,
            "SELECT procedure_id, what, step, subject, at FROM audit_entries"
            " WHERE procedure_id IS NOT NULL ORDER BY entry_id",
        )
    ]
    evidence.letters += [
        Letter(**row)
        for row in await rows(
            connection,
            "SELECT message_id, procedure_id, template, recipient, state, sequence FROM mails ORDER BY sequence",
        )
    ]


async def rows(connection: Connection, query: LiteralString) -> list[dict[str, Any]]:
    return await (await connection.execute(query)).fetchall()


async def _run(site: Site, execution: WorkflowExecution) -> Run:
    handle = site.engine.get_workflow_handle(execution.id, run_id=execution.run_id)
    history = await handle.fetch_history()
    status = (await handle.describe()).status
    return Run(
        workflow_id=execution.id,
        run_id=execution.run_id,
        status=(status or WorkflowExecutionStatus.RUNNING).name,
        result=str(await handle.result()) if status is WorkflowExecutionStatus.COMPLETED else None,
        accepted_updates=tuple(accepted_updates(history)),
        failed_tasks=tuple(failed_tasks(history)),
    )


def accepted_updates(history: WorkflowHistory) -> list[str]:
    return [
        event.workflow_execution_update_accepted_event_attributes.protocol_instance_id
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_EXECUTION_UPDATE_ACCEPTED
    ]


def failed_tasks(history: WorkflowHistory) -> list[str]:
    return [
        event.workflow_task_failed_event_attributes.failure.message
        for event in history.events
        if event.event_type == EventType.EVENT_TYPE_WORKFLOW_TASK_FAILED
        and event.workflow_task_failed_event_attributes.cause not in _HARMLESS
    ]
