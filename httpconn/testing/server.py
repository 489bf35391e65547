"""A server on loopback that does as its script says."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import TracebackType
from typing import Self

from .link import Gone, Link
from .responses import Received, response
from .steps import Step

Answer = Step | Sequence[Step]
Handler = Callable[[Received], Answer]
Script = Answer | Handler | Mapping[str, "Answer | Handler"]

HOST = "127.0.0.1"
BACKLOG = 4096
PATIENCE = 30.0


def in_turn(*answers: Answer) -> Handler:
    """The first answer to the first request, and so on; the last one to all that follow."""
    remaining = list(answers)
    lock = threading.Lock()

    def answer(_request: Received) -> Answer:
        with lock:
            return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return answer


class ScriptedServer:
    r"""A server that answers as its script says, byte for byte, and remembers what it was asked.

    It listens on a port of 127.0.0.1 while it is entered (``with ScriptedServer(...) as server``), with a thread for
    each connection. Connections are kept alive after an answer, unless a step ends them. A script is one of::

        response(body=b"ok")                                  the answer to every request
        [b"HTTP/1.1 200 OK\r\n", Pause(1), Reset()]           the same, in steps
        in_turn(response(503), [Close()], response())         one answer after another; the last one stays
        {"/a": response(), "/b?x=%2F": in_turn(...)}          by path, or by path and query; 404 for all others
        lambda request: response(body=request.target)         by a function of the request

    Args:
        script: what to answer.
        tls: the context of an https server.
        on_connect: steps played when a connection was accepted, before its TLS handshake and first request.
        port: the one to listen on; 0 means any that is free.

    Attributes:
        port: the one that it listens on.
        connections: how many were accepted so far.

    Raises:
        Exception: what a function of the script raised, when the server is left.
    """

    def __init__(
        self,
        script: Script = b"",
        *,
        tls: ssl.SSLContext | None = None,
        on_connect: Iterable[Step] = (),
        port: int = 0,
    ) -> None:
        self._handler = _handler(script)
        self._tls = tls
        self._on_connect = tuple(on_connect)
        self._changed = threading.Condition()
        self._stopping = threading.Event()
        self._requests: list[Received] = []
        self._threads: dict[Link, threading.Thread] = {}
        self._open: set[Link] = set()
        self._faults: list[Exception] = []
        self._wanted_port = port
        self.connections: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, self._wanted_port), backlog=BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"scripted-{self.port}", daemon=True)
        self._acceptor.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()
        if self._faults and error is None:
            raise self._faults[0]

    @property
    def url(self) -> str:
        """The origin, without a path."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    def url_for(self, target: str) -> str:
        """The URL of a path and query, which are put down as they are given."""
        return self.url + target

    @property
    def requests(self) -> list[Received]:
        """The requests so far, in the order in which they were complete."""
        with self._changed:
            return list(self._requests)

    @property
    def open_connections(self) -> int:
        """Connections that neither side has ended."""
        with self._changed:
            return len(self._open)

    def wait_for(self, predicate: Callable[[], bool], timeout: float = PATIENCE) -> None:
        """Wait until the predicate holds; it is asked whenever a connection or a request comes or goes.

        Raises:
            AssertionError: it did not hold within so many seconds.
        """
        with self._changed:
            if not self._changed.wait_for(predicate, timeout):
                raise AssertionError(f"The server waited {timeout} s in vain: {self!r}")

    def drop_connections(self) -> None:
        """End every connection, idle or not, as a server does that is short of them."""
        with self._changed:
            dropped = list(self._open)
        for link in dropped:
            link.hang_up()
        self._join(self._threads[link] for link in dropped)

    def __repr__(self) -> str:
        counts = f"requests={len(self.requests)} connections={self.connections} open={self.open_connections}"
        return f"<ScriptedServer {self.url} {counts}>"

    def _accept(self) -> None:
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError as error:
                return self._note_fault(error)
            if self._stopping.is_set():
                return sock.close()
            try:
                link = Link(sock, self.connections + 1, self._stopping)
            except OSError:  # already reset by the client
                sock.close()
            else:
                self._welcome(link)

    def _welcome(self, link: Link) -> None:
        thread = threading.Thread(target=self._serve, args=(link,), name=f"link-{link.number}", daemon=True)
        with self._changed:
            self.connections += 1
            self._threads[link] = thread
            self._open.add(link)
            thread.start()
            self._changed.notify_all()

    def _serve(self, link: Link) -> None:
        try:
            self._converse(link)
        except (Gone, OSError):
            pass  # how conversations end
        except Exception as error:  # noqa: BLE001 - a mistake in a test's script, raised when the server is left
            self._note_fault(error)
        finally:
            link.release()
            with self._changed:
                self._open.discard(link)
                self._changed.notify_all()

    def _converse(self, link: Link) -> None:
        link.play(self._on_connect)
        if self._tls:
            link.secure(self._tls)
        while True:
            request = link.receive()
            with self._changed:
                self._requests.append(request)
                self._changed.notify_all()
            link.play(_steps(self._handler(request)))

    def _note_fault(self, error: Exception) -> None:
        if not self._stopping.is_set():
            self._faults.append(error)

    def _stop(self) -> None:
        self._stopping.set()
        # A last connection wakes the acceptor on every system; closing the listener does not.
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, self.port), PATIENCE).close()
        self._join([self._acceptor])
        self._listener.close()
        self.drop_connections()
        self._join(self._threads.values())

    def _join(self, threads: Iterable[threading.Thread]) -> None:
        deadline = time.monotonic() + PATIENCE
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                raise RuntimeError(f"{thread.name} of {self!r} does not end")


def _handler(script: Script) -> Handler:
    if callable(script):
        return script
    if isinstance(script, Mapping):
        return _by_path({path: _handler(part) for path, part in script.items()})
    return lambda _request: script


def _by_path(handlers: Mapping[str, Handler]) -> Handler:
    def answer(request: Received) -> Answer:
        handler = handlers.get(request.target.decode("latin-1")) or handlers.get(request.path)
        return handler(request) if handler else response(404)

    return answer


def _steps(answer: Answer) -> Sequence[Step]:
    return answer if isinstance(answer, Sequence) and not isinstance(answer, bytes) else [answer]
