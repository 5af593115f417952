"""The worker process: a Jupyter kernel by lifecycle, an HTTP server by trade.

    python -m notebook_agents.engine.worker -f CONNECTION_FILE --socket PATH [--model ID]…
    NOTEBOOK_AGENTS_ENGINE_TOKEN=… python -m notebook_agents.engine.worker --tcp HOST:PORT

On the unix socket (mode 0600) the file system decides who may ask; on TCP a bearer token does. The
process ends with the one that started it: their pipe on standard input closes, however that died.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import select
import signal
import socket
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets, bind_unix_socket

from notebook_agents.core.ports import Engine
from notebook_agents.engine.config import WorkerConfig, n_threads
from notebook_agents.engine.kernel import LifecycleKernel
from notebook_agents.engine.routes import make_application

TOKEN_VARIABLE = "NOTEBOOK_AGENTS_ENGINE_TOKEN"  # noqa: S105 - the name, not the token
MAX_BODY_BYTES = 64 * 1024 * 1024
_FAILED = 70
"""Exit status after an internal failure (EX_SOFTWARE of sysexits.h)."""
_ORPHANED = 71
"""Exit status when the parent is gone."""

_log = logging.getLogger("notebook_agents.engine")


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve until told to stop."""
    options = _parser().parse_args(arguments)
    if options.tcp and not os.environ.get(TOKEN_VARIABLE):
        raise SystemExit(f"--tcp needs a bearer token in {TOKEN_VARIABLE}")
    if not options.tcp and not options.socket:
        raise SystemExit("nothing to listen on: give --socket PATH or --tcp HOST:PORT")
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    _end_with_parent()
    # Read by torch and transformers when they are imported, which serving does.
    if options.threads or "OMP_NUM_THREADS" not in os.environ:
        os.environ["OMP_NUM_THREADS"] = str(n_threads(options.threads))
    os.environ.setdefault("USE_HUB_KERNELS", "NO")
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    connection = None
    if options.connection_file:
        connection = json.loads(Path(options.connection_file).read_text("utf-8"))
    asyncio.run(_serve(options, connection))


async def _serve(options: argparse.Namespace, connection: dict[str, Any] | None) -> None:
    from notebook_agents.engine.host import ModelHost

    config = WorkerConfig(
        models=tuple(options.model), device=options.device, threads=options.threads
    )
    host = ModelHost(config, on_failure=lambda: os._exit(_FAILED))
    servers = [_listen(host, token, sockets) for token, sockets in _sockets(options)]
    _log.info("serving, pid %d", os.getpid())
    try:
        await _until_stopped(connection, host.cancel_all)
    finally:
        for server in servers:
            server.stop()
        await host.aclose()
    _log.info("stopped")
    # The inference thread may be deep in a forward pass that nobody waits for any more.
    logging.shutdown()
    os._exit(0)


async def _until_stopped(
    connection: dict[str, Any] | None, on_interrupt: Callable[[], None]
) -> None:
    loop = asyncio.get_running_loop()
    stopped = asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stopped.set)
    loop.add_signal_handler(signal.SIGINT, on_interrupt if connection else stopped.set)
    if connection is None:
        await stopped.wait()
        return
    kernel = LifecycleKernel(connection, on_interrupt)
    loop.add_signal_handler(signal.SIGTERM, kernel.stop)
    try:
        await kernel.run()
    finally:
        kernel.close()


def _listen(host: Engine, token: str, sockets: Sequence[socket.socket]) -> HTTPServer:
    server = HTTPServer(make_application(host, token), max_body_size=MAX_BODY_BYTES)
    server.add_sockets(sockets)
    return server


def _sockets(options: argparse.Namespace) -> Iterator[tuple[str, list[socket.socket]]]:
    """The token and the sockets of each way in."""
    if options.socket:
        yield "", [bind_unix_socket(options.socket, mode=0o600)]
    if options.tcp:
        address, _, port = options.tcp.rpartition(":")
        yield (
            os.environ[TOKEN_VARIABLE],
            bind_sockets(int(port), address.strip("[]") or "127.0.0.1"),
        )


def _end_with_parent() -> None:
    """Exit as soon as the process that launched this one as a kernel is gone.

    Its end of the pipe closes at once; the check of the parent's id is for the case that another
    child of it holds that end open.
    """
    parent = int(os.environ.get("JPY_PARENT_PID") or 0)
    if parent <= 1 or not stat.S_ISFIFO(os.fstat(0).st_mode):
        return

    def watch() -> None:
        while os.getppid() == parent:
            is_readable, _, _ = select.select([0], [], [], 0.5)
            if is_readable and not os.read(0, 4096):
                break
        os._exit(_ORPHANED)

    threading.Thread(target=watch, name="parent watch", daemon=True).start()


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="notebook_agents.engine.worker", description=__doc__)
    parser.add_argument("-f", dest="connection_file", default="", help="Jupyter connection file")
    parser.add_argument("--socket", default="", help="path of the unix socket to serve")
    parser.add_argument("--tcp", default="", metavar="HOST:PORT", help="serve over TCP too")
    parser.add_argument("--model", action="append", default=[], help="offer this folder or hub id")
    parser.add_argument("--device", default="auto", help="torch device, or auto")
    parser.add_argument("--threads", type=int, default=0, help="CPU threads; 0 is cores - 1")
    return parser


if __name__ == "__main__":
    main()
