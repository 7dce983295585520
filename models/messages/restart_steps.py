"""What API, workflow and activities say to each other about restarts."""

from datetime import datetime

from models.device_vocabulary import DeviceCommandState, RestartReason, RestartState
from models.messages.procedure import Answer, Command, Identity, Message, Step


class RestartStart(Message):
    """`identity`'s subject is the UTM ID."""

    identity: Identity
    registration_id: str


class RestartCommand(Command):
    """`registration_id`: the UTM's present one. Its procedure may have begun with one that has ended (UTM-04)."""

    restart_id: str
    registration_id: str | None = None


class AskRestart(RestartCommand):
    """`at`: the slot; None: at once. The id of the restart is drawn by whoever asks."""

    at: datetime | None = None


class ReportRestart(RestartCommand):
    """What the device says of it: `started`, `succeeded` or `failed`; `detail`: in its own words."""

    state: DeviceCommandState
    detail: str | None = None


class RestartStep(Step):
    registration_id: str
    restart_id: str = ""


class RecordRestartRequest(RestartStep):
    slot: datetime | None


class RecordRestartReport(RestartStep):
    state: DeviceCommandState
    detail: str | None = None


class FleetStanding(Answer):
    """`planned`: how many the fleet restart has not reached yet. `open`: how many are not over."""

    planned: int = 0
    open: int = 0
    look_at: datetime | None = None
    """When something is over again."""
    begun: tuple[RestartStart, ...] = ()
    """The restarts whose procedures have to look at their rows, and to begin if they have not."""
    to_take_back: bool = False
    """It is cancelled, and there are more UTMs whose schedules have not been taken back yet."""


class FleetResumed(Message):
    """What a fleet restart's workflow carries over when it continues as new."""

    standing: FleetStanding
    batches: int
    cancelled_by: str


class FleetStart(Command):
    """The UTMs named, or those of the customer, or all of the tenant's, from the slot `at` on."""

    identity: Identity
    utm_ids: tuple[str, ...] | None = None
    customer_id: str | None = None
    at: datetime
    per_slot: int
    resumed: FleetResumed | None = None
    """Set in a later run of it only."""


class RecordFleet(Step):
    start: FleetStart


class OpenRestart(Message):
    """`due_at`: of a scheduled one its slot; of one that is under way, when it is given up."""

    restart_id: str
    state: RestartState
    due_at: datetime
    missed_at: datetime | None = None
    """After this a scheduled one is not begun any more (RST-07)."""


class RestartStanding(Answer):
    """What became of the restart that the step was about, and what is open at the UTM now."""

    restart_id: str = ""
    at: datetime | None = None
    replaced_at: datetime | None = None
    """The slot of the schedule that a new one replaced."""
    reason: RestartReason | None = None
    mails: bool = False
    """Some were queued with it."""
    scheduled: OpenRestart | None = None
    current: OpenRestart | None = None
    registration_id: str | None = None
    """The UTM's present one, where that has been asked."""
