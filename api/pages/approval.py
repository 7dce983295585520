"""The page behind an approver's link: approve or deny, none chosen beforehand, or let a colleague (APR-02, APR-05)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from fastapi import Response
from pydantic import ValidationError
from sqlalchemy import Row, select
from sqlalchemy.orm import aliased

from api.commands import ProcedureGoneError
from api.input_errors import field_errors
from api.pages.form_fields import Field, Judgement
from api.pages.visit import Form, Visit
from api.rate_limits import client_key
from mail_templates import approval_wording
from models import links
from models.approval_vocabulary import ApprovalDecision, ApprovalKind, ApprovalState
from models.fields import Input, MailAddress, OrAbsent, Reason
from models.identifiers import Draw
from models.messages.approval_steps import DecideApproval, DelegateApproval
from models.messages.procedure import Identity
from models.refusals import FieldError, InvalidInput, LinkExpired, LinkWithdrawn, WrongState
from models.tables.approvals import Approval, Approver
from models.tables.customers import Customer
from models.tables.procedures import Procedure
from workflows.approval import Approving

_TOO_LATE = (ApprovalState.EXPIRED, ApprovalState.WITHDRAWN)


class DecisionInput(Input):
    decision: ApprovalDecision
    reason: OrAbsent[Reason] = None


class DelegationInput(Input):
    delegate_to: MailAddress


@dataclass(frozen=True)
class Trouble:
    """Why nothing has been sent, and what had been entered."""

    status: int
    notice: str | None = None
    errors: Sequence[FieldError] = ()
    form: Form | None = None

    def entered(self, name: str) -> str:
        return self.form.get(name) if self.form else ""


async def show(visit: Visit) -> Response:
    return await _tell(visit)


async def press(visit: Visit, form: Form) -> Response:
    """Decide, or name a colleague. Nothing happens without a choice; a second press finds it done."""
    if form.is_stale:
        return await _tell(visit, Trouble(403, "stale_form", form=form))
    try:
        if form.has("delegate_to") and not form.get("decision"):
            await _delegate(visit, form)
        else:
            await _decide(visit, form)
    except ValidationError as invalid:
        errors = field_errors(invalid.errors())
        undecided = "approval_undecided" if any(error.field == "decision" for error in errors) else None
        return await _tell(visit, Trouble(422, undecided, errors, form))
    except InvalidInput as refusal:
        return await _tell(visit, Trouble(422, None, refusal.errors, form))
    except (ProcedureGoneError, WrongState):
        pass  # another was faster, or it is over: the rows tell
    return await _tell(visit)


async def _decide(visit: Visit, form: Form) -> None:
    """The link is the command's id: whatever is pressed on it a second time, the first counts."""
    entered = DecisionInput.model_validate({name: form.get(name) for name in ("decision", "reason")})
    command = DecideApproval(
        command_id=f"decide-{visit.link.link_id}",
        actor=f"approver:{visit.link.link_id}",
        approval_id=visit.link.subject,
        link_id=visit.link.link_id,
        decision=entered.decision,
        reason=entered.reason,
        client=client_key(visit.request),
    )
    await visit.context.commands.send(await _identity(visit), Approving.decide_approval, command)


async def _delegate(visit: Visit, form: Form) -> None:
    """What was refused may be right tomorrow, so that each press is a command of its own; the link is used once."""
    entered = DelegationInput.model_validate({"delegate_to": form.get("delegate_to")})
    command = DelegateApproval(
        command_id=Draw().opaque_id(),
        actor=f"approver:{visit.link.link_id}",
        approval_id=visit.link.subject,
        link_id=visit.link.link_id,
        delegate_to=entered.delegate_to,
        client=client_key(visit.request),
    )
    await visit.context.commands.send(await _identity(visit), Approving.delegate_approval, command)


async def _tell(visit: Visit, trouble: Trouble | None = None) -> Response:
    """What is asked, with both forms, or what has become of it."""
    approval, me = await _rows(visit)
    _refuse_removed(visit, approval)
    state = ApprovalState(approval.state)
    if state is not ApprovalState.PENDING:
        return _settled(visit, approval, state)
    if me.decision is not None:
        decision = visit.words[f"approval_{me.decision}"]
        return _outcome(visit, "approval_noted", [*_asked(visit, approval), ("approval_your_decision", decision)])
    if me.delegated_to is not None:
        return _outcome(visit, "approval_delegated", [*_asked(visit, approval), ("approval_delegate", me.delegate)])
    try:
        links.refuse_dead(visit.link, await visit.context.clock.now())
    except LinkExpired:  # the procedure is about to say so
        return _settled(visit, approval, ApprovalState.EXPIRED)
    return _form(visit, approval, me, trouble or Trouble(200))


