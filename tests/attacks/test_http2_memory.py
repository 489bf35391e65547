"""Floods and bombs over HTTP/2 against a child process: each ends with an error in limited memory."""

from __future__ import annotations

import json
import re
import select
import subprocess
import sys

import hyperframe.frame as frames
import pytest

from tests.attacks.bombs import bomb
from tests.attacks.test_http2 import CONTENT_ENCODING, FLOODS, begun, continued, indexed_flood
from tests.attacks.test_memory import GROWTH, ROOT
from tests.http.frames import STATUS_200, data, headers, literal, serving
from tests.servers.faces import FACES

HEAD = headers(STATUS_200)
PACKED = bomb("gzip")
ATTACKS = {
    **FLOODS,
    "acknowledged settings": (b"", frames.SettingsFrame(0, flags=["ACK"]).serialize() * 100),
    "resets": (HEAD, frames.RstStreamFrame(1, 8).serialize() * 100),
    "farewells": (HEAD, frames.GoAwayFrame(0, 1).serialize() * 100),
    "windows of the connection": (HEAD, frames.WindowUpdateFrame(0, 1).serialize() * 100),
    "continuations without end": (begun(), continued(b"\x00\x01x\x7f\x80\x7f" + b"y" * 255) * 100),
    "indexed fields": (headers(indexed_flood(8000)), b""),
    "indexed fields in continuations": (begun(indexed_flood(8000)), continued(b"\xbe" * 16_000)),
    "heads": (HEAD, HEAD * 100),
    "gzip": (
        headers(STATUS_200 + literal(CONTENT_ENCODING, b"gzip"))
        + b"".join(frames.DataFrame(1, PACKED[at : at + 16_384]).serialize() for at in range(0, len(PACKED), 16_384)),
        b"",
    ),
}
PATHS = {f"/attack/{number}/": attack for number, attack in enumerate(ATTACKS.values())}


def attack(client) -> None:
    received = b""
    while not (target := re.search(rb"/attack/\d+/|/warm", received)):
        received += client.recv(10_000)
    once, flood = PATHS.get(target[0].decode(), (HEAD + data(b"ok"), b""))
    client.sendall(frames.SettingsFrame(0).serialize() + once)
    while flood:
        client.sendall(flood)
        while select.select([client], [], [], 0)[0] and client.recv(10_000):
            pass
    while client.recv(10_000):
        pass


@pytest.mark.parametrize("face_name", FACES)
def test_every_flood_ends_with_an_error_in_limited_memory(face_name, certificates):
    with serving(certificates, attack) as url:
        to = [url, "", str(certificates.files.authority)]
        command = [sys.executable, "-m", "tests.attacks.child", face_name, *to, *PATHS]
        run = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=200)
    found = json.loads(run.stdout)
    assert found.pop("all") < GROWTH, found
    results = dict(zip(ATTACKS, found.values(), strict=True))
    for name, result in results.items():
        assert not result["result"].endswith(("bytes", "TimedOut", "DeadlineExceeded")), (name, result)
        assert result["grown"] < GROWTH, (name, result)
