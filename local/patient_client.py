"""An HTTP client that waits for a part of the stack that was killed: it is back within seconds."""

import asyncio
from http import HTTPStatus

import httpx2

_PATIENCE = 180.0  # seconds: so long may a jump of a rehearsal take, over a year
_AGAIN_AFTER = 0.3  # seconds


class PatientTransport(httpx2.AsyncHTTPTransport):
    """Asks again whoever is not reached, hangs up, or says 503, as a person presses again what did not load.

    What is asked must be harmless twice: commands by their key (GEN-03), links by what they are for (GEN-06).
    """

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        loop = asyncio.get_running_loop()
        until = loop.time() + _PATIENCE
        while True:
            try:
                answer = await super().handle_async_request(request)
            except httpx2.TransportError:
                if loop.time() > until:
                    raise
            else:
                if answer.status_code != HTTPStatus.SERVICE_UNAVAILABLE or loop.time() > until:
                    return answer
                await answer.aclose()
            await asyncio.sleep(_AGAIN_AFTER)
