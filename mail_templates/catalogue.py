"""Every mail of the product: how it goes out, what it may say, and what its text must not leave out."""

from dataclasses import dataclass
from enum import StrEnum

from mail_templates.placeholders import PLACEHOLDERS, Placeholder, PlaceholderKind
from models.vocabulary import Language, LinkPurpose, Mail


class Channel(StrEnum):
    MAIL = "mail"
    SMS = "sms"
    """A text message: no subject, no HTML."""


@dataclass(frozen=True, slots=True)
class MailKind:
    """`required` stand in the body exactly once. `purpose` is that of the link the mail makes, if it makes one."""

    mail: Mail
    channel: Channel
    placeholders: tuple[Placeholder, ...]
    required: tuple[Placeholder, ...]
    purpose: LinkPurpose | None

    @property
    def names(self) -> frozenset[str]:
        return frozenset(placeholder.name for placeholder in self.placeholders)

    @property
    def fields(self) -> frozenset[str]:
        """The values a sender gives: all but the tenant's name, which comes with the brand."""
        return self.names - {"TenantName"}

    def sample_values(self, language: Language) -> dict[str, str]:
        """Values for a preview (TPL-04), in the form `rendering.render` takes."""
        return {name: PLACEHOLDERS[name].sample[language] for name in self.fields}


def _mail(mail: Mail, names: str, *, purpose: LinkPurpose | None = None, channel: Channel = Channel.MAIL) -> MailKind:
    """Links and codes are what a mail is sent for, so every one of them is required."""
    placeholders = tuple(PLACEHOLDERS[name] for name in sorted([*names.split(), "TenantName"]))
    required = tuple(placeholder for placeholder in placeholders if placeholder.kind is not PlaceholderKind.TEXT)
    return MailKind(mail, channel, placeholders, required, purpose)


_APPLICATION = "ApplicationNumber CompanyName ApplicantName"
_CONTRACT = "ProductID ProductName TenantID CustomerID ContractNumber"
_UTM = "CompanyName UTMName UTMID"
_SESSION = "CompanyName AskedFor AskedBy Reason StartedAt EndsAt SessionID SessionPassword"
_ASKED = "CompanyName RecipientName Asked AskedBy AskedFor Reason"

