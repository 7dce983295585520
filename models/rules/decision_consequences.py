"""What staff's decision about a service application leads to, as its dry run tells it (APP-11…15)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from models.rules.consequences import Consequence, in_order
from models.rules.signup_dates import signup_reminders
from models.vocabulary import ConsequenceKind as Kind
from models.vocabulary import Decision, Mail


@dataclass(frozen=True)
class Undecided:
    """The application as it stands: mail addresses, and the durations that its decision sets going."""

    applicant: str
    users: Sequence[str]
    notification_addresses: Sequence[str]
    signup: timedelta
    signup_reminders_before_end: Sequence[timedelta]
    hold_silence: timedelta


def of_deciding(application: Undecided, decision: Decision, now: datetime) -> list[Consequence]:
    """What depends on the invited people, their registration, is told as what happens without it."""
    if decision is Decision.HOLD:
        resume = now + application.hold_silence
        return in_order(
            [
                Consequence(now, Kind.HELD),
                _mail(resume, Mail.APPLICATION_REMINDER, application.notification_addresses),
            ]
        )
    found = [
        _mail(now, Mail.APPLICATION_RESULT, [application.applicant]),
        _mail(now, Mail.APPLICATION_DECIDED, application.notification_addresses),
    ]
    if decision is Decision.APPROVE:
        expires_at = now + application.signup
        found.append(Consequence(now, Kind.CUSTOMER_CREATED, {"portal_users": len(application.users)}))
        found.append(_mail(now, Mail.PORTAL_USER_SIGNUP, application.users))
        found += [
            _mail(at, Mail.SIGNUP_REMINDER, application.users)
            for at in signup_reminders(expires_at, application.signup_reminders_before_end)
        ]
        found.append(Consequence(expires_at, Kind.SIGNUPS_EXPIRE, {"portal_users": len(application.users)}))
    return in_order(found)


def _mail(at: datetime, mail: Mail, recipients: Sequence[str]) -> Consequence:
    return Consequence(at, Kind.MAIL, {"template": mail, "recipients": list(recipients)})
