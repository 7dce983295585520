"""What the contract's workflow says to the API and to its activities."""

from datetime import date, datetime
from typing import Any

from pydantic import Field

from models.messages.procedure import Answer, Command, Identity, Message, Step, Upcoming
from models.messages.shipment_steps import NewShipment
from models.vocabulary import ContractErrand, ContractStatus, TermUnit


class TermLength(Message):
    """So many whole months or years; a renewal term of 0 means that nothing renews."""

    value: int
    unit: TermUnit


class ChosenPlan(Message):
    """A rate plan with what the catalogue said of it when it was chosen. `charges`: as `contract_rate_plans` keeps."""

    rate_plan_id: str
    name: str
    quantity: int
    unit_price: int | None = None
    charges: tuple[dict[str, Any], ...]


class ContractApplication(Message):
    """What staff applied for, checked by the API (CON-01, CON-02)."""

    customer_id: str
    product_id: str
    product_name: str
    includes_utm: bool
    start_date: date
    initial_term: TermLength
    renewal_term: TermLength
    rate_plans: tuple[ChosenPlan, ...]
    memo1: str | None = None
    memo2: str | None = None
    memo3: str | None = None
    utm_id: str | None = None
    shipping_required: bool = False
    destination: dict[str, Any] | None = None


class ContractRecorded(Answer):
    """How the contract stands after a step. `state` is its status; no people in it: it stays in the audit log.

    `upcoming`: what the calendar brings next, soonest first; nothing any more once the procedure is over.
    """

    at: datetime
    time_zone: str
    includes_utm: bool
    product_name: str
    cancellation_date: date | None = None
    ended_at: datetime | None = None
    upcoming: tuple[Upcoming, ...] = ()
    renewed: bool = False
    """By this very step."""
    mails: bool = True
    """Whether this very step has queued any."""
    errands: tuple[ContractErrand, ...] = ()
    """What this very step leaves to be done by other procedures."""
    nudged: tuple[str, ...] = ()
    """Procedures whose rows this very step has changed."""
    errands_day: date | None = None
    """The last day of service that they are about."""
    portal_closed: bool = False
    """By this very step."""

    @property
    def status(self) -> ContractStatus:
        return ContractStatus(self.state)


class Resumed(Message):
    """What a contract's workflow carries over when it continues as new."""

    recorded: ContractRecorded
    answered: dict[str, ContractRecorded] = Field(default_factory=dict)
    """By command id, the newest last: a repeated command gets its first answer from a later run too (GEN-03)."""


class Delivery(Message):
    """What is to be sent for the contract; nothing when it is on its way already, or has arrived."""

    new: NewShipment | None = None
    replacements: tuple[NewShipment, ...] = ()


class ContractStart(Command):
    """The workflow's input. The application is not carried on: from the second run on the database has it."""

    identity: Identity
    application: ContractApplication | None = None
    resumed: Resumed | None = None


class CancelContract(Command):
    cancellation_date: date
    charge_fee: bool = False
    stop_shipment: bool = False


class MoveCancellation(Command):
    cancellation_date: date


class ContractChanges(Message):
    """What differs from what stands there, checked by the API. `values` by column; `rate_plans`: all of them."""

    values: dict[str, Any] = Field(default_factory=dict)
    rate_plans: tuple[ChosenPlan, ...] | None = None

    @property
    def names(self) -> list[str]:
        return sorted([*self.values, *([] if self.rate_plans is None else ["rate_plans"])])


class ChangeContract(Command):
    """`version`: the one that the change is for; without it whatever stands there."""

    changes: ContractChanges
    version: int | None = None


class RecordChange(Step):
    changes: ContractChanges
    version: int | None = None


class RecordContractApplication(Step):
    application: ContractApplication
    command_id: str


class RecordCancellation(Step):
    cancellation: CancelContract


class RecordMove(Step):
    cancellation_date: date


class RecordDue(Step):
    """What the calendar brings at one instant. `due_at`: that instant, which `at` may be later than.

    `what`: the first of what comes then.
    """

    due_at: datetime
    what: str