_ALL = (
    _mail(
        Mail.APPLICATION_CONFIRMATION,
        f"{_APPLICATION} ConfirmURL Deadline",
        purpose=LinkPurpose.APPLICATION_CONFIRMATION,
    ),
    _mail(Mail.APPLICATION_COMPLETED, _APPLICATION),
    _mail(Mail.APPLICATION_RESULT, f"{_APPLICATION} Result"),
    _mail(Mail.UTM_ADDITION_COMPLETED, f"{_APPLICATION} Quantity DestinationAddress"),
    _mail(Mail.UTM_ADDITION_RESULT, f"{_APPLICATION} Quantity DestinationAddress Result"),
    _mail(
        Mail.PORTAL_USER_SIGNUP,
        "CompanyName UserID UserName SignupURL Deadline",
        purpose=LinkPurpose.PORTAL_USER_SIGNUP,
    ),
    _mail(Mail.PASSWORD_RESET_MAIL, "UserName ResetURL Deadline", purpose=LinkPurpose.PASSWORD_RESET),
    _mail(Mail.PASSWORD_RESET_SMS, "Code Deadline", channel=Channel.SMS),
    _mail(
        Mail.UTM_PLANNED_ARRIVAL,
        "CompanyName ContactName ContractNumber ProductName PlannedArrivalDate PreviousArrivalDate DestinationAddress",
    ),
    _mail(
        Mail.UTM_WAYBILL_NUMBER,
        "CompanyName ContactName ContractNumber ProductName CarrierName WaybillNumber TrackingURL PlannedArrivalDate",
    ),
    _mail(Mail.UTM_RESTART_SCHEDULED, f"{_UTM} RestartAt"),
    _mail(Mail.UTM_RESTART_CANCELLED, f"{_UTM} RestartAt"),
    _mail(
        Mail.RETURN_KIT_SENT,
        f"{_UTM} ContactName ContractNumber CarrierName WaybillNumber DestinationAddress DueDate",
    ),
    _mail(Mail.UTM_RESTART_MISSED, f"{_UTM} RestartAt"),
    _mail(Mail.UTM_RESTART_FAILED, f"{_UTM} RestartAt FailureReason"),
    _mail(Mail.STAFF_SIGNUP, "TenantID SignupURL Deadline", purpose=LinkPurpose.STAFF_SIGNUP),
    _mail(Mail.SIGNUP_REMINDER, "CompanyName UserName SignupURL Deadline", purpose=LinkPurpose.PORTAL_USER_SIGNUP),
    _mail(Mail.ACCOUNT_LOCKED, "MailAddress PortalURL LockDuration"),
    _mail(
        Mail.NOTIFICATION_ADDRESS_CONFIRMATION,
        "TenantID MailAddress ConfirmURL Deadline",
        purpose=LinkPurpose.NOTIFICATION_ADDRESS,
    ),
    _mail(Mail.PERSONAL_INVITATION, "RecipientName ApplyURL Deadline", purpose=LinkPurpose.PERSONAL_INVITATION),
    _mail(Mail.APPLICATION_RECEIVED, f"{_APPLICATION} PortalURL"),
    _mail(Mail.APPLICATION_DECIDED, f"{_APPLICATION} Result PortalURL"),
    _mail(Mail.APPLICATION_REMINDER, f"{_APPLICATION} Status DaysWaiting PortalURL"),
    _mail(Mail.UTM_ADDITION_RECEIVED, f"{_APPLICATION} CustomerID Quantity DestinationAddress PortalURL"),
    _mail(Mail.UTM_ADDITION_REMINDER, f"{_APPLICATION} CustomerID Quantity DestinationAddress DaysWaiting PortalURL"),
    _mail(Mail.RETURN_KIT_REMINDER, f"{_UTM} ContactName ContractNumber DueDate"),
    _mail(Mail.RETURN_KIT_RECALLED, f"{_UTM} ContactName ContractNumber"),
    _mail(Mail.RETURN_KIT_UNDELIVERABLE, f"{_UTM} ContractNumber CustomerID DestinationAddress PortalURL"),
    _mail(Mail.RETURN_KIT_UNRETURNED, f"{_UTM} ContractNumber CustomerID DueDate Charge PortalURL"),
    _mail(Mail.CONTRACT_APPLIED, f"{_CONTRACT} StartDate EndDate RenewalTerm"),
    _mail(Mail.CONTRACT_RENEWAL_NOTICE, f"{_CONTRACT} RenewalDate EndDate LastFreeDay"),
    _mail(Mail.CONTRACT_CANCELLED, f"{_CONTRACT} CancellationDate CancellationFee"),
    _mail(Mail.CANCELLATION_MOVED, f"{_CONTRACT} CancellationDate PreviousDate CancellationFee"),
    _mail(Mail.CANCELLATION_UNDONE, f"{_CONTRACT} UndoDate ContractOutcome"),
    _mail(Mail.CONTRACT_SHORTAGE, "TenantID CustomerCount CustomerIDs PortalURL"),
    _mail(Mail.APPROVAL_REQUEST, f"{_ASKED} ApprovalURL Deadline", purpose=LinkPurpose.APPROVAL),
    _mail(Mail.APPROVAL_REMINDER, f"{_ASKED} ApprovalURL Deadline", purpose=LinkPurpose.APPROVAL),
    _mail(Mail.APPROVAL_SETTLED, f"{_ASKED} Outcome DecidedBy DecidedAt"),
    _mail(Mail.REMOTE_SUPPORT_SESSION, f"{_SESSION} EndURL", purpose=LinkPurpose.REMOTE_SUPPORT_END),
    _mail(Mail.REMOTE_SUPPORT_SESSION_DESK, _SESSION),
    _mail(Mail.REMOTE_SUPPORT_FAILED, "CompanyName AskedFor AskedBy Reason FailureReason"),
    _mail(Mail.REMOTE_SUPPORT_ENDED, "CompanyName AskedFor AskedBy Reason StartedAt EndedAt EndedBy"),
    _mail(Mail.REMOTE_SUPPORT_UNSTOPPED, "CompanyName AskedFor AskedBy Reason StartedAt EndedAt"),
    _mail(Mail.VIEWER_TOKEN, "CompanyName RecipientName PCName ViewerToken Deadline"),
    _mail(Mail.VIEWER_REFUSED, "RecipientName PCName Outcome DecisionReason"),
    _mail(Mail.VIEWER_UNUSED, "CompanyName UserName PCName LastUsedOn EndsOn"),
    _mail(Mail.APPROVAL_OUTCOME, "CompanyName Asked AskedFor Reason Outcome DecidedBy DecidedAt DecisionReason"),
)

CATALOGUE: dict[Mail, MailKind] = {kind.mail: kind for kind in _ALL}
