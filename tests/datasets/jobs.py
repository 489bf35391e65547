"""A job in a process of its own, which tests kill, and a function for its rows."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

import httpconn
from httpconn import datasets


def loopback(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def reverse(row: dict[str, Any]) -> bytes:
    if row["row"] % 5 == 4:
        raise ValueError("not an image")
    return row["body"][::-1]


def die(row: dict[str, Any]) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


class Strange(Exception):
    def __init__(self, first: str, second: str) -> None:
        super().__init__(first + second)


def fail(row: dict[str, Any]) -> bytes:
    raise SystemExit(Strange("strange ", "error"))


def leave(row: dict[str, Any]) -> None:
    sys.exit(7)


def main(source: str, sink: str, form: str, processes: str, shard_size: str) -> None:
    with httpconn.HTTPConnection(retries=0) as connection:
        datasets.fetch(
            source,
            sink,
            format=form,  # type: ignore[arg-type]
            connection=connection,
            shard_size=int(shard_size),
            processes=int(processes),
            concurrency=4,
        )


if __name__ == "__main__":
    main(*sys.argv[1:])
