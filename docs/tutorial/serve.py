"""The site of the tutorial, on this machine only. Run it in its own terminal, and stop it with Ctrl-C."""

from __future__ import annotations

import json
from contextlib import suppress
from threading import Event

from httpconn.testing import Script, ScriptedServer, Stall, response

PORT = 8000
SITE: Script = {
    "/prices.json": response(
        headers={"Content-Type": "application/json"}, body=json.dumps({"apple": 1.2, "pear": 2.5}).encode()
    ),
    "/notes.txt": response(headers={"Content-Type": "text/plain; charset=utf-8"}, body="Grüße aus Köln".encode()),
    "/cat.png": response(headers={"Content-Type": "image/png"}, body=b"\x89PNG\r\n\x1a\n" + bytes(48_000)),
    "/weights.bin": response(body=bytes(3 * 1024 * 1024)),
    "/missing": response(404),
    "/always-busy": response(503),
    "/huge.bin": [response(headers={"Content-Length": "10485760000"}), Stall()],
    "/stalled": Stall(),
}

if __name__ == "__main__":
    with ScriptedServer(SITE, port=PORT) as server, suppress(KeyboardInterrupt):
        print(f"The site is at {server.url}")
        Event().wait()
