"""The mark of a form that a visitor has opened: what comes back with it was opened here, and is sent once."""

import hashlib
import hmac
from dataclasses import dataclass

from api.pages.visit import Visit
from models.identifiers import Draw


@dataclass(frozen=True)
class OpenedForm:
    key: bytes
    token: str
    """Of the link; the mark is good behind no other."""

    @classmethod
    def of(cls, visit: Visit) -> "OpenedForm":
        return cls(visit.context.link_key.key, visit.token)

    def begin(self) -> str:
        return self._mark(Draw().opaque_id())

    def is_ours(self, mark: str) -> bool:
        return hmac.compare_digest(mark.encode(), self._mark(mark.partition(".")[0]).encode())

    def _mark(self, form_id: str) -> str:
        message = f"opened form\n{self.token}\n{form_id}".encode()
        return f"{form_id}.{hmac.new(self.key, message, hashlib.sha256).hexdigest()}"
