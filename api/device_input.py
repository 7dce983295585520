"""What devices send."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, SecretStr
from pydantic_core import PydanticCustomError

from models.fields import FirmwareVersion, Input, Instant, IpAddress, OrAbsent, PersonName, Reason
from models.session_credentials import SessionCredentials


def _printable(value: SecretStr) -> SecretStr:
    if not _PRINTABLE.fullmatch(value.get_secret_value()):
        raise PydanticCustomError("invalid_characters", "has characters that are not allowed")
    return value


_PRINTABLE = re.compile(r"[!-~]+")
SecretLine = Annotated[SecretStr, Field(min_length=1, max_length=128), AfterValidator(_printable)]
"""Up to 128 printable ASCII characters without spaces: a session's id or password. Never repeated, never logged."""


class HeartbeatInput(Input):
    """`device_time`: what the device's own clock says, if it wants to know how wrong it is."""

    version: FirmwareVersion
    ip_address: IpAddress
    device_time: OrAbsent[Instant] = None


class ResultInput(Input):
    """`started` comes before the device acts; it acts only once that was answered with 200.

    `detail`: why it failed, as the device puts it. Staff read it with the restart, and customers in the mail.
    `session_id`, `password`: of the remote-support session that has started.
    """

    state: Literal["started", "succeeded", "failed"]
    detail: OrAbsent[Reason] = None
    session_id: SecretLine | None = None
    password: SecretLine | None = None

    @property
    def credentials(self) -> SessionCredentials | None:
        """Of a remote-support session, when it has both."""
        if self.session_id is None or self.password is None:
            return None
        return SessionCredentials(session_id=self.session_id, password=self.password)


class SessionInput(Input):
    """A session that somebody on site has begun. `started_by`: who, if the device knows."""

    session_id: SecretLine
    password: SecretLine
    started_by: OrAbsent[PersonName] = None

    @property
    def credentials(self) -> SessionCredentials:
        return SessionCredentials(session_id=self.session_id, password=self.password)
