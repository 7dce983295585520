"""Limits on how often anonymous callers may ask, per client and per mail address; and devices, each. Kept in memory.

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
    "viewer_request_per_client",
    "viewer_request_per_pc",
    "viewer_request_per_address",
    "viewer_token_per_client",
    "link_per_client",
    "postal_code_per_client",
    "codec_per_client",
    "heartbeat_per_device",
    "poll_per_device",
    "result_per_device",
]
_IPV6_NETWORK_BITS = 64  # what one customer of a provider has
_SWEPT_EVERY_SECONDS = 60


class ManyKeys(MemoryStorage):
    """The library's storage looks through all its keys at every request, which takes long with ten thousand devices."""

    _swept_at = 0.0

    async def incr(self, key: str, expiry: float, amount: int = 1) -> int:
        now = time.time()
        if now - self._swept_at > _SWEPT_EVERY_SECONDS:
            self._swept_at = now
            for old in [old for old, until in self.expirations.items() if until <= now]:
                self.storage.pop(old, None)
                self.expirations.pop(old, None)
        await self.get(key)  # forgets it when it has expired
        self.storage[key] += amount
        self.expirations.setdefault(key, now + expiry)
        return self.storage[key]


class RateLimiter:
    def __init__(self, limits: RateLimits) -> None:
        self._limits: dict[str, RateLimitItem] = {name: parse(limit) for name, limit in limits}
        self._window = SlidingWindowCounterRateLimiter(ManyKeys())

    async def take(self, name: LimitName, key: str) -> None:
        """Count one request of `key`: a client's address, a mail address, or the digest of a device's token.

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


async def _limiter(request: Request) -> RateLimiter:
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
