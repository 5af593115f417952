"""Runs inside a tool kernel: carries connections from its loopback to the proxy outside.

It decides nothing. Programs find it through the usual variables; what does not use them reaches
nothing, for the kernel's own network leads nowhere.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading

VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy")
LOOPBACK = "127.0.0.1"
PIECE_BYTES = 1 << 16


def forward_to(socket: str) -> None:
    """Listen, on a thread of its own, and tell programs where."""
    ready = threading.Event()
    ports: list[int] = []
    threading.Thread(
        target=lambda: asyncio.run(_serve(socket, ports, ready)), name="network", daemon=True
    ).start()
    ready.wait()
    for name in VARIABLES:
        os.environ[name] = f"http://{LOOPBACK}:{ports[0]}"


async def _serve(socket: str, ports: list[int], ready: threading.Event) -> None:
    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_unix_connection(socket)
            try:
                await asyncio.gather(_pump(reader, back), _pump(there, writer))
            finally:
                back.close()
        writer.close()

    server = await asyncio.start_server(carry, LOOPBACK, 0)
    ports.append(server.sockets[0].getsockname()[1])
    ready.set()
    await server.serve_forever()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            writer.write(piece)
            await writer.drain()
        writer.write_eof()
