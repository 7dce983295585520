"""A password on its way from the form to the confirmation step and back: in the page, where only we can read it.

It is encrypted for its link, so it opens behind no other, and the server keeps nothing of it between the two steps.
"""

import base64
import binascii

from api.pages.visit import Visit
from models.encryption import DecryptionError

FIELD = "sealed_password"


def seal(visit: Visit, password: str) -> str:
    return base64.urlsafe_b64encode(visit.context.cipher.encrypt(password.encode(), context=_place(visit))).decode()


def unseal(visit: Visit, sealed: str) -> str | None:
    """None when it is no password sealed for this link."""
    try:
        return visit.context.cipher.decrypt(base64.urlsafe_b64decode(sealed), context=_place(visit)).decode()
    except (DecryptionError, binascii.Error, ValueError):
        return None


def _place(visit: Visit) -> bytes:
    return f"password entered behind {visit.link.link_id}".encode()
