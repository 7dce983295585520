"""What remote support's workflow says to the API and to its activities (RSA-01…07). Never the session's password."""

from datetime import datetime

from models.device_vocabulary import DeviceCommandState, RemoteSupportEnd, RemoteSupportState
from models.messages.approval_steps import Asked
from models.messages.procedure import Answer, Command, Identity, Step


class RemoteSupportStart(Command):
    """The workflow's input. `is_manual`: somebody on site has started it at the device, so nobody is asked (RSA-06)."""

    identity: Identity
    registration_id: str
    is_manual: bool = False
    asked_by: str
    reason: str = ""
    duration_minutes: int


class RemoteSupportStep(Step):
    registration_id: str


class RecordRemoteSupport(RemoteSupportStep):
    start: RemoteSupportStart


class RecordRemoteSupportUndecided(RemoteSupportStep):
    """Not approved: denied, expired or withdrawn."""

    state: RemoteSupportState


class RecordRemoteSupportReport(RemoteSupportStep):
    command_id: str
    state: DeviceCommandState


class RecordRemoteSupportEnd(RemoteSupportStep):
    by: RemoteSupportEnd
    client: str | None = None


class ReportRemoteSupport(Command):
    """The device's word. `device_command_id`: which order it is about. What it is to be kept of is in the database."""

    device_command_id: str
    state: DeviceCommandState


class EndRemoteSupport(Command):
    by: RemoteSupportEnd
    client: str | None = None


class RemoteSupportStanding(Answer):
    """`asked`: the question to the administrators. `due_at`: when something happens by itself next, if anything does.

    `mails`: whether the step has queued some.
    """

    state: RemoteSupportState
    asked: Asked | None = None
    due_at: datetime | None = None
    mails: bool = False
