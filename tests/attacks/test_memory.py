"""Bombs and floods against a child process: each ends, all of them in limited memory."""

from __future__ import annotations

import json
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.attacks.bombs import MIB, PACK, bomb, dust
from tests.servers.faces import FACES
from tests.servers.scripted import Forever, ScriptedResponse, ScriptedServer, Stall, response

ROOT = Path(__file__).parents[2]
HEAD = b"HTTP/1.1 200 OK\r\n"
FOUND = b"HTTP/1.1 302 Found\r\nLocation: /warm\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n\r\n"
GROWTH = 64 * MIB


def coded(coding: str, body: bytes, head: bytes = HEAD) -> ScriptedResponse:
    lines = b"Content-Encoding: %s\r\nContent-Length: %d\r\n\r\n" % (coding.encode(), len(body))
    return [head + lines, body]


@cache
def attacks() -> dict[str, tuple[ScriptedResponse, set[str]]]:
    """Map each path to its response and its allowed results. Responses below /slow never end."""
    return {
        **{f"/bomb/{coding}": (coded(coding, bomb(coding)), {"LimitExceeded"}) for coding in PACK},
        "/bomb/nested": (coded("gzip, zstd", bomb("gzip, zstd")), {"LimitExceeded"}),
        "/bomb/three": (coded("gzip, gzip, gzip", bomb("gzip, gzip, gzip")), {"DecodingError"}),
        "/bomb/unasked": (coded("compress", bomb("gzip")), {"DecodingError"}),
        "/bomb/redirect": (coded("gzip", bomb("gzip"), FOUND), {"2 bytes"}),
        "/dust/gzip": (coded("gzip", dust("gzip")), {"DecodingError"}),
        "/dust/zstd": (coded("zstd", dust("zstd")), {"DecodingError"}),
        "/dust/skippable": (coded("zstd", dust("zstd skippable")), {"DecodingError"}),
        "/dust/nested": (coded("zstd, gzip", PACK["gzip"](dust("zstd") * 20)), {"DecodingError"}),
        "/skipped": (
            coded("zstd, gzip", PACK["gzip"](b"\x50\x2a\x4d\x18" + b"\0\0\0\x10" + bytes(100 * MIB))),
            {"LimitExceeded"},
        ),
        "/slow/length": ([HEAD + b"Content-Length: 8000000\r\n\r\n", Stall()], {"DeadlineExceeded"}),
        "/endless": ([HEAD + b"\r\n", Forever(bytes(65536))], {"LimitExceeded"}),
        "/chunks": ([HEAD + CHUNKED, Forever(b"10000\r\n" + bytes(65536) + b"\r\n")], {"LimitExceeded"}),
        "/slow/tiny": ([HEAD + CHUNKED, Forever(b"2\r\nab\r\n" * 1000)], {"LimitExceeded", "DeadlineExceeded"}),
        "/redirect": ([FOUND + CHUNKED, Forever(b"10000\r\n" + bytes(65536) + b"\r\n")], {"2 bytes"}),
        "/fields": ([HEAD + b"X: y\r\n" * 10**6 + b"\r\n"], {"HeaderTooLarge"}),
        "/line": ([HEAD + b"X: ", Forever(b"y" * 65536)], {"HeaderTooLarge"}),
        "/name": ([HEAD, Forever(b"y" * 65536)], {"HeaderTooLarge"}),
        "/reason": ([b"HTTP/1.1 200 ", Forever(b"y" * 65536)], {"HeaderTooLarge"}),
        "/trailers": ([HEAD + CHUNKED + b"0\r\n", Forever(b"X: y\r\n" * 1000)], {"HeaderTooLarge"}),
        "/extension": ([HEAD + CHUNKED + b"1;", Forever(b"y" * 65536)], {"HeaderTooLarge", "ProtocolError"}),
        "/interim": ([Forever(b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * 1000)], {"ProtocolError"}),
        "/cookies": ([HEAD + b"Set-Cookie: a=b\r\n" * 4000 + b"\r\n"], {"HeaderTooLarge"}),
        "/location": ([FOUND.replace(b"/warm", b"/" + b"x" * 90_000) + b"\r\n"], {"HeaderTooLarge"}),
    }


VICTIM = "http://victim.example"


@pytest.mark.parametrize("face_name", FACES)
@pytest.mark.parametrize("way", ["direct", "tls", "proxy"])
def test_every_bomb_and_flood_ends_in_limited_memory(face_name, way, certificates):
    tls, authority = (certificates.good, str(certificates.files.authority)) if way == "tls" else (None, "")
    scripts = {path: script for path, (script, _) in attacks().items()} | {"/warm": response(body=b"ok")}
    with ScriptedServer(lambda request: scripts[request.path.removeprefix(VICTIM)], tls=tls) as server:
        to = [VICTIM, server.url, ""] if way == "proxy" else [server.url, "", authority]
        command = [sys.executable, "-m", "tests.attacks.child", face_name, *to, *attacks()]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=200)
    found = json.loads(run.stdout)
    assert found.pop("all") < 1.5 * GROWTH, found  # the small growth of each, all together
    for path, (_, expected) in attacks().items():
        assert found[path]["result"] in expected, (path, found[path])
        assert found[path]["grown"] < GROWTH, (path, found[path])