def _refuse_removed(visit: Visit, approval: Row[Any]) -> None:
    """What was decided is told to those who could have: not to a removed administrator, nor to whom they had named.

    The outcome itself closes the other links, at its own instant; any other one is somebody's removal.

    Raises:
        LinkWithdrawn
    """
    if visit.link.withdrawn_at is not None and visit.link.withdrawn_at != approval.decided_at:
        raise LinkWithdrawn


def _form(visit: Visit, approval: Row[Any], me: Row[Any], trouble: Trouble) -> Response:
    focused = trouble.errors[0].field if trouble.errors and trouble.notice is None else ""
    judgement = Judgement(visit.language, errors=trouble.errors, focused=focused)
    reason = Field(
        name="reason",
        label=visit.words["approval_decision_reason"],
        kind="textarea",
        value=trouble.entered("reason"),
        required=False,
        hint=visit.words["approval_decision_reason_hint"],
    )
    delegate = Field(
        name="delegate_to",
        label=visit.words["approval_delegate_to"],
        kind="email",
        value=trouble.entered("delegate_to"),
        autocomplete="off",
    )
    return visit.page(
        "approval.html",
        status=trouble.status,
        notice_name=trouble.notice,
        lead=visit.say("approval_lead", company=approval.company_name),
        details=[
            *((visit.words[name], value) for name, value in _asked(visit, approval)),
            (visit.words["deadline"], visit.moment(approval.deadline)),
        ],
        choices=[(decision.value, visit.words[f"approval_{decision}"]) for decision in ApprovalDecision],
        reason=judgement.on(reason),
        delegate=judgement.on(delegate) if me.delegated_by is None else None,
    )


def _settled(visit: Visit, approval: Row[Any], state: ApprovalState) -> Response:
    decided = [
        ("approval_decided_by", approval.decided_by),
        ("approval_decided_at", visit.moment(approval.decided_at or approval.deadline)),
        ("approval_decision_reason", approval.decision_reason),
    ]
    return _outcome(visit, f"approval_{state}", [*_asked(visit, approval), *decided], too_late=state in _TOO_LATE)


def _outcome(visit: Visit, name: str, details: list[tuple[str, str]], *, too_late: bool = False) -> Response:
    return visit.frame.outcome(
        visit.words[f"{name}_title"],
        visit.words[f"{name}_text"],
        kind="closed" if too_late else "done",
        status=410 if too_late else 200,
        **{label: value for label, value in details if value},
    )


def _asked(visit: Visit, approval: Row[Any]) -> list[tuple[str, str]]:
    """What, by whom, for what: by the names of their labels."""
    asked = [
        ("approval_asked", approval_wording.asked(ApprovalKind(approval.kind), visit.language)),
        ("approval_asked_by", approval.asked_by),
        ("approval_asked_for", approval.asked_for),
        ("approval_reason", approval.reason),
    ]
    return [(label, value) for label, value in asked if value]


async def _rows(visit: Visit) -> tuple[Row[Any], Row[Any]]:
    """The question, with the company's name, and the approver, with the address of whom they named."""
    tenant_id, delegate = visit.tenant.tenant_id, aliased(Approver)
    async with visit.context.database.transaction(tenant_id) as connection:
        approval = await connection.execute(
            select(Approval.__table__, Customer.company_name)
            .join(Customer, (Customer.tenant_id == tenant_id) & (Customer.customer_id == Approval.customer_id))
            .where(Approval.tenant_id == tenant_id, Approval.approval_id == visit.link.subject)
        )
        me = await connection.execute(
            select(Approver.__table__, delegate.mail_address.label("delegate"))
            .outerjoin(delegate, (delegate.tenant_id == tenant_id) & (delegate.link_id == Approver.delegated_to))
            .where(Approver.tenant_id == tenant_id, Approver.link_id == visit.link.link_id)
        )
        return approval.one(), me.one()


async def _identity(visit: Visit) -> Identity:
    """Of the procedure that asks, whatever kind it is."""
    tenant_id = visit.tenant.tenant_id
    async with visit.context.database.transaction(tenant_id) as connection:
        found = await connection.execute(
            select(Procedure.kind, Procedure.subject, Procedure.procedure_id, Procedure.customer_id).where(
                Procedure.tenant_id == tenant_id, Procedure.procedure_id == visit.link.procedure_id
            )
        )
        return Identity(tenant_id=tenant_id, **found.mappings().one())
