"""A remote-support session's id and password, sealed with a key of their own (RSA-04).

They are kept from the device's report until the session's end, in its row and nowhere else. Only the route that the
device reports to and the printing of the two mails ever see them.
"""

from pydantic import BaseModel, ConfigDict, SecretStr
from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models.device_vocabulary import RemoteSupportState
from models.encryption import Cipher
from models.tables.devices import RemoteSupport


class SessionCredentials(BaseModel):
    model_config = ConfigDict(frozen=True)

    session_id: SecretStr
    password: SecretStr


async def keep(
    connection: AsyncConnection, cipher: Cipher, tenant_id: str, *, command_id: str, credentials: SessionCredentials
) -> None:
    """As long as the device is expected to carry out that order; afterwards, nothing."""
    waiting = (
        RemoteSupport.tenant_id == tenant_id,
        RemoteSupport.command_id == command_id,
        RemoteSupport.state == RemoteSupportState.STARTING,
    )
    request_id = await connection.scalar(select(RemoteSupport.request_id).where(*waiting).with_for_update())
    if request_id is None:
        return
    parts = (credentials.session_id.get_secret_value(), credentials.password.get_secret_value())
    sealed = cipher.encrypt("\n".join(parts).encode(), context=_place(tenant_id, request_id))
    await connection.execute(update(RemoteSupport).where(*waiting).values(credentials=sealed))


async def find(
    connection: AsyncConnection, cipher: Cipher, tenant_id: str, request_id: str
) -> SessionCredentials | None:
    """None once they are erased. Raises: DecryptionError: the key is not in the ring."""
    sealed = await connection.scalar(
        select(RemoteSupport.credentials).where(
            RemoteSupport.tenant_id == tenant_id, RemoteSupport.request_id == request_id
        )
    )
    if sealed is None:
        return None
    session_id, password = cipher.decrypt(sealed, context=_place(tenant_id, request_id)).decode().split("\n")
    return SessionCredentials(session_id=SecretStr(session_id), password=SecretStr(password))


def _place(tenant_id: str, request_id: str) -> bytes:
    """A sealed text opens in its own row only."""
    return f"remote support\n{tenant_id}\n{request_id}".encode()
