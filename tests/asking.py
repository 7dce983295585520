"""The smallest procedure that asks for approval: what `workflows/approval.py` is tested with, and an example of it."""

from datetime import timedelta

from sqlalchemy.ext.asyncio import AsyncConnection
from temporalio import activity, workflow

from activities import approval_rows
from activities.approval_rows import Candidate, Question
from activities.records import Records, fact_of
from models import procedures
from models.approval_vocabulary import ApprovalKind, ApprovalState
from models.messages.approval_steps import Asked
from models.messages.procedure import Answer, Command, Step
from models.procedures import Beginning, Standing
from workflows.approval import Approving


class AskingStart(Step):
    """`approvers` and `escalation`: mail addresses, besides the customer's administrators."""

    approvers: tuple[str, ...] = ()
    escalation: tuple[str, ...] = ()
    needed: int | None = None


class AskingActivities:
    def __init__(self, records: Records) -> None:
        self._records = records

    @activity.defn
    async def record_question(self, message: AskingStart) -> Asked:
        identity = message.identity

        async def work(connection: AsyncConnection) -> Asked:
            beginning = Beginning(
                tenant_id=identity.tenant_id,
                procedure_id=identity.procedure_id,
                kind=identity.kind,
                subject=identity.subject,
                started_at=message.at,
                customer_id=identity.customer_id,
            )
            await procedures.begin(connection, beginning, Standing(state="starting"))
            customer_id = identity.customer_id or ""
            known = await approval_rows.administrators(connection, identity.tenant_id, customer_id)
            question = Question(
                kind=ApprovalKind.REMOTE_SUPPORT,
                customer_id=customer_id,
                asked_by="佐藤 花子",
                asked_for="本社 1階",
                reason="通信が遅いため",
                approvers=[*known, *(Candidate(address) for address in message.approvers)],
                requesters=["desk@support.example"],
                deadline=message.at + timedelta(hours=24),
                needed=message.needed,
                escalation=message.escalation,
            )
            return await approval_rows.ask(connection, message, question=question, records=self._records)

        return await self._records.once(fact_of(message, "asked"), Asked, work)


@workflow.defn(name="Asking")
class Asking(Approving):
    @workflow.init
    def __init__(self, start: AskingStart) -> None:
        super().__init__(start.identity)
        self._start = start
        self._outcome = ApprovalState.PENDING

    @workflow.run
    async def run(self, start: AskingStart) -> str:
        await self.tell_story(self._story)
        return self._outcome

    async def _story(self) -> None:
        asked = await self.record(AskingActivities.record_question, self._start)
        self._outcome = await self.approval(asked)

    @workflow.update(description="Take the question back.")
    async def withdraw(self, command: Command) -> Answer:
        async with self.turn():
            await self.withdraw_approval(command, by_requester=True)
        return Answer(fingerprint=command.fingerprint, state=ApprovalState.WITHDRAWN)
