"""The nouns that every layer shares: states, kinds and names, spelled as the API and the database spell them."""

from enum import StrEnum


class Language(StrEnum):
    JA = "ja"
    EN = "en"


class TenantState(StrEnum):
    ACTIVE = "active"
    SUSPENDED = "suspended"


class ProcedureKind(StrEnum):
    """A kind is also the first part of the workflow id: `<kind>-<business id>`."""

    SERVICE_APPLICATION = "service-application"
    PERSONAL_INVITATION = "personal-invitation"
    SIGNUP = "signup"
    NOTIFICATION_ADDRESS = "notification-address"
    PASSWORD_RESET = "password-reset"  # noqa: S105 - a kind of procedure, not a secret
    ACCOUNT_LOCK = "account-lock"
    SHIPMENT = "shipment"
    RETURN_KIT = "return-kit"
    CONTRACT = "contract"
    CONTRACT_SHORTAGE = "contract-shortage"
    UTM_ADDITION = "utm-addition"
    RESTART = "restart"
    FLEET_RESTART = "fleet-restart"
    REMOTE_SUPPORT = "remote-support"
    VIEWER_ACCESS = "viewer-access"


class ApplicationState(StrEnum):
    AWAITING_CONFIRMATION = "awaiting_confirmation"
    UNAPPROVED = "unapproved"
    ON_HOLD = "on_hold"
    APPROVED = "approved"
    DENIED = "denied"
    LAPSED = "lapsed"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"


class Decision(StrEnum):
    """What staff may say to a service application (APP-11)."""

    APPROVE = "approve"
    DENY = "deny"
    HOLD = "hold"


class AdditionState(StrEnum):
    """Of a UTM addition application. `ended`: by an operator, or with the deletion of its company."""

    UNAPPROVED = "unapproved"
    APPROVED = "approved"
    DENIED = "denied"
    ENDED = "ended"


class AdditionDecision(StrEnum):
    """What staff may say to a UTM addition application (ADD-03)."""

    APPROVE = "approve"
    DENY = "deny"


class SignupState(StrEnum):
    OPEN = "signup_open"
    REGISTERED = "registered"
    EXPIRED = "signup_expired"
    DELETED = "deleted"
    ENDED = "ended"


class InvitationState(StrEnum):
    SENT = "sent"
    OPENED = "opened"
    APPLIED = "applied"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class AddressChangeState(StrEnum):
    PENDING = "pending"
    VERIFIED = "verified"
    EXPIRED = "expired"
    WITHDRAWN = "withdrawn"


class LockState(StrEnum):
    """What became of a lock's notice (AUT-03)."""

    LOCKED = "locked"
    NOT_LOCKED = "not_locked"


class ResetState(StrEnum):
    NOT_REQUESTED = "not_requested"
    """Nobody to write to; it looked alike from outside."""
    REQUESTED = "requested"
    COMPLETED = "completed"
    EXPIRED = "expired"
    ENDED = "ended"


class ResetChannel(StrEnum):
    """How the proof of a password reset reaches the person (AUT-04)."""

    MAIL = "mail"
    SMS = "sms"


class MemberKind(StrEnum):
    """Who signs up: staff of a tenant, or a portal user of one of its customers (TEN-06)."""

    STAFF = "staff"
    PORTAL_USER = "portal_user"


class CustomerStatus(StrEnum):
    DRAFT = "draft"
    ACTIVE = "active"
    CANCELLED = "cancelled"


class AccountState(StrEnum):
    FREE = "free"
    ACTIVE = "active"
    SUSPENDED = "suspended"


class ContractStatus(StrEnum):
    """`cancelled` from the moment the cancellation is accepted, although service runs to the end of its date."""

    ACTIVE = "active"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class ContractCommand(StrEnum):
    """What staff may ask of a contract (CON-08, CAN-01, CAN-06, UND-01)."""

    CHANGE = "change"
    CANCEL = "cancel"
    RESCHEDULE = "reschedule"
    UNDO = "undo"


class ContractErrand(StrEnum):
    """What a contract's step leaves to be done for it by other procedures."""

    BEGIN_SHIPMENT = "begin_shipment"
    STOP_SHIPMENT = "stop_shipment"
    BEGIN_RETURN_KITS = "begin_return_kits"
    UNDO_RETURN_KITS = "undo_return_kits"


class TermUnit(StrEnum):
    MONTH = "month"
    YEAR = "year"


