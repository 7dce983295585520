"""The connection to Temporal that the API and the worker share."""

from temporalio.client import Client
from temporalio.runtime import Runtime

from models.encryption import Cipher
from workflows.codec import data_converter


async def connect(
    address: str, namespace: str, cipher: Cipher, *, lazy: bool = False, runtime: Runtime | None = None
) -> Client:
    """`lazy`: connect at the first call, so that the API starts without its engine (and says 503)."""
    return await Client.connect(
        address, namespace=namespace, data_converter=data_converter(cipher), lazy=lazy, runtime=runtime
    )
