"""What the contract-shortage notice's workflows and activities say to each other (SET-09)."""

from datetime import datetime

from models.messages.procedure import Identity, Message


class TenantsInZone(Message):
    tenant_ids: tuple[str, ...]


class RecordShortages(Message):
    """Some of the zone's tenants. `at`: of the run; the notice is of its day in the tenant's zone."""

    tenant_ids: tuple[str, ...]
    at: datetime


class ShortageNotices(Message):
    """Those of the tenants that have something to tell, and somebody to tell it to."""

    notices: tuple[Identity, ...] = ()


class ShortageNoticeStart(Message):
    """A notice that is recorded, its mails queued."""

    identity: Identity