class ChargeType(StrEnum):
    RECURRING = "recurring"
    ONE_TIME = "one_time"
    USAGE = "usage"


class ChargeModel(StrEnum):
    FLAT_FEE = "flat_fee"
    PER_UNIT = "per_unit"
    DISCOUNT_PERCENTAGE = "discount_percentage"


class BillingPeriod(StrEnum):
    MONTH = "month"
    YEAR = "year"


class ConsequenceKind(StrEnum):
    """What follows from a command about a contract or a customer (CAN-03), in the order in which it happens at once."""

    CANCELLED = "contract_cancelled"
    MOVED = "cancellation_moved"
    UNDONE = "cancellation_undone"
    CHANGED = "contract_changed"
    HELD = "application_put_on_hold"
    CUSTOMER_CREATED = "customer_created"
    FEE = "cancellation_fee"
    FEE_REVERSED = "fee_reversed"
    STARTS = "contract_starts"
    RENEWS = "contract_renews"
    EXPIRES = "contract_expires"
    ENDS = "contract_ends"
    SHIPMENT_STOPPED = "shipment_stopped"
    SHIPMENT_BEGINS = "shipment_begins"
    CUSTOMER_ACTIVE = "customer_active"
    CUSTOMER_CANCELLED = "customer_cancelled"
    NO_RENEWAL = "renewal_prevented"
    NOTICE_DROPPED = "renewal_notice_dropped"
    KIT_REQUESTED = "return_kit_requested"
    KIT_STOPPED = "return_kit_stopped"
    KIT_RECALLED = "return_kit_recalled"
    MAIL = "mail"
    UNDO_CLOSES = "undo_window_closes"
    PORTAL_CLOSES = "portal_closes"
    PORTAL_STAYS = "portal_stays_open"
    SIGNUPS_EXPIRE = "signups_expire"
    DELETABLE = "customer_deletable"
    ADDITIONS_ENDED = "utm_additions_ended"
    VIEWERS_REVOKED = "viewers_revoked"
    USERS_REMOVED = "portal_users_removed"
    ERASED = "customer_erased"


class DeletionBlocker(StrEnum):
    """What keeps a customer from being deleted (CUS-05)."""

    UTM = "utm"
    CONTRACT_IN_FORCE = "contract_in_force"
    CONTRACT_ENDED_RECENTLY = "contract_ended_recently"


class ParcelKind(StrEnum):
    """What the carrier is given: a UTM for a contract (SHP-01), or the empty kit that fetches one back (KIT-01)."""

    DELIVERY = "delivery"
    RETURN_KIT = "return_kit"


class ShipmentState(StrEnum):
    """Of a parcel, in the order in which it can only move on (SHP-01). The last two are not the carrier's to say."""

    REQUESTED = "requested"
    SCHEDULED = "scheduled"
    SHIPPED = "shipped"
    UNDELIVERABLE = "undeliverable"
    RETURNED = "returned"
    DELIVERED = "delivered"
    STOPPED = "stopped"
    ENDED = "ended"


class ReturnKitState(StrEnum):
    """KIT-01…04, UND-03. `closed`: the device is back and nothing is left to do."""

    PLANNED = "planned"
    REQUESTED = "requested"
    SENT = "sent"
    UNDELIVERABLE = "undeliverable"
    RECEIVED = "received"
    CLOSED = "closed"
    UNRETURNED = "unreturned"
    STOPPED = "stopped"
    RECALLED = "recalled"
    ENDED = "ended"


class ChargeKind(StrEnum):
    """What is put on a customer's account outside its contracts' plans (CAN-02, KIT-04)."""

    CANCELLATION_FEE = "cancellation_fee"
    NON_RETURN = "non_return"


class Connection(StrEnum):
    """Of a UTM, by its heartbeats (UTM-06)."""

    ONLINE = "online"
    OFFLINE = "offline"
    NEVER_CONNECTED = "never_connected"


class ShortageState(StrEnum):
    """Of a day's contract-shortage notice (SET-09)."""

    TOLD = "told"


class LinkPurpose(StrEnum):
    """One link does one thing (GEN-06)."""

    INVITATION = "invitation"
    PERSONAL_INVITATION = "personal_invitation"
    APPLICATION_CONFIRMATION = "application_confirmation"
    STAFF_SIGNUP = "staff_signup"
    PORTAL_USER_SIGNUP = "portal_user_signup"
    NOTIFICATION_ADDRESS = "notification_address"
    PASSWORD_RESET = "password_reset"  # noqa: S105 - a purpose, not a secret
    APPROVAL = "approval"
    REMOTE_SUPPORT_END = "remote_support_end"


