"""A well-behaved application, for real servers and for ``httpx.ASGITransport(app)``."""

from __future__ import annotations

import gzip

import anyio
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

PERIOD = bytes(range(251))
"""A pattern of prime length, so that no two blocks of a usual size are equal."""

DOCUMENT = {"name": "httpconn", "numbers": [1, 2, 3], "text": "Grüße"}
TEXT = "Grüße aus Köln"


def pattern(size: int) -> bytes:
    """The content of ``/bytes/{size}`` and ``/gzip/{size}``."""
    return (PERIOD * (size // len(PERIOD) + 1))[:size]


async def send_bytes(request: Request) -> Response:
    return Response(pattern(request.path_params["size"]), media_type="application/octet-stream")


async def send_gzip(request: Request) -> Response:
    packed = gzip.compress(pattern(request.path_params["size"]))
    return Response(packed, media_type="application/octet-stream", headers={"Content-Encoding": "gzip"})


async def send_json(request: Request) -> Response:
    return JSONResponse(DOCUMENT)


async def send_text(request: Request) -> Response:
    charset = request.path_params["charset"]
    return Response(TEXT.encode(charset), headers={"Content-Type": f"text/plain; charset={charset}"})


async def redirect(request: Request) -> Response:
    hops = request.path_params["hops"]
    return RedirectResponse(f"/redirect/{hops - 1}" if hops > 1 else "/json", status_code=302)


async def send_status(request: Request) -> Response:
    return Response(status_code=request.path_params["status"])


async def echo_headers(request: Request) -> Response:
    return JSONResponse(dict(request.headers))


async def echo(request: Request) -> Response:
    return Response(await request.body(), headers={"X-Method": request.method})


async def refuse(_: Request) -> Response:
    """Respond without reading the body."""
    return Response(b"too large", status_code=413)


async def send_lines(_: Request) -> Response:
    return Response(b'{"a": 1}\r\n\n{"b": "\xe2\x80\xa8"}\n null', media_type="application/x-ndjson")


async def slow(request: Request) -> Response:
    await anyio.sleep(float(request.query_params["seconds"]))
    return Response(b"at last")


app = Starlette(
    routes=[
        Route("/bytes/{size:int}", send_bytes),
        Route("/gzip/{size:int}", send_gzip),
        Route("/json", send_json),
        Route("/text/{charset}", send_text),
        Route("/redirect/{hops:int}", redirect),
        Route("/status/{status:int}", send_status),
        Route("/echo-headers", echo_headers),
        Route("/slow", slow),
        Route("/echo", echo, methods=["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"]),
        Route("/refuse", refuse, methods=["POST", "PUT"]),
        Route("/lines", send_lines),
    ]
)
