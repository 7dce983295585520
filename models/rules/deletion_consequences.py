"""What deleting a customer leads to, as its dry run tells it (CUS-05)."""

from datetime import datetime

from models.rules.consequences import Consequence, in_order
from models.vocabulary import ConsequenceKind as Kind


def of_deleting(*, portal_users: int, signups: int, additions: int, viewers: int, now: datetime) -> list[Consequence]:
    """`signups`: how many of the portal users have not registered yet. `additions`: undecided applications.

    `viewers`: PCs that may view the company's data, or have asked to.
    """
    found = [Consequence(now, Kind.ERASED)]
    if portal_users:
        found.append(Consequence(now, Kind.USERS_REMOVED, {"portal_users": portal_users, "signups": signups}))
    if additions:
        found.append(Consequence(now, Kind.ADDITIONS_ENDED, {"count": additions}))
    if viewers:
        found.append(Consequence(now, Kind.VIEWERS_REVOKED, {"count": viewers}))
    return in_order(found)