class MailState(StrEnum):
    """`unknown`: the connection broke after the final dot, so nobody knows whether it was taken."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    UNKNOWN = "unknown"
    DEFERRED = "deferred"
    FAILED = "failed"
    SKIPPED = "skipped"


class Mail(StrEnum):
    """Every mail (and SMS) the product sends; the name is its folder under `mail_templates/`."""

    # The thirteen that a tenant may change (TPL-01).
    APPLICATION_CONFIRMATION = "application_confirmation"
    APPLICATION_COMPLETED = "application_completed"
    APPLICATION_RESULT = "application_result"
    UTM_ADDITION_COMPLETED = "utm_addition_completed"
    UTM_ADDITION_RESULT = "utm_addition_result"
    PORTAL_USER_SIGNUP = "portal_user_signup"
    PASSWORD_RESET_MAIL = "password_reset_mail"  # noqa: S105 - the name of a mail, not a secret
    PASSWORD_RESET_SMS = "password_reset_sms"  # noqa: S105 - likewise
    UTM_PLANNED_ARRIVAL = "utm_planned_arrival"
    UTM_WAYBILL_NUMBER = "utm_waybill_number"
    UTM_RESTART_SCHEDULED = "utm_restart_scheduled"
    UTM_RESTART_CANCELLED = "utm_restart_cancelled"
    RETURN_KIT_SENT = "return_kit_sent"
    # Fixed: to staff, approvers and the tenant's notification addresses.
    STAFF_SIGNUP = "staff_signup"
    SIGNUP_REMINDER = "signup_reminder"
    ACCOUNT_LOCKED = "account_locked"
    NOTIFICATION_ADDRESS_CONFIRMATION = "notification_address_confirmation"
    PERSONAL_INVITATION = "personal_invitation"
    APPLICATION_RECEIVED = "application_received"
    APPLICATION_DECIDED = "application_decided"
    APPLICATION_REMINDER = "application_reminder"
    UTM_ADDITION_RECEIVED = "utm_addition_received"
    UTM_ADDITION_REMINDER = "utm_addition_reminder"
    RETURN_KIT_REMINDER = "return_kit_reminder"
    RETURN_KIT_RECALLED = "return_kit_recalled"
    RETURN_KIT_UNDELIVERABLE = "return_kit_undeliverable"
    RETURN_KIT_UNRETURNED = "return_kit_unreturned"
    CONTRACT_APPLIED = "contract_applied"
    CONTRACT_RENEWAL_NOTICE = "contract_renewal_notice"
    CONTRACT_CANCELLED = "contract_cancelled"
    CANCELLATION_MOVED = "cancellation_moved"
    CANCELLATION_UNDONE = "cancellation_undone"
    CONTRACT_SHORTAGE = "contract_shortage"
    UTM_RESTART_MISSED = "utm_restart_missed"
    UTM_RESTART_FAILED = "utm_restart_failed"
    APPROVAL_REQUEST = "approval_request"
    APPROVAL_REMINDER = "approval_reminder"
    APPROVAL_SETTLED = "approval_settled"
    APPROVAL_OUTCOME = "approval_outcome"
    REMOTE_SUPPORT_SESSION = "remote_support_session"
    REMOTE_SUPPORT_SESSION_DESK = "remote_support_session_desk"
    REMOTE_SUPPORT_FAILED = "remote_support_failed"
    REMOTE_SUPPORT_ENDED = "remote_support_ended"
    REMOTE_SUPPORT_UNSTOPPED = "remote_support_unstopped"
    VIEWER_TOKEN = "viewer_token"  # noqa: S105 - the name of a mail, not a secret
    VIEWER_REFUSED = "viewer_refused"
    VIEWER_UNUSED = "viewer_unused"


TENANT_TEMPLATES: tuple[Mail, ...] = tuple(Mail)[:13]
"""The templates a tenant may change, in the order of TPL-01."""


class ApiKeyScope(StrEnum):
    READ = "read"
    WRITE = "write"


class OperatorAction(StrEnum):
    """What an operator can do for a procedure that waits for one (GEN-08)."""

    RETRY = "retry"
    SKIP = "skip"
    END = "end"
