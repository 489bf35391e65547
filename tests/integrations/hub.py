"""A Hugging Face hub on loopback, with one model."""

from __future__ import annotations

import hashlib
import json
import re
from urllib.parse import unquote

from tests.servers.scripted import Close, Received, Script, response

REPOSITORY = "org/model"
COMMIT = "c" * 40
LARGE = bytes(range(256)) * 20_000
FILES = {"config.json": b'{"layers": 2}', "data/a.txt": b"Gr\xc3\xbc\xc3\x9fe", "weights.bin": LARGE}
IN_STORAGE = "weights.bin"  # a redirect leads to it, as to a file in LFS


class Hub:
    """A script that responds like the hub.

    Attributes:
        cuts: number of further transfers of the large file that break after 100,000 bytes.
        failures: number of further requests with the response 503.
    """

    def __init__(self) -> None:
        self.cuts = 0
        self.failures = 0

    def __call__(self, request: Received) -> Script:
        """Respond to a request."""
        if self.failures:
            self.failures -= 1
            return response(503)
        path = unquote(request.path)
        if path == f"/cdn/{IN_STORAGE}":
            assert request.header("Authorization") is None
            return self._part_of(request, LARGE, {"ETag": f'"{_digest(LARGE)}"'})
        resolve = re.fullmatch(rf"/{REPOSITORY}/resolve/(?:main|{COMMIT})/(.+)", path)
        if resolve is not None and resolve[1] in FILES:
            return self._file(request, resolve[1])
        if path.startswith("/api/models/"):
            return _api(path, recursive=b"recursive=true" in request.target.lower())
        return response(404, {"X-Error-Code": "EntryNotFound"})

    def _file(self, request: Received, name: str) -> Script:
        content = FILES[name]
        headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{_digest(content)}"'}
        if name == IN_STORAGE:
            linked = {"X-Linked-Size": str(len(content)), "X-Linked-Etag": f'"{_digest(content)}"'}
            # A hub's storage is another host, which must not see the token.
            host = (request.header("Host") or "").replace("127.0.0.1", "localhost")
            return response(302, {**headers, **linked, "Location": f"http://{host}/cdn/{name}"})
        return self._part_of(request, content, headers)

    def _part_of(self, request: Received, content: bytes, headers: dict[str, str]) -> Script:
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", request.header("Range") or "")
        status, part = 200, content
        if asked is not None:
            first, last = int(asked[1]), int(asked[2] or len(content) - 1)
            last = min(last, len(content) - 1)
            part, status = content[first : last + 1], 206
            headers = {**headers, "Content-Range": f"bytes {first}-{last}/{len(content)}"}
        if request.method == "HEAD":
            return response(status, {**headers, "Content-Length": str(len(part))})
        whole = response(status, headers, part)
        if content is LARGE and self.cuts:
            self.cuts -= 1
            return [whole[: len(whole) - len(part) + 100_000], Close()]
        return whole


def _api(path: str, *, recursive: bool) -> bytes:
    if "/tree/" in path:
        folder = {"type": "directory", "path": "data", "oid": "d" * 40, "size": 0}
        found: object = [_entry(name) for name in FILES if recursive or "/" not in name] + [folder]
    elif "/paths-info/" in path:
        found = [_entry("config.json")]
    else:
        siblings = [{"rfilename": name} for name in FILES]
        found = {"id": REPOSITORY, "modelId": REPOSITORY, "sha": COMMIT, "private": False, "siblings": siblings}
    return response(200, {"Content-Type": "application/json"}, json.dumps(found).encode())


def _entry(name: str) -> dict[str, object]:
    return {"type": "file", "path": name, "size": len(FILES[name]), "oid": "b" * 40}


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
