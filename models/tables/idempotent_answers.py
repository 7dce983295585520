from sqlalchemy import Index, text
from sqlalchemy.orm import Mapped, mapped_column

from models.tables.schema import Instant, Json, Table


class IdempotentAnswer(Table):
    """The first answer to an `Idempotency-Key`, body encrypted: it may hold what is shown only once."""

    __tablename__ = "idempotent_answers"
    __table_args__ = (
        Index("ix_idempotent_answers_about", "of_tenant", "about", postgresql_where=text("about IS NOT NULL")),
        Index("ix_idempotent_answers_secret", "created_at", postgresql_where=text("is_secret")),
    )

    scope_digest: Mapped[str] = mapped_column(primary_key=True)
    """Of caller, route and key."""
    fingerprint: Mapped[str]
    """Of the request's body."""
    status: Mapped[int]
    headers: Mapped[Json]
    body: Mapped[bytes]
    """Nothing at all once it is not to be given again: that the request has been answered stays known."""
    created_at: Mapped[Instant] = mapped_column(index=True)
    of_tenant: Mapped[str | None]
    about: Mapped[str | None]
    """The id of the customer, application or invitation whose people it names: it is emptied with them (CUS-05)."""
    is_secret: Mapped[bool] = mapped_column(server_default="false")
    """It holds what is shown only once."""
