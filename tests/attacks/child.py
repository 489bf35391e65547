"""A child process that fetches URLs, and prints the results and its peak memory."""

from __future__ import annotations

import json
import resource
import sys
from pathlib import Path
from typing import Any

import httpconn
from tests.servers.faces import Face, open_face

STATUS = Path("/proc/self/status")
LIMITS = httpconn.Limits(max_bytes=8 * 2**20)


def peak() -> int:
    """Return the peak memory of this process in bytes."""
    if not STATUS.exists():  # macOS, which counts in bytes; on Linux the number would include the parent's
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    line = next(each for each in STATUS.read_text().splitlines() if each.startswith("VmHWM"))
    return int(line.split()[1]) * 1024


def fetch(face: Face, connection: httpconn.HTTPConnection, url: str) -> dict[str, Any]:
    before = peak()
    try:
        result = f"{len(face.get_bytes(connection, url, timeout=0.3 if '/slow/' in url else 30))} bytes"
    except httpconn.HTTPConnError as error:
        result = type(error).__name__
    return {"result": result, "grown": peak() - before}


def main(name: str, origin: str, proxy: str, authority: str, *paths: str) -> None:
    with open_face(name) as face:
        options = {"proxy": proxy or None, "verify": authority or True, "http2": True, "limits": LIMITS}

        def fetched(path: str) -> dict[str, Any]:
            connection = httpconn.HTTPConnection(retries=0, **options)
            result = fetch(face, connection, origin + path)
            face.close(connection)
            return result

        fetched("/warm")
        before = peak()
        print(json.dumps({path: fetched(path) for path in paths} | {"all": peak() - before}))


if __name__ == "__main__":
    main(*sys.argv[1:])
