"""Every activity that a worker runs."""

from collections.abc import Callable
from typing import Any

from activities.account_lock import AccountLockActivities
from activities.approval import ApprovalActivities
from activities.carrier import CarrierActivities, Dispatch
from activities.contract import ContractActivities
from activities.contract_shortage import ContractShortageActivities
from activities.fleet_restart import FleetRestartActivities
from activities.housekeeping import HousekeepingActivities
from activities.letterpress import Letterpress
from activities.mail import MailActivities
from activities.notification_address import NotificationAddressActivities
from activities.password_reset import PasswordResetActivities
from activities.personal_invitation import PersonalInvitationActivities
from activities.procedures import ProcedureActivities
from activities.records import Records
from activities.remote_support import RemoteSupportActivities
from activities.restart import RestartActivities
from activities.return_kit import ReturnKitActivities
from activities.service_application import ServiceApplicationActivities
from activities.shipment import ShipmentActivities
from activities.signup import SignupActivities
from activities.smtp import Courier
from activities.utm_addition import UtmAdditionActivities
from activities.viewer_access import ViewerAccessActivities
from models.clock import Clock


def activities(
    records: Records,
    clock: Clock,
    *,
    courier: Courier,
    letterpress: Letterpress,
    dispatch: Dispatch,
    cancellation_fee: int | None = None,
) -> list[Callable[..., Any]]:
    mail = MailActivities(records, clock, courier, letterpress)
    procedures = ProcedureActivities(records)
    application = ServiceApplicationActivities(records)
    signup = SignupActivities(records)
    invitation = PersonalInvitationActivities(records)
    notification_address = NotificationAddressActivities(records)
    housekeeping = HousekeepingActivities(records, clock)
    account_lock = AccountLockActivities(records)
    password_reset = PasswordResetActivities(records)
    carrier = CarrierActivities(records, dispatch.carrier)
    shipment = ShipmentActivities(records, dispatch.tracking_url)
    return_kit = ReturnKitActivities(records, dispatch.non_return_charge)
    contract = ContractActivities(records, cancellation_fee)
    addition = UtmAdditionActivities(records)
    contract_shortage = ContractShortageActivities(records)
    restart = RestartActivities(records)
    approval = ApprovalActivities(records)
    remote_support = RemoteSupportActivities(records)
    viewer_access = ViewerAccessActivities(records)
    fleet_restart = FleetRestartActivities(records)
    return [
        approval.record_approval_decision,
        approval.record_approval_delegation,
        approval.record_approval_timer,
        approval.record_approval_end,
        remote_support.record_remote_support,
        remote_support.record_remote_support_undecided,
        remote_support.record_remote_support_start,
        remote_support.record_remote_support_report,
        remote_support.record_remote_support_unanswered,
        remote_support.record_remote_support_end,
        viewer_access.record_viewer_request,
        viewer_access.record_viewer_outcome,
        viewer_access.record_viewer_redemption,
        viewer_access.record_viewer_unredeemed,
        viewer_access.record_viewer_idleness,
        viewer_access.record_viewer_close,
        fleet_restart.record_fleet_restart,
        fleet_restart.record_fleet_batch,
        fleet_restart.record_fleet_cancel,
        fleet_restart.record_fleet_taken_back,
        fleet_restart.record_fleet_end,
        fleet_restart.find_fleet_standing,
        restart.record_restart_request,
        restart.record_restart_cancel,
        restart.record_restart_slot,
        restart.record_restart_missed,
        restart.record_restart_report,
        restart.record_restart_given_up,
        restart.record_restart_end,
        restart.find_restarts,
        contract_shortage.find_tenants_in_zone,
        contract_shortage.record_shortage_notices,
        mail.deliver_mails,
        mail.settle_mail,
        procedures.begin_procedure,
        procedures.begin_procedures,
        procedures.nudge_procedures,
        procedures.record_attention,
        procedures.record_end,
        application.record_submission,
        application.record_confirmation,
        application.record_hold,
        application.record_decision,
        application.record_application_close,
        application.record_application_reminder,
        signup.record_signup_opening,
        signup.record_signup_reminder,
        signup.record_signup_registration,
        signup.record_signup_expiry,
        signup.record_signup_deletion,
        invitation.record_invitation_sending,
        invitation.record_invitation_opened,
        invitation.find_invitation_state,
        invitation.record_invitation_end,
        notification_address.record_address_change,
        notification_address.find_address_state,
        notification_address.record_address_confirmation,
        notification_address.record_address_end,
        housekeeping.tidy_up,
        account_lock.record_account_lock,
        password_reset.record_reset_request,
        password_reset.record_reset_completion,
        password_reset.record_reset_close,
        signup.record_signup_end,
        carrier.request_parcel,
        carrier.cancel_parcel,
        shipment.record_shipment_request,
        shipment.stop_shipment,
        shipment.find_shipment,
        shipment.record_shipment_report,
        shipment.record_shipment_overdue,
        shipment.record_shipment_stopped,
        shipment.record_shipment_end,
        return_kit.begin_return_kits,
        return_kit.undo_return_kits,
        return_kit.find_return_kit,
        return_kit.record_kit_request,
        return_kit.record_kit_report,
        return_kit.record_kit_received,
        return_kit.record_kit_resend,
        return_kit.record_kit_waiver,
        return_kit.record_kit_reminder,
        return_kit.record_kit_unreturned,
        return_kit.record_kit_closed,
        return_kit.record_kit_undone,
        return_kit.record_kit_end,
        contract.record_contract_application,
        contract.record_cancellation,
        contract.record_cancellation_move,
        contract.record_cancellation_undo,
        contract.record_contract_due,
        contract.record_contract_change,
        contract.record_contract_close,
        contract.find_delivery,
        addition.record_addition,
        addition.record_addition_decision,
        addition.record_addition_reminder,
        addition.record_addition_end,
    ]
