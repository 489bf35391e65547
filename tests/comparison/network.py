"""A simulated internet with one server. A case sets the addresses of names, and connections are recorded."""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

PUBLIC = "93.184.215.14"
PRIVATE = "10.0.0.1"
INSIDE = "inside.example"
OWN = ("example", "localdomain")
_resolve = socket.getaddrinfo
_connect = socket.socket.connect
_peer = socket.socket.getpeername


class Internet:
    """Replaces the resolver and the network of this process.

    The public address leads to the server on its port 80; every other connection is refused. An audit hook, which
    sees the calls of the interpreter itself, checks that no connection bypasses this.

    Attributes:
        dialled: connected addresses since the case began, in their order.
    """

    def __init__(self, server: tuple[str, int]) -> None:
        self._server = server
        self._lookups: list[list[str]] = []
        self.dialled: list[str] = []

    @contextmanager
    def case(self, lookups: list[list[str]]) -> Iterator[None]:
        """Set the addresses of the names for each lookup. The last ones repeat. INSIDE is PRIVATE."""
        self._lookups, self.dialled = [*map(list, lookups)], []
        yield

    def install(self) -> None:
        """Install this for the rest of the process."""
        internet = self
        socket.getaddrinfo = self._getaddrinfo
        socket.socket.connect = lambda sock, address: internet._dial(sock, address)
        socket.socket.connect_ex = lambda sock, address: internet._dial_ex(sock, address)
        socket.socket.getpeername = lambda sock: internet._named(sock)
        sys.addaudithook(self._audit)

    def _audit(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event != "socket.connect" or not arguments[0].type & socket.SOCK_STREAM:
            return
        if tuple(arguments[1][:2]) != self._server:
            self.dialled.append(str(arguments[1][0]))
            raise ConnectionRefusedError(111, "refused")

    def _dial(self, sock: socket.socket, address: Any) -> None:
        if not sock.type & socket.SOCK_STREAM:
            _connect(sock, address)  # sends nothing
            return
        self.dialled.append(str(address[0]))
        if tuple(address[:2]) != (PUBLIC, 80):
            raise ConnectionRefusedError(111, "refused")
        _connect(sock, self._server)

    def _dial_ex(self, sock: socket.socket, address: Any) -> int:
        try:
            self._dial(sock, address)
        except OSError as error:
            return error.errno or 111
        return 0

    def _named(self, sock: socket.socket) -> Any:
        peer = _peer(sock)
        return (PUBLIC, 80) if peer == self._server else peer

    def _getaddrinfo(self, host: Any, port: Any, *arguments: Any, **options: Any) -> list[Any]:
        """Resolve a host. A number, in any form that the system's resolver accepts, is an address."""
        text = host.decode() if isinstance(host, bytes) else host
        try:
            return _resolve(text, port, 0, socket.SOCK_STREAM, 0, socket.AI_NUMERICHOST)
        except (OSError, UnicodeError):
            pass
        addresses = self._addresses(text.rstrip("."))
        found = [each for address in addresses for each in _resolve(address, port, 0, socket.SOCK_STREAM)]
        family = arguments[0] if arguments else options.get("family", 0)
        found = [each for each in found if family in (0, each[0])]
        if not found:
            raise socket.gaierror(socket.EAI_NONAME, "no such name")
        return found

    def _addresses(self, name: str) -> list[str]:
        if name == INSIDE:
            return [PRIVATE]
        if not name.endswith(OWN):  # a DNS service over HTTPS, which some libraries use if they reject the first result
            return [PUBLIC]
        return self._lookups.pop(0) if len(self._lookups) > 1 else self._lookups[0]
