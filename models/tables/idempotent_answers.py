from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, Json, Table


class IdempotentAnswer(Table):
    """The first answer to an `Idempotency-Key`, body encrypted: it may hold what is shown only once."""

    __tablename__ = "idempotent_answers"

    scope_digest: Mapped[str] = mapped_column(primary_key=True)
    """Of caller, route and key."""
    fingerprint: Mapped[str]
    """Of the request's body."""
    status: Mapped[int]
    headers: Mapped[Json]
    body: Mapped[bytes]
    created_at: Mapped[Instant] = mapped_column(index=True)
