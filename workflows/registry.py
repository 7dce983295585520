"""Every workflow that a worker runs."""

from workflows.account_lock import AccountLock
from workflows.contract import Contract
from workflows.contract_shortage import ContractShortage, ContractShortageCheck
from workflows.fleet_restart import FleetRestart
from workflows.housekeeping import Housekeeping
from workflows.notification_address import NotificationAddress, NotificationAddressChange
from workflows.password_reset import PasswordReset
from workflows.personal_invitation import PersonalInvitation
from workflows.recurrences import RecurrencesOnTheWorldClock
from workflows.remote_support import RemoteSupport
from workflows.restart import Restart
from workflows.return_kit import ReturnKit
from workflows.service_application import ServiceApplication
from workflows.shipment import Shipment
from workflows.signup import Signup
from workflows.utm_addition import UtmAddition
from workflows.viewer_access import ViewerAccess

WORKFLOWS: list[type] = [
    AccountLock,
    Contract,
    ContractShortage,
    ContractShortageCheck,
    FleetRestart,
    Housekeeping,
    NotificationAddress,
    NotificationAddressChange,
    PasswordReset,
    PersonalInvitation,
    RecurrencesOnTheWorldClock,
    RemoteSupport,
    Restart,
    ReturnKit,
    ServiceApplication,
    Shipment,
    Signup,
    UtmAddition,
    ViewerAccess,
]
