"""Limits on how often anonymous callers may ask, per client and per mail address. Kept in the process's memory.

    @router.post("/v1/sessions", dependencies=[per_client("sign_in_per_client")])

and, where a limit is an address's own: `await limiter.take("apply_per_address", body.company.mail_address)`.
"""

import ipaddress
import math
import time
from collections.abc import Callable
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Request
from limits import RateLimitItem, parse
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

from models.refusals import TooManyRequests
from settings import RateLimits

LimitName = Literal[
    "apply_per_client",
    "apply_per_address",
    "sign_in_per_client",
    "password_reset_per_client",
    "password_reset_per_address",
    "link_per_client",
    "postal_code_per_client",
    "codec_per_client",
]
_IPV6_NETWORK_BITS = 64  # what one customer of a provider has


class RateLimiter:
    def __init__(self, limits: RateLimits) -> None:
        self._limits: dict[str, RateLimitItem] = {name: parse(limit) for name, limit in limits}
        self._window = SlidingWindowCounterRateLimiter(MemoryStorage())

    async def take(self, name: LimitName, key: str) -> None:
        """Count one request of `key`: a client's address, or a mail address.

        Raises:
            TooManyRequests: with the seconds after which it is worth asking again.
        """
        limit = self._limits[name]
        if not await self._window.hit(limit, name, key.lower()):
            stats = await self._window.get_window_stats(limit, name, key.lower())
            # The library counts by the system's clock; what is limited is real load, under rehearsal too.
            raise TooManyRequests(retry_after=max(1, math.ceil(stats.reset_time - time.time())))


def client_key(request: Request) -> str:
    """The client's address; of IPv6 the network, because a client has as many addresses there as it likes."""
    host = request.client.host if request.client else ""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is None:
        return str(ipaddress.ip_network((address, _IPV6_NETWORK_BITS), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)


def _limiter(request: Request) -> RateLimiter:
    limiter: RateLimiter = request.app.state.rate_limiter
    return limiter


Limiter = Annotated[RateLimiter, Depends(_limiter)]


def per_client(name: LimitName) -> Any:  # noqa: ANN401 - FastAPI types its dependencies so
    """A route's dependency: the client's address may ask so often."""

    async def take(request: Request, limiter: Limiter) -> None:
        await limiter.take(name, client_key(request))

    checked: Callable[..., Any] = take
    return Depends(checked)


def register(app: FastAPI, limiter: RateLimiter) -> None:
    app.state.rate_limiter = limiter
