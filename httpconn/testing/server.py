"""A scripted server on loopback."""

import contextlib
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Self

from .link import ConnectionEnded, Link
from .responses import Received, response
from .steps import Step

ScriptedResponse = Step | Sequence[Step]
"""A step, or several in order."""

Handler = Callable[[Received], ScriptedResponse]
"""A function that returns the response to a request."""

Script = ScriptedResponse | Handler | Mapping[str, "ScriptedResponse | Handler"]
"""The same response to all requests, a handler, or one of the two for each path."""

HOST = "127.0.0.1"
BACKLOG = 4096
TIMEOUT = 30.0  # seconds after which a wait fails


def in_turn(*responses: ScriptedResponse) -> Handler:
    """Return a handler that sends one response after another. It repeats the last one."""
    remaining = list(responses)
    lock = threading.Lock()

    def handle(_request: Received) -> ScriptedResponse:
        with lock:
            return remaining.pop(0) if len(remaining) > 1 else remaining[0]

    return handle


class ScriptedServer:
    r"""A server that sends the bytes of its script and records the requests.

    It listens on 127.0.0.1 during a block (``with ScriptedServer(...) as server``), with a thread for each connection.
    A connection stays open after a response, unless a step closes it. A script is one of::

        response(body=b"ok")                                  the response to every request
        [b"HTTP/1.1 200 OK\r\n", Pause(1), Reset()]           a response in steps
        in_turn(response(503), [Close()], response())         one response after another; the last one repeats
        {"/a": response(), "/b?x=%2F": in_turn(...)}          by path, or by path and query; 404 for other paths
        lambda request: response(body=request.target)         a function of the request

    Args:
        script: the responses.
        tls: the context of an https server.
        on_connect: steps to play on each new connection, before the TLS handshake and the first request.
        port: the port. 0 means any free port.

    Attributes:
        port: the port that the server listens on.
        connections: number of connections accepted so far.

    Raises:
        Exception: an exception of a function of the script, raised at the end of the block.
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
        self._errors: list[Exception] = []
        self._wanted_port = port
        self.connections: int = 0

    def __enter__(self) -> Self:
        self._listener = socket.create_server((HOST, self._wanted_port), backlog=BACKLOG)
        self.port: int = self._listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, name=f"scripted-{self.port}", daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, kind: object, error: BaseException | None, trace: object) -> None:
        self._stop()
        if self._errors and error is None:
            raise self._errors[0]

    @property
    def url(self) -> str:
        """The URL of the server without a path."""
        return f"{'https' if self._tls else 'http'}://{HOST}:{self.port}"

    def url_for(self, target: str) -> str:
        """Return the URL for a path and query, which stay unchanged."""
        return self.url + target

    @property
    def requests(self) -> list[Received]:
        """The requests so far, in the order of their completion."""
        with self._changed:
            return list(self._requests)

    @property
    def open_connections(self) -> int:
        """Number of open connections."""
        with self._changed:
            return len(self._open)

    def wait_for(self, predicate: Callable[[], bool], timeout: float = TIMEOUT) -> None:
        """Wait until a predicate is true. Check it after each change of the connections and the requests.

        Args:
            predicate: a function without arguments.
            timeout: maximum wait in seconds.

        Raises:
            AssertionError: the predicate is still false after the timeout.
        """
        with self._changed:
            if not self._changed.wait_for(predicate, timeout):
                raise AssertionError(f"The condition is still false after {timeout} s: {self!r}")

    def drop_connections(self) -> None:
        """Close all connections, idle or not, as an overloaded server does."""
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
                return self._record_error(error)
            if self._stopping.is_set():
                return sock.close()
            try:
                link = Link(sock, self.connections + 1, self._stopping)
            except OSError:  # already reset by the client
                sock.close()
            else:
                self._start(link)

    def _start(self, link: Link) -> None:
        thread = threading.Thread(target=self._serve, args=(link,), name=f"link-{link.number}", daemon=True)
        with self._changed:
            self.connections += 1
            self._threads[link] = thread
            self._open.add(link)
            thread.start()
            self._changed.notify_all()

    def _serve(self, link: Link) -> None:
        try:
            self._respond(link)
        except (ConnectionEnded, OSError):
            pass  # the usual end of a connection
        except Exception as error:  # noqa: BLE001 - an error in a script, raised at the end of the block
            self._record_error(error)
        finally:
            link.release()
            with self._changed:
                self._open.discard(link)
                self._changed.notify_all()

    def _respond(self, link: Link) -> None:
        link.play(self._on_connect)
        if self._tls:
            link.secure(self._tls)
        while True:
            request = link.receive()
            with self._changed:
                self._requests.append(request)
                self._changed.notify_all()
            steps = self._handler(request)
            link.play(steps if isinstance(steps, Sequence) and not isinstance(steps, bytes) else [steps])

    def _record_error(self, error: Exception) -> None:
        if not self._stopping.is_set():
            self._errors.append(error)

    def _stop(self) -> None:
        self._stopping.set()
        # A last connection wakes the accepting thread on every system. Closing the listener does not.
        with contextlib.suppress(OSError):
            socket.create_connection((HOST, self.port), TIMEOUT).close()
        self._join([self._acceptor])
        self._listener.close()
        self.drop_connections()
        self._join(self._threads.values())

    def _join(self, threads: Iterable[threading.Thread]) -> None:
        deadline = time.monotonic() + TIMEOUT
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
            if thread.is_alive():
                raise RuntimeError(f"{thread.name} of {self!r} is still running")


def _handler(script: Script) -> Handler:
    if callable(script):
        return script
    if not isinstance(script, Mapping):
        return lambda _request: script
    handlers = {path: _handler(part) for path, part in script.items()}

    def handle(request: Received) -> ScriptedResponse:
        handler = handlers.get(request.target.decode("latin-1")) or handlers.get(request.path)
        return handler(request) if handler else response(404)

    return handle
