"""Bodies to send, and a server that shows what it received."""

from __future__ import annotations

import json

from tests.servers.application import pattern
from tests.servers.scripted import response

LARGE = pattern(5_000_000)


class OneShot:
    """An iterator of bytes for all runtimes, which notes how far it was read."""

    def __init__(self, parts):
        self._parts = iter(parts)
        self.taken = 0

    def __iter__(self):
        return self

    def __next__(self):
        part = next(self._parts)
        self.taken += 1
        return part


def endless():
    while True:
        yield b"x" * 65536


def echo(request):
    """Respond with the method, the header and the body of a request."""
    header = {name.decode().lower(): value.decode() for name, value in request.headers}
    return response(body=json.dumps([request.method, header, request.body.decode("latin-1")]).encode())


def then_echo(first):
    """Send one response, and echo all further requests."""
    left = [first]
    return lambda request: left.pop() if left else echo(request)
