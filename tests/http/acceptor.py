"""A TCP server that calls a function for each connection, for behaviour that no HTTP server has."""

from __future__ import annotations

import socket
import threading
from contextlib import suppress


class Acceptor:
    """A server with a thread for each client."""

    def __init__(self, meet):
        self._meet = meet
        self._threads = []

    def __enter__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept)
        self._acceptor.start()
        return self

    def __exit__(self, *failure):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._acceptor.join()
        self._listener.close()
        self.join_threads()

    def join_threads(self):
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()

    def _accept(self):
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            self._threads.append(threading.Thread(target=self._serve, args=(sock,), daemon=True))
            self._threads[-1].start()

    def _serve(self, sock):
        with sock, suppress(OSError):
            self._meet(sock)
