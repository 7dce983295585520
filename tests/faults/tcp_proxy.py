"""A TCP proxy before one server, for what can be wrong with a network: each fault is a call, and lasts until `lift`.

It meets what is under way and what comes. While a connection here is silent, the kernels at both ends have packets
acknowledged: nobody is told by TCP's own patience, so each end is as good as its own.
"""

import asyncio
import contextlib
import socket
import struct
from dataclasses import dataclass

_CHUNK = 64 * 1024
_AT_ONCE = struct.pack("ii", 1, 0)


@dataclass(eq=False)
class Passage:
    """One connection through the proxy: the end that the client holds, and the server's."""

    client: asyncio.StreamWriter
    server: asyncio.StreamWriter | None = None
    is_half_open: bool = False

    def reset(self) -> None:
        """Both ends are told (RST)."""
        _reset(self.client)
        self.lose_server()

    def lose_server(self) -> None:
        if self.server is not None:
            _reset(self.server)

    def close(self) -> None:
        for end in (self.client, self.server):
            if end is not None:
                end.close()


class TcpProxy:
    """`touched` is set once something has met the present fault."""

    def __init__(self, port: int, target: int) -> None:
        self.port = port
        self.touched = asyncio.Event()
        self._target = target
        self._listener: asyncio.Server | None = None
        self._passages: set[Passage] = set()
        self._flows = asyncio.Event()
        self._flows.set()
        self._lifted = asyncio.Event()
        self._latency = 0.0
        self._halves = False
        self._left: int | None = None
        """How many bytes may still go towards the server."""

    async def listen(self) -> None:
        self._listener = await asyncio.start_server(self._carry, "127.0.0.1", self.port)

    # The faults.

    def refuse(self) -> None:
        """Nobody is there: what is open is reset, what is new is refused."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None
        self._reset_all()

    def blackhole(self) -> None:
        """Connections stay, and new ones are taken; nothing passes in either direction."""
        self._flows.clear()

    def reset_mid_message(self) -> None:
        """Half of whatever is sent next on a connection comes through, then both ends are reset."""
        self._halves = True

    def delay(self, seconds: float) -> None:
        """Everything arrives that much later, in order."""
        self._latency = seconds

    def drop_after(self, count: int) -> None:
        """So many more bytes go towards the server, of all connections together; whatever sends more is closed."""
        self._left = count

    def half_open(self) -> None:
        """The server's ends are gone and the clients are not told; new connections are well."""
        for passage in self._passages:
            passage.is_half_open = True
            passage.lose_server()
            self.touched.set()

    async def lift(self) -> None:
        """All is well again: what was silent goes on, and what has lost its other end is told so at last."""
        self._latency, self._halves, self._left = 0.0, False, None
        self._flows.set()
        self._lifted.set()
        self._lifted = asyncio.Event()
        self.touched.clear()
        if self._listener is None:
            await self.listen()

    # The traffic.

    async def _carry(self, from_client: asyncio.StreamReader, client: asyncio.StreamWriter) -> None:
        """One connection, until an end has done with it."""
        passage, ways = Passage(client), list[asyncio.Task[None]]()
        self._passages.add(passage)
        try:
            await self._meet()
            from_server, passage.server = await asyncio.open_connection("127.0.0.1", self._target)
            ways += [
                asyncio.create_task(self._way(passage, from_client, passage.server, is_outward=True)),
                asyncio.create_task(self._way(passage, from_server, client, is_outward=False)),
            ]
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
            if passage.is_half_open:
                await self._lifted.wait()
                passage.reset()
        except OSError:
            passage.reset()  # the server itself is away
        finally:
            for way in ways:
                way.cancel()
            passage.close()
            self._passages.discard(passage)

    async def _way(
        self, passage: Passage, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, is_outward: bool
    ) -> None:
        with contextlib.suppress(OSError):
            while chunk := await reader.read(_CHUNK):
                await self._meet()
                passing = self._passing(chunk, is_outward=is_outward)
                writer.write(passing)
                await writer.drain()
                if len(passing) < len(chunk):
                    self.touched.set()
                    passage.reset() if self._halves else passage.close()
                    return

    async def _meet(self) -> None:
        """The faults that only cost time."""
        if self._latency:
            self.touched.set()
            await asyncio.sleep(self._latency)
        if not self._flows.is_set():
            self.touched.set()
            await self._flows.wait()

    def _passing(self, chunk: bytes, *, is_outward: bool) -> bytes:
        if self._halves:
            return chunk[: len(chunk) // 2]
        if self._left is None or not is_outward:
            return chunk
        passing = chunk[: self._left]
        self._left -= len(passing)
        return passing

    def _reset_all(self) -> None:
        for passage in list(self._passages):
            passage.reset()
            self.touched.set()


def _reset(writer: asyncio.StreamWriter) -> None:
    connection: socket.socket | None = writer.get_extra_info("socket")
    if connection is not None:
        with contextlib.suppress(OSError):  # it has gone by itself
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
    writer.transport.abort()
