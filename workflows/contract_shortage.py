"""The contract-shortage notice (SET-09): at 09:00 of each zone, one for each tenant that has customers to name.

The daily check of a zone looks at its tenants; for each that has something to tell, the notice is recorded with its
mails, and a procedure of its own delivers them, so that one tenant's mail server in trouble holds up nobody else.
"""

from temporalio import workflow

from activities.contract_shortage import ContractShortageActivities
from activities.procedures import ProcedureActivities
from models.messages.contract_shortage_steps import RecordShortages, ShortageNoticeStart
from models.messages.procedure import BeginProcedure, BeginProcedures, Identity
from models.vocabulary import ShortageState
from workflows import search_attributes
from workflows.patience import DATABASE
from workflows.procedure import Procedure

_TENANTS_AT_ONCE = 50


@workflow.defn(name="ContractShortageCheck")
class ContractShortageCheck:
    @workflow.run
    async def run(self, time_zone: str) -> int:
        """How many tenants were told."""
        found = await workflow.execute_local_activity_method(
            ContractShortageActivities.find_tenants_in_zone, time_zone, **DATABASE
        )
        told = 0
        for first in range(0, len(found.tenant_ids), _TENANTS_AT_ONCE):
            told += await self._tell(found.tenant_ids[first : first + _TENANTS_AT_ONCE])
        return told

    async def _tell(self, tenant_ids: tuple[str, ...]) -> int:
        recorded = await workflow.execute_local_activity_method(
            ContractShortageActivities.record_shortage_notices,
            RecordShortages(tenant_ids=tenant_ids, at=workflow.now()),
            **DATABASE,
        )
        if recorded.notices:
            orders = BeginProcedures(orders=tuple(map(_order, recorded.notices)))
            await workflow.execute_local_activity_method(ProcedureActivities.begin_procedures, orders, **DATABASE)
        return len(recorded.notices)


@workflow.defn(name="ContractShortage")
class ContractShortage(Procedure):
    @workflow.init
    def __init__(self, start: ShortageNoticeStart) -> None:
        super().__init__(start.identity)

    @workflow.run
    async def run(self, start: ShortageNoticeStart) -> ShortageState:
        await self.tell_story(self._story)
        return ShortageState.TOLD

    async def _story(self) -> None:
        self.stand(ShortageState.TOLD, waiting_for="nothing but its mails' delivery")
        self.deliver_mails()


def _order(identity: Identity) -> BeginProcedure:
    return BeginProcedure(
        workflow="ContractShortage",
        identity=identity,
        start=ShortageNoticeStart(identity=identity).model_dump(mode="json"),
        search_attributes=search_attributes.named(identity),
        summary=f"Contract shortage of {identity.tenant_id}, {identity.subject}",
    )
