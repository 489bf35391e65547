"""Real servers of the application: uvicorn for HTTP/1.1, hypercorn for HTTP/2."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any, Literal, cast

import anyio
import hypercorn
import uvicorn
from anyio.from_thread import start_blocking_portal
from hypercorn.asyncio import serve

from tests.servers.application import app
from tests.servers.tls import Certificates

HOST = "127.0.0.1"
PATIENCE = 30.0


@contextmanager
def serve_http1(served_app: Any = app, lifespan: Literal["on", "off"] = "off") -> Iterator[str]:
    """The URL of uvicorn, run in a thread."""
    # The socket listens before uvicorn accepts, so early clients wait in its queue.
    sock = socket.create_server((HOST, 0))
    url = f"http://{HOST}:{sock.getsockname()[1]}"
    server = uvicorn.Server(
        uvicorn.Config(
            served_app, loop="asyncio", ws="none", lifespan=lifespan, log_config=None, timeout_graceful_shutdown=1
        )
    )
    with start_blocking_portal("asyncio") as portal:
        served = portal.start_task_soon(server.serve, [sock])
        yield url
        server.should_exit = True
        served.result(PATIENCE)


@contextmanager
def serve_http2(certificates: Certificates) -> Iterator[str]:
    """The https URL of hypercorn, run in a thread, which offers h2 and http/1.1 (ALPN)."""
    sock = socket.create_server((HOST, 0))
    url = f"https://{HOST}:{sock.getsockname()[1]}"
    config = hypercorn.Config()
    config.bind = [f"fd://{sock.detach()}"]
    config.certfile = config.keyfile = str(certificates.files.server)
    config.errorlog = None
    config.graceful_timeout = 0.1
    with start_blocking_portal("asyncio") as portal:
        stop = portal.call(anyio.Event)
        # hypercorn describes an application more narrowly than starlette does.
        served = portal.start_task_soon(partial(serve, cast(Any, app), config, shutdown_trigger=stop.wait))
        yield url
        portal.call(stop.set)
        served.result(PATIENCE)
