"""Messages that nobody can read or hold, rows that cannot be, and code that raises: harmless to all others.

Each is refused at once, or shown within ninety seconds: among what needs an operator, or in Temporal's own list.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, LiteralString

import httpx2
import psycopg
from psycopg.sql import SQL, Literal
from temporalio.api.common.v1 import WorkflowExecution
from temporalio.api.enums.v1 import EventType, ResetReapplyExcludeType
from temporalio.api.workflowservice.v1 import ResetWorkflowExecutionRequest
from temporalio.client import Client as Engine
from temporalio.client import WorkflowHandle, WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError
from temporalio.service import RPCError

from models.encryption import Cipher
from models.identifiers import encryption_key
from tests.faults.kills import Injection
from tests.faults.ledgers import Run
from tests.faults.main_job import MainJob
from tests.faults.site import TENANT, Site
from tests.world import eventually
from workflows.client import connect

SHOWN_WITHIN = 90  # seconds
_OTHERS_WITHIN = 30  # seconds for the whole main job of somebody else
_ASKED_FOR = 5  # seconds
_TASK_COMPLETED = EventType.EVENT_TYPE_WORKFLOW_TASK_COMPLETED
_TOO_LARGE = "x" * 3_000_000
UNREADABLE = "poisoned-start"
"""The id of a workflow that no worker can begin."""


@dataclass
class Victim:
    job: MainJob
    injection: Injection
    procedure_id: str
    handle: WorkflowHandle[Any, Any]

    def expect(self, condition: bool, otherwise: str) -> None:  # noqa: FBT001 - reads as a sentence
        if not condition:
            self.injection.trouble.append(otherwise)


@dataclass
class Poisons:
    site: Site
    injections: list[Injection] = field(default_factory=list)
    jobs: list[MainJob] = field(default_factory=list)
    poisoned: set[str] = field(default_factory=set)
    """Procedures whose tasks had to fail for a while."""

    def all(self) -> dict[str, Callable[[Victim], Awaitable[None]]]:
        return {
            "update of 3 MB, past the API": self._large_update,
            "body of 3 MB": self._large_body,
            "signal of no known name": self._unknown_signal,
            "signal under another key": self._unreadable_signal,
            "update of no known name": self._unknown_update,
            "update under another key": self._unreadable_update,
            "start under another key": self._unreadable_start,
            "exception in an activity": self._broken_activity,
            "activity's result of 3 MB": self._large_result,
            "row in a state that cannot be": self._impossible_state,
        }

    async def meet(self, name: str) -> None:
        """A procedure is poisoned, another one is lived through beside it, and then the first one goes on as well."""
        number = len(self.injections)
        job, other = (MainJob(self.site, f"poison{number:02}-{which}") for which in ("it", "other"))
        self.jobs += [job, other]
        injection = Injection(name, number, "its own procedure, and another one", [job.name, other.name])
        self.injections.append(injection)
        await job.until("apply")
        procedure_id = f"service-application-{TENANT}-{job.number}"
        victim = Victim(job, injection, procedure_id, self.site.engine.get_workflow_handle(procedure_id))
        self.poisoned.add(procedure_id)
        began = time.monotonic()
        await asyncio.gather(self.all()[name](victim), self._lives(other, injection))
        await job.finish()
        injection.back_after = time.monotonic() - began

    async def _lives(self, other: MainJob, injection: Injection) -> None:
        began = time.monotonic()
        await other.finish()
        if time.monotonic() - began > _OTHERS_WITHIN:
            injection.trouble.append(f"others took {time.monotonic() - began:.0f} s")

    def without_poison(self, runs: Sequence[Run]) -> list[Run]:
        """What came of what operators left in place: no task of it fails any more, and no run is one too many."""
        left = [run for run in runs if run.status != "TERMINATED" and run.workflow_id != UNREADABLE]
        return [replace(run, failed_tasks=()) if run.workflow_id in self.poisoned else run for run in left]

    # Refused.

    async def _large_update(self, victim: Victim) -> None:
        command = {"command_id": "large", "actor": "staff:1", "decision": "hold", "memo1": _TOO_LARGE}
        victim.expect(not await _is_taken(victim.handle, "decide", command), "it was taken")

    async def _large_body(self, victim: Victim) -> None:
        async with httpx2.AsyncClient(base_url=self.site.api_url, headers=self.site.staff, timeout=15) as staff:
            url = f"/v1/tenants/{TENANT}/applications/{victim.job.number}/hold"
            answer = await staff.post(url, json={"memo1": _TOO_LARGE})
        victim.expect(answer.status_code == httpx2.codes.REQUEST_ENTITY_TOO_LARGE, f"answered {answer.status_code}")

    async def _unknown_signal(self, victim: Victim) -> None:
        await victim.handle.signal("no_such_signal", {"nobody": "knows"})

    async def _unknown_update(self, victim: Victim) -> None:
        victim.expect(not await _is_taken(victim.handle, "no_such_update", {}), "it was taken")

    async def _unreadable_update(self, victim: Victim) -> None:
        stranger = await self._stranger()
        handle = stranger.get_workflow_handle(victim.procedure_id)
        command = {"command_id": "strange", "actor": "staff:1", "decision": "hold"}
        victim.expect(not await _is_taken(handle, "decide", command), "it was taken")

    # Shown.

    async def _unreadable_signal(self, victim: Victim) -> None:
        """It stays in the history: an operator finds it among what fails, and resets it to before the signal."""
        history = await victim.handle.fetch_history()
        last = max(event.event_id for event in history.events if event.event_type == _TASK_COMPLETED)
        stranger = await self._stranger()
        await stranger.get_workflow_handle(victim.procedure_id).signal("look_again", {"nobody": "reads"})
        await self._is_listed(victim, f'TemporalReportedProblems IS NOT NULL AND WorkflowId = "{victim.procedure_id}"')
        reset = ResetWorkflowExecutionRequest(
            namespace=self.site.engine.namespace,
            workflow_execution=WorkflowExecution(workflow_id=victim.procedure_id),
            reason="nobody can read the signal",
            workflow_task_finish_event_id=last,
            request_id=victim.procedure_id,
            reset_reapply_exclude_types=[ResetReapplyExcludeType.RESET_REAPPLY_EXCLUDE_TYPE_SIGNAL],
        )
        await self.site.engine.workflow_service.reset_workflow_execution(reset)

    async def _unreadable_start(self, victim: Victim) -> None:
        """An operator finds it among what fails, and terminates it."""
        stranger = await self._stranger()
        await stranger.start_workflow("ServiceApplication", {"nobody": "reads"}, id=UNREADABLE, task_queue="tetsuzuki")
        await self._is_listed(victim, f'TemporalReportedProblems IS NOT NULL AND WorkflowId = "{UNREADABLE}"')
        await self.site.engine.get_workflow_handle(UNREADABLE).terminate("nobody can read it")

    async def _broken_activity(self, victim: Victim) -> None:
        """The trigger stands for a mistake in the code of one step, until the code is mended."""
        await self._as_superuser(_RAISE, number=victim.job.number)
        await self._is_shown_while_confirming(victim)
        await self._as_superuser(_RAISE_NO_MORE)
        await self._retry(victim)

    async def _large_result(self, victim: Victim) -> None:
        """The step has been done before, as its repetition reads, and its answer is more than Temporal takes."""
        await self._as_superuser(
            _LARGE_ANSWER, tenant=TENANT, number=victim.job.number, procedure=victim.procedure_id, text=_TOO_LARGE
        )
        await self._is_shown_while_confirming(victim)
        await self._as_superuser(_NO_LARGE_ANSWER, procedure=victim.procedure_id)
        await self._retry(victim)

    async def _impossible_state(self, victim: Victim) -> None:
        """The database does not take it, from whomever."""
        try:
            await self._as_superuser(_NO_STATE, number=victim.job.number)
        except psycopg.errors.CheckViolation:
            return
        victim.expect(condition=False, otherwise="it was taken")

    # How.

    async def _is_shown_while_confirming(self, victim: Victim) -> None:
        await victim.job.ready_for("confirm")
        victim.job.begin("confirm")
        attention = 'Attention = "yes" AND '
        await self._is_listed(victim, f'{attention}WorkflowId = "{victim.procedure_id}"')
        waiting = (await self._operator("GET", "/v1/attention?limit=100")).json()["items"]
        victim.expect(victim.procedure_id in [one["id"] for one in waiting], "the API does not list it")

    async def _is_listed(self, victim: Victim, query: str) -> None:
        async def is_there() -> bool:
            return (await self.site.engine.count_workflows(query)).count == 1

        try:
            await eventually(is_there, patience=SHOWN_WITHIN)
        except TimeoutError:
            victim.injection.trouble.append("nobody is told")

    async def _retry(self, victim: Victim) -> None:
        url = f"/v1/tenants/{TENANT}/procedures/{victim.procedure_id}/retry"
        (await self._operator("POST", url, json={"reason": "mended"})).raise_for_status()

    async def _operator(self, method: str, url: str, **body: Any) -> httpx2.Response:
        async with httpx2.AsyncClient(base_url=self.site.api_url, headers=self.site.operator, timeout=15) as operator:
            return await operator.request(method, url, **body)

    async def _stranger(self) -> Engine:
        """A client whose key no worker has."""
        service = self.site.engine.service_client.config
        cipher = Cipher.from_base64({"strange": encryption_key()}, current="strange")
        return await connect(service.target_host, self.site.engine.namespace, cipher)

    async def _as_superuser(self, statement: LiteralString, **values: object) -> None:
        async with await psycopg.AsyncConnection.connect(self.site.superuser_url) as connection:
            composed = SQL(statement).format(**{name: Literal(value) for name, value in values.items()})
            await connection.execute(composed)


_RAISE: LiteralString = """
CREATE OR REPLACE FUNCTION raise_for_one() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NEW.application_number = {number} THEN RAISE EXCEPTION 'a mistake'; END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER poison BEFORE UPDATE ON service_applications FOR EACH ROW EXECUTE FUNCTION raise_for_one();
"""
_RAISE_NO_MORE: LiteralString = "DROP TRIGGER poison ON service_applications"
_LARGE_ANSWER: LiteralString = """
INSERT INTO audit_entries (tenant_id, at, actor, what, subject, procedure_id, step, answer)
VALUES ({tenant}, now(), 'applicant', 'planted', {number}, {procedure}, 'confirm',
        jsonb_build_object('state', 'unapproved', 'by', {text}::text))
"""
_NO_LARGE_ANSWER: LiteralString = """
SET session_replication_role = replica; -- past the trigger that keeps the log append-only
DELETE FROM audit_entries WHERE procedure_id = {procedure} AND what = 'planted'
"""
_NO_STATE: LiteralString = "UPDATE service_applications SET state = 'nowhere' WHERE application_number = {number}"


async def _is_taken(handle: WorkflowHandle[Any, Any], update: str, argument: object) -> bool:
    """Whoever sends it loses patience where nobody can even refuse it."""
    try:
        async with asyncio.timeout(_ASKED_FOR):
            await handle.execute_update(update, argument)
    except (WorkflowUpdateFailedError, WorkflowUpdateRPCTimeoutOrCancelledError, RPCError, TimeoutError):
        return False
    return True
