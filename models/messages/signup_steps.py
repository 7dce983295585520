"""What the signup's workflow says: one procedure for staff and portal users (TEN-02…06, USR-03…05)."""

from datetime import datetime

from pydantic import Field

from models.messages.procedure import Answer, Command, Identity, Message, Step, Upcoming
from models.vocabulary import MemberKind


class NewStaff(Message):
    mail_address: str


class NewTenant(Message):
    name: str
    time_zone: str
    language: str
    portal_base_url: str | None
    sender_name: str
    country: str = "JP"


class NewPortalUser(Message):
    customer_id: str
    last_name: str
    first_name: str
    mail_address: str
    mobile_number: str | None


class SignupStart(Command):
    """The workflow's input. Its subject is the person's id for staff, the user's id for a portal user.

    What is new is made with it, in one transaction; a resend brings nothing new.
    """

    identity: Identity
    member: MemberKind
    new_tenant: NewTenant | None = None
    """When the staff member is the tenant's first."""
    new_staff: NewStaff | None = None
    new_portal_user: NewPortalUser | None = None


class ChangeAddress(Command):
    """The link moves to the new address, the old one is dead (USR-04)."""

    mail_address: str
    profile: dict[str, str | None] = Field(default_factory=dict)
    """What else of the user is edited with it, by column."""
    version: int | None = None
    """Of the user as whoever edits has read it; a stale one is refused."""


class Register(Command):
    """The person's own act behind the link. The password is hashed before it gets here."""

    link_id: str
    password_hash: str | None = None
    """Absent when an existing person joins (TEN-06)."""
    user_name: str | None = None
    company_name: str | None = None
    department: str | None = None
    phone_number: str | None = None
    remark: str | None = None


class SignupStep(Step):
    member: MemberKind


class RecordOpening(SignupStep):
    """Begin, resend, or move to another address: in each case a fresh link and fresh days."""

    start: SignupStart
    change: ChangeAddress | None = None


class RecordSignupReminder(SignupStep):
    upcoming: tuple[Upcoming, ...] = ()
    """What still comes by itself after this one."""


class RecordRegistration(SignupStep):
    command: Register


class Opened(Answer):
    """`expires_at`: until when the link lives; `reminders`: when the person is reminded before.

    `command_id`: of the start, so that another's start of the same signup can tell that it came second.
    """

    expires_at: datetime
    reminders: tuple[datetime, ...] = ()
    link_id: str = ""
    member_id: str = ""
    command_id: str = ""


class Closed(Answer):
    """The signup's end, and when."""

    at: datetime
    person_id: str | None = None
