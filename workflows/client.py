"""The connection to Temporal that the API and the worker share."""

from temporalio.client import Client
from temporalio.runtime import Runtime
from temporalio.service import KeepAliveConfig

from models.encryption import Cipher
from workflows.codec import data_converter


async def connect(
    address: str,
    namespace: str,
    cipher: Cipher,
    *,
    lazy: bool = False,
    runtime: Runtime | None = None,
    pings: bool = True,
) -> Client:
    """`lazy`: connect at the first call, so that the API starts without its engine (and says 503).

    `pings`: whether the connection is probed every 30 s. The rehearsal's server takes the third probe in a row for an
    attack and hangs up, in the middle of any jump that takes longer than that.
    """
    return await Client.connect(
        address,
        namespace=namespace,
        data_converter=data_converter(cipher),
        lazy=lazy,
        runtime=runtime,
        keep_alive_config=KeepAliveConfig.default if pings else None,
    )
