"""Who receives much, or takes long over it, lets others have their turn, and loses nothing in it."""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

import pytest

from httpconn.errors import WriteFailed
from httpconn.network.security import Security
from httpconn.network.stream import BURST, FILL_TIME, SocketStream
from httpconn.runtime.runtimes import BlockingRuntime
from httpconn.runtime.stepping import run_sync
from httpconn.runtime.timeouts import until


class Interrupted(Exception):
    """As a cancellation."""


class InterruptedRuntime(BlockingRuntime):
    """A runtime that interrupts the stream whenever it lets other tasks run."""

    async def pause(self) -> None:
        raise Interrupted


@pytest.fixture
def ends() -> Iterator[tuple[SocketStream, socket.socket]]:
    ours, theirs = socket.socketpair()
    with theirs:
        stream = SocketStream(ours, InterruptedRuntime())
        yield stream, theirs
        stream.close()


def test_an_interruption_among_many_bytes_loses_none(ends):
    stream, theirs = ends
    block = bytes(range(256)) * 64
    received = bytearray()
    turns = 0
    for _ in range(3 * BURST // len(block)):
        theirs.sendall(block)
        try:
            received += run_sync(stream.receive(len(block), until(5)))
        except Interrupted:
            turns += 1
            received += run_sync(stream.receive(len(block), until(5)))
    assert received == block * (3 * BURST // len(block))
    assert turns >= 2


def test_two_threads_can_check_for_data_at_the_same_time(ends):
    stream, theirs = ends

    def ask(_: int) -> set[bool]:
        return {stream.is_readable() for _ in range(5000)}

    with ThreadPoolExecutor(4) as pool:
        assert set().union(*pool.map(ask, range(4))) == {False}
        theirs.sendall(b"x")
        assert set().union(*pool.map(ask, range(4))) == {True}


def test_slow_small_receives_let_other_tasks_run(ends):
    stream, theirs = ends
    theirs.sendall(b"ab")
    run_sync(stream.send(b"x", until(5)))
    assert run_sync(stream.receive(1, until(5))) == b"a"
    worked_until = time.monotonic() + 2 * FILL_TIME
    while time.monotonic() < worked_until:
        pass
    with pytest.raises(Interrupted):
        run_sync(stream.receive(1, until(5)))


def send_much(stream, theirs):
    for _ in range(3 * BURST // 4096):
        run_sync(stream.send(bytes(4096), until(5), onward=True))
        theirs.recv(4096)


def test_a_large_send_lets_other_tasks_run(ends):
    stream, theirs = ends
    with pytest.raises(Interrupted):
        send_much(stream, theirs)


def received(theirs: socket.socket, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += theirs.recv(65536)
    return data


@pytest.mark.parametrize("full", [True, False])
def test_unaccepted_data_remains_to_be_sent(full):
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    request = bytes(range(256)) * 256
    with theirs, ThreadPoolExecutor(1) as pool:
        stream = SocketStream(ours, BlockingRuntime())
        before = ours.send(bytes(len(request))) if full else 0
        rest = stream.send_at_once(request)
        assert rest is not None
        assert (rest == request) is full
        arriving = pool.submit(received, theirs, before + len(request))
        run_sync(stream.send(rest, until(5)))
        assert arriving.result()[before:] == request
        assert stream.send_at_once(b"next") is None
        stream.close()


def test_data_of_an_interrupted_send_is_sent_first(ends):
    stream, theirs = ends
    block = bytes(range(256)) * 16
    turns = 0
    for _ in range(3 * BURST // len(block)):
        expected = block
        try:
            run_sync(stream.send(block, until(5), onward=True))
        except Interrupted:
            turns += 1
            run_sync(stream.send(b"next", until(5)))
            expected += b"next"
        assert received(theirs, len(expected)) == expected
    assert turns >= 2


class ClosingRuntime(BlockingRuntime):
    """Another thread closes the stream at this moment."""

    async def pause(self) -> None:
        self.stream.close()
        self.number = self.stream.get_extra_info("socket").fileno()


def test_a_descriptor_is_not_closed_during_an_operation():
    ours, theirs = socket.socketpair()
    with theirs:
        runtime = ClosingRuntime()
        stream = runtime.stream = SocketStream(ours, runtime)
        with pytest.raises(WriteFailed):
            send_much(stream, theirs)
    assert runtime.number >= 0
    assert stream.get_extra_info("socket").fileno() < 0


def secured(outer: ssl.SSLSocket, context: ssl.SSLContext) -> Callable[[int], bytes]:
    """Shake hands as a server inside of TLS; what receives then."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    inner = context.wrap_bio(incoming, outgoing, server_side=True)

    def step(take: Callable[[], Any]) -> Any:
        while True:
            try:
                return take()
            except ssl.SSLWantReadError:
                outer.sendall(outgoing.read())
                incoming.write(outer.recv(65536))

    step(inner.do_handshake)
    outer.sendall(outgoing.read())
    return lambda count: step(lambda: inner.read(count))


@pytest.mark.parametrize("layers", [1, 2])
def test_data_sent_over_tls_arrives_without_another_operation(certificates, layers):
    ours, theirs = socket.socketpair()
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)  # less than one call encrypts
    stream = SocketStream(ours, BlockingRuntime())
    data = bytes(range(256)) * 16384
    received = bytearray()

    def receive() -> None:
        theirs.settimeout(5)
        with certificates.good.wrap_socket(theirs, server_side=True) as outer, suppress(TimeoutError):
            recv = outer.recv if layers == 1 else secured(outer, certificates.good)
            while len(received) < len(data):
                received.extend(recv(65536))

    with ThreadPoolExecutor(1) as pool:
        receiving = pool.submit(receive)
        for _ in range(layers):
            run_sync(stream.start_tls(Security(certificates.trust()), "localhost", until(5)))
        run_sync(stream.send(data, until(5)))
        receiving.result()
    stream.close()
    assert received == data
