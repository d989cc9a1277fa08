from __future__ import annotations

import asyncio
from collections.abc import Callable

from openmimc.app.admission import Admission


class Counting(asyncio.Protocol):
    open = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Counting.open += 1

    def connection_lost(self, exc: Exception | None) -> None:
        Counting.open -= 1


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def test_connections_beyond_the_bound_are_closed_and_those_within_live_on() -> None:
    admission = Admission(2, lambda: Counting.open)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(admission.guard(Counting), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    within = [await asyncio.open_connection("127.0.0.1", port) for _ in range(2)]
    await until(lambda: Counting.open == 2)

    reader, beyond = await asyncio.open_connection("127.0.0.1", port)
    try:
        data = await asyncio.wait_for(reader.read(), 10)
    except ConnectionResetError:
        data = b""

    assert data == b""
    assert admission.turned_away == 1
    assert Counting.open == 2
    beyond.close()
    for _, writer in within:
        writer.close()
        await writer.wait_closed()
    await until(lambda: Counting.open == 0)
    assert isinstance(admission.guard(Counting)(), Counting)
    server.close()
    await server.wait_closed()
