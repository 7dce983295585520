"""Every activity that a worker runs."""

from collections.abc import Callable
from typing import Any

from activities.account_lock import AccountLockActivities
from activities.housekeeping import HousekeepingActivities
from activities.letterpress import Letterpress
from activities.mail import MailActivities
from activities.notification_address import NotificationAddressActivities
from activities.password_reset import PasswordResetActivities
from activities.personal_invitation import PersonalInvitationActivities
from activities.procedures import ProcedureActivities
from activities.records import Records
from activities.service_application import ServiceApplicationActivities
from activities.signup import SignupActivities
from activities.smtp import Courier
from models.clock import Clock


def activities(records: Records, clock: Clock, courier: Courier, letterpress: Letterpress) -> list[Callable[..., Any]]:
    mail = MailActivities(records, clock, courier, letterpress)
    procedures = ProcedureActivities(records)
    application = ServiceApplicationActivities(records)
    signup = SignupActivities(records)
    invitation = PersonalInvitationActivities(records)
    notification_address = NotificationAddressActivities(records)
    housekeeping = HousekeepingActivities(records, clock)
    account_lock = AccountLockActivities(records)
    password_reset = PasswordResetActivities(records)
    return [
        mail.deliver_mails,
        mail.settle_mail,
        procedures.begin_procedure,
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
    ]
