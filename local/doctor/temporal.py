"""The doctor's look at Temporal: does it answer, is its namespace prepared, and does somebody work?"""

from collections.abc import Sequence
from datetime import timedelta

from temporalio.api.deployment.v1 import RoutingConfig
from temporalio.api.enums.v1 import TaskQueueType
from temporalio.api.operatorservice.v1 import ListSearchAttributesRequest
from temporalio.api.taskqueue.v1 import PollerInfo, TaskQueue
from temporalio.api.workflowservice.v1 import (
    DescribeNamespaceRequest,
    DescribeTaskQueueRequest,
    DescribeWorkerDeploymentRequest,
)
from temporalio.client import Client
from temporalio.service import RPCError, RPCStatusCode

from local.doctor.examination import AilingError, Check
from settings import Settings
from workflows.recurrences import RECURRENCES
from workflows.search_attributes import CODE_FAILS, REGISTERED

_DEPLOYING = "docs/operations/deploying.md"
_SHORTEST_RETENTION = timedelta(days=7)


class TemporalChecks:
    """A rehearsal's server has neither namespaces nor searches nor Schedules, so those are not looked at there."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def all(self) -> list[Check]:
        start = f"Is Temporal running at {self._settings.temporal_address}? TEMPORAL_ADDRESS names it."
        checks = [Check("Temporal", self._reachable, start), Check("worker", self._worker, start)]
        if not self._settings.rehearsal:
            checks += [
                Check("namespace", self._namespace, start),
                Check("search attributes", self._search_attributes, start),
                Check("schedules", self._schedules, start),
                Check("version", self._version, start),
                Check("workflow code", self._code, start),
            ]
        return checks

    async def _reachable(self) -> str:
        await (await self._client()).service_client.check_health()
        return f"answers at {self._settings.temporal_address}"

    async def _worker(self) -> str:
        queue, pollers = self._settings.temporal_task_queue, await self._pollers()
        if not pollers:
            raise AilingError(
                f"no worker asks for work from the queue {queue}",
                remedy="Start one: 'tetsuzuki worker'. Until then every procedure stands still, and nothing is lost.",
            )
        return f"{len(pollers)} at the queue {queue}"

    async def _namespace(self) -> str:
        client = await self._client()
        described = await client.workflow_service.describe_namespace(
            DescribeNamespaceRequest(namespace=client.namespace)
        )
        retention = described.config.workflow_execution_retention_ttl.ToTimedelta()
        if retention < _SHORTEST_RETENTION:
            raise AilingError(
                f"ended procedures are forgotten after {_days(retention)}",
                remedy=f"temporal operator namespace update --namespace {client.namespace} --retention 720h",
                mild=True,
            )
        return f"{client.namespace} keeps ended procedures for {_days(retention)}"

    async def _search_attributes(self) -> str:
        client = await self._client()
        listed = await client.operator_service.list_search_attributes(
            ListSearchAttributesRequest(namespace=client.namespace)
        )
        missing = {name: kind for name, kind in REGISTERED.items() if name not in listed.custom_attributes}
        if missing:
            options = " ".join(f"--name {name} --type {kind}" for name, kind in missing.items())
            raise AilingError(
                f"not registered: {', '.join(missing)}; no procedure can begin",
                remedy=f"temporal operator search-attribute create --namespace {client.namespace} {options}",
            )
        return f"all {len(REGISTERED)} are registered"

    async def _schedules(self) -> str:
        client = await self._client()
        paused = {one.name: await _is_paused(client, one.name) for one in RECURRENCES}
        missing = [name for name, state in paused.items() if state is None]
        if missing:
            raise AilingError(
                f"missing: {', '.join(missing)}", remedy="A worker makes them when it starts: start it again."
            )
        resting = [name for name, state in paused.items() if state]
        if resting:
            raise AilingError(
                f"paused: {', '.join(resting)}",
                remedy=f"temporal schedule toggle --unpause --reason '…' --schedule-id {resting[0]}",
                mild=True,
            )
        return ", ".join(paused)

    async def _version(self) -> str:
        """Work goes to the current version only, whoever else asks for it."""
        routing = await self._routing()
        polling = {poller.deployment_options.build_id for poller in await self._pollers()}
        current = routing.current_deployment_version.build_id if routing else ""
        if not current and polling - {""}:
            waiting = ", ".join(sorted(polling - {""}))
            raise AilingError(
                f"no version of the worker is current, and {waiting} gets no work",
                remedy=f"temporal worker deployment set-current-version --deployment-name"
                f" {self._settings.worker_deployment} --build-id …; {_DEPLOYING} has the steps.",
                mild="" in polling,
            )
        if current and current not in polling:
            raise AilingError(
                f"{current} is current, and no worker of that version runs",
                remedy=f"Start one with TETSUZUKI_WORKER_BUILD_ID={current}, or make current what runs ({_DEPLOYING}).",
            )
        return f"{current} is current" if current else "workers are not told apart by version"

    async def _code(self) -> str:
        client = await self._client()
        failing = (await client.count_workflows(f'ExecutionStatus = "Running" AND {CODE_FAILS}')).count
        if failing:
            raise AilingError(
                f"{failing} procedures stand still because their code fails",
                remedy=f"They lose nothing. Go back to the version before, or on to a mended one: {_DEPLOYING}.",
            )
        return "no procedure's code fails"

    async def _pollers(self) -> Sequence[PollerInfo]:
        client = await self._client()
        described = await client.workflow_service.describe_task_queue(
            DescribeTaskQueueRequest(
                namespace=client.namespace,
                task_queue=TaskQueue(name=self._settings.temporal_task_queue),
                task_queue_type=TaskQueueType.TASK_QUEUE_TYPE_WORKFLOW,
            )
        )
        return described.pollers

    async def _routing(self) -> RoutingConfig | None:
        """None where no worker has ever had a build id."""
        client = await self._client()
        asked = DescribeWorkerDeploymentRequest(
            namespace=client.namespace, deployment_name=self._settings.worker_deployment
        )
        try:
            described = await client.workflow_service.describe_worker_deployment(asked)
        except RPCError as error:
            if error.status is RPCStatusCode.NOT_FOUND:
                return None
            raise
        return described.worker_deployment_info.routing_config

    async def _client(self) -> Client:
        return await Client.connect(self._settings.temporal_address, namespace=self._settings.temporal_namespace)


async def _is_paused(client: Client, name: str) -> bool | None:
    """None when there is no such Schedule."""
    try:
        return (await client.get_schedule_handle(name).describe()).schedule.state.paused
    except RPCError as error:
        if error.status is RPCStatusCode.NOT_FOUND:
            return None
        raise


def _days(time: timedelta) -> str:
    return f"{time.days} days" if time >= timedelta(days=2) else f"{time.total_seconds() / 3600:g} hours"
