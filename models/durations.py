"""Every duration of the requirements, each a setting with the requirement's default (GEN-09)."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict


class Durations(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    application_confirmation: timedelta = timedelta(hours=24)  # APP-07
    application_reminder_business_days: tuple[int, ...] = (3, 7)  # APP-15
    application_reminder_interval: timedelta = timedelta(days=7)  # APP-15, after the last of the above
    application_hold_silence: timedelta = timedelta(days=30)  # APP-15
    personal_invitation: timedelta = timedelta(days=30)  # APP-18
    signup: timedelta = timedelta(days=7)  # TEN-02, USR-03
    signup_reminders_before_end: tuple[timedelta, ...] = (timedelta(days=3), timedelta(days=1))  # USR-03
    notification_address_confirmation: timedelta = timedelta(days=7)  # SET-06
    account_lock: timedelta = timedelta(hours=1)  # AUT-02
    password_reset: timedelta = timedelta(hours=1)  # AUT-04
    session: timedelta = timedelta(hours=12)  # AUT-05
    contract_renewal_notices: tuple[timedelta, ...] = (timedelta(days=60), timedelta(days=30))  # CON-05, whole days
    portal_closing: timedelta = timedelta(days=30)  # CAN-05, after the contract's end, whole days
    shipment_patience_business_days: int = 3  # SHP-04, after the planned arrival
    return_kit_due: timedelta = timedelta(days=28)  # KIT-01, whole days after the kit was sent, like the next two
    return_kit_reminders: tuple[timedelta, ...] = (timedelta(days=14), timedelta(days=28), timedelta(days=42))  # KIT-04
    return_kit_patience: timedelta = timedelta(days=56)  # KIT-04
    utm_silence: timedelta = timedelta(minutes=5)  # UTM-06, without a heartbeat a device is offline
    restart_horizon: timedelta = timedelta(days=90)  # RST-01, how far ahead a restart can be scheduled
    restart_offer: timedelta = timedelta(minutes=15)  # RST-05, until the device has confirmed it
    restart_result: timedelta = timedelta(minutes=15)  # after the device began, until it is back
    restart_lateness: timedelta = timedelta(minutes=60)  # RST-07, after this a restart of the past is missed
    restart_history: timedelta = timedelta(days=60)  # RST-06
    remote_support_approval: timedelta = timedelta(hours=24)  # RSA-01
    remote_support_session: timedelta = timedelta(
        hours=2
    )  # RSA-01, unless another duration is asked for; whole minutes
    remote_support_answer: timedelta = timedelta(minutes=15)  # RSA-03, until the device has answered
    remote_support_attempts: int = 3  # RSA-03, in all
    remote_support_retry: timedelta = timedelta(seconds=10)  # after the device has said that it failed
    remote_support_requests: int = 3  # of one UTM within the pause, so that mails wear nobody down; not in rehearsal
    remote_support_pause: timedelta = timedelta(hours=1)  # and after a denial, until it may be asked for again
    viewer_approval: timedelta = timedelta(days=7)  # VWR-02
    viewer_token: timedelta = timedelta(hours=24)  # VWR-03
    viewer_unused: timedelta = timedelta(days=180)  # VWR-05
    viewer_unused_notice: timedelta = timedelta(days=14)  # VWR-05, before the end
    mail_patience: timedelta = timedelta(days=5)  # a mail is given up after this
    mail_unknown_pause: timedelta = timedelta(minutes=10)  # the connection broke after the final dot
    mail_lease: timedelta = timedelta(seconds=20)  # renewed while sending; a dead sender's mail goes to another
    synchronous_answer: timedelta = timedelta(seconds=5)  # after this a command answers 202
    sign_in_tries_kept: timedelta = timedelta(days=90)  # wrong passwords after which nobody has come back
    idempotent_answers_kept: timedelta = timedelta(days=90)
    secret_answers_kept: timedelta = timedelta(days=1)  # those that hold what is shown only once
    adrift: timedelta = timedelta(days=1)  # whoever belongs nowhere for so long is forgotten: CUS-05
