"""A TLS 1.3 server that sends session tickets without end, and never a response."""

from __future__ import annotations

import hashlib
import hmac
import os
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305

ENOUGH = 2000
"""Maximum number of records; sending them takes many seconds."""

APPLICATION_DATA = b"\x17\x03\x03"
HANDSHAKE = b"\x16"
LABEL = "SERVER_TRAFFIC_SECRET_0"


class Flood:
    """The server, and the number of records that a client received.

    Attributes:
        url: URL of the server.
        records: number of records that were sent.
    """

    def __init__(self, context: ssl.SSLContext, keys: Path) -> None:
        self._context = context
        self._keys = keys
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}/"
        self.records = 0

    def run(self) -> None:
        """Serve until the listener is closed."""
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with sock:
                self._flood(sock)

    def close(self) -> None:
        """Stop accepting connections."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _flood(self, sock: socket.socket) -> None:
        # Python has no call that sends tickets, so this class makes their records and bypasses the TLS object.
        with (
            suppress(OSError),
            self._context.wrap_socket(sock, server_side=True) as secured,
            socket.socket(fileno=os.dup(secured.fileno())) as plain,
        ):
            for record in self._records(secured):
                plain.sendall(record)
                self.records += 1

    def _records(self, secured: ssl.SSLSocket) -> Iterator[bytes]:
        protection = Protection(secured.cipher(), self._keys)
        content = b"".join(map(ticket, range(600)))
        for _ in range(ENOUGH):
            yield protection.record(content)


class Protection:
    """The record protection of a TLS 1.3 server that has sent no application data yet (RFC 8446 section 5.2).

    Args:
        cipher: cipher of the server's socket.
        keys: file to which the server logs its keys.
    """

    def __init__(self, cipher: tuple[str, str, int] | None, keys: Path) -> None:
        self._name, _, self._bits = cipher or ("", "", 0)
        self._algorithm = hashlib.sha384 if "SHA384" in self._name else hashlib.sha256
        lines = (line.split() for line in keys.read_text().splitlines())
        self._use([bytes.fromhex(words[2]) for words in lines if words[0] == LABEL][-1])

    def _use(self, secret: bytes) -> None:
        key = expanded(secret, b"key", self._bits // 8, self._algorithm)
        self._secret, self._number = secret, 0
        self._nonce = int.from_bytes(expanded(secret, b"iv", 12, self._algorithm), "big")
        self._cipher = ChaCha20Poly1305(key) if "CHACHA20" in self._name else AESGCM(key)

    def record(self, content: bytes) -> bytes:
        """Return a record of handshake messages."""
        head = APPLICATION_DATA + struct.pack("!H", len(content) + 1 + 16)
        nonce = (self._nonce ^ self._number).to_bytes(12, "big")
        self._number += 1
        return head + self._cipher.encrypt(nonce, content + HANDSHAKE, head)

    def key_update(self) -> bytes:
        """Return a KeyUpdate record that requests one from the client (RFC 8446 sections 4.6.3 and 7.2)."""
        record = self.record(b"\x18\0\0\1\1")
        self._use(expanded(self._secret, b"traffic upd", self._algorithm().digest_size, self._algorithm))
        return record


def ticket(number: int) -> bytes:
    """Return a NewSessionTicket message (RFC 8446 section 4.6.1)."""
    body = struct.pack("!IIB1sH8sH", 0, number, 1, b"\x07", 8, number.to_bytes(8, "big"), 0)
    return b"\x04" + len(body).to_bytes(3, "big") + body


def expanded(secret: bytes, label: bytes, length: int, algorithm: object) -> bytes:
    """HKDF-Expand-Label with no context (RFC 8446 section 7.1, RFC 5869 section 2.3)."""
    full = b"tls13 " + label
    info = struct.pack("!HB", length, len(full)) + full + b"\0"
    block, key = b"", b""
    for number in count(1):
        block = hmac.new(secret, block + info + bytes([number]), algorithm).digest()  # type: ignore[arg-type]
        key += block
        if len(key) >= length:
            break
    return key[:length]


@contextmanager
def ticket_flood(context: ssl.SSLContext, folder: Path) -> Iterator[Flood]:
    """Serve while the block runs.

    Args:
        context: context of a server. Its keys are logged.
        folder: folder for the log of keys.
    """
    context.minimum_version, context.num_tickets = ssl.TLSVersion.TLSv1_3, 0
    context.keylog_filename = str(folder / "keys")
    flood = Flood(context, folder / "keys")
    thread = threading.Thread(target=flood.run)
    thread.start()
    try:
        yield flood
    finally:
        flood.close()
        thread.join()
