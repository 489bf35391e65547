"""Connection attempts to the addresses of a host: their order, the winner, and no open sockets afterwards."""

from __future__ import annotations

import socket
import time
from functools import partial

import anyio
import pytest

from httpconn.network.race import MAX_TRIED, begin, interleaved, race
from httpconn.runtime.resolver import Address
from httpconn.runtime.runtimes import BlockingRuntime, EventLoopRuntime
from httpconn.runtime.stepping import run_sync
from httpconn.runtime.timeouts import until

FOUR, SIX = socket.AF_INET, socket.AF_INET6
HOLE = Address(FOUR, ("192.0.2.1", 1))


def found(port, *names):
    return [Address(SIX if ":" in name else FOUR, (name, port)) for name in names]


class Starts:
    """Begins to connect; to ``HOLE`` it never ends, as where packets are swallowed."""

    def __init__(self):
        self.begun, self.sockets, self._peers = [], [], []
        self.most_open = 0

    def __call__(self, address):
        self.begun.append(address)
        sock = self._stuck() if address == HOLE else begin(address, prepare=lambda _: None)
        self.sockets.append(sock)
        self.most_open = max(self.most_open, len(self.open()))
        return sock

    def _stuck(self):
        sock, peer = socket.socketpair()
        self._peers.append(peer)
        sock.setblocking(False)
        try:
            while True:
                sock.send(bytes(65_536))
        except BlockingIOError:
            return sock

    def open(self):
        return [sock for sock in self.sockets if sock.fileno() >= 0]

    def close(self):
        for sock in [*self._peers, *self.sockets]:
            sock.close()


class Clocked(BlockingRuntime):
    """A runtime with its own clock, which advances only in waits. So the test does not depend on the machine.

    The clock starts at the present: an event loop in another thread that reads an earlier time sleeps for hours.
    """

    def __init__(self):
        self.now = time.monotonic()

    async def any_writable(self, socks, seconds):
        ready = await super().any_writable(socks, 0)
        if not ready:
            self.now += seconds
        return ready


@pytest.fixture
def starts():
    made = Starts()
    yield made
    made.close()


@pytest.fixture
def run(face, starts):
    runtime = (EventLoopRuntime if face.is_async else BlockingRuntime)()
    return lambda addresses, seconds=10: face.run(race, runtime, addresses, until(seconds), starts)


@pytest.fixture
def server():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield Address(FOUR, listening.getsockname())


@pytest.fixture
def closed():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = listening.getsockname()
    return Address(FOUR, address)


def test_families_are_tried_in_turn():
    six, four = found(80, "::1", "::2"), found(80, "192.0.2.1", "192.0.2.2", "192.0.2.3")
    assert interleaved([*six, *four]) == [six[0], four[0], six[1], four[1], four[2]]
    assert interleaved(four) == four


def test_a_name_with_hundreds_of_addresses_costs_few_attempts():
    six, four = found(80, *(f"2001:db8::{number:x}" for number in range(200))), found(80, *["192.0.2.9"] * 3)
    tried = interleaved([*six, *four])
    assert len(tried) == MAX_TRIED
    assert set(four) < set(tried)


def test_after_the_first_success_no_other_address_is_tried(run, starts, server, closed):
    address, sock = run([server, closed])
    assert (address, starts.begun, starts.open()) == (server, [server], [sock])
    assert sock.getpeername() == server.name


def test_a_refusal_starts_the_next_attempt_at_once(run, starts, server, closed):
    address, sock = run([closed, closed, server])
    assert (address, starts.open()) == (server, [sock])


def test_a_silent_attempt_is_overtaken_and_closed(run, starts, server):
    address, sock = run([HOLE, HOLE, server], seconds=None)
    assert (address, starts.open()) == (server, [sock])
    assert len(starts.begun) == 3


def test_a_refusal_starts_the_next_attempt_while_others_run(run, starts, server, closed):
    address, sock = run([HOLE, closed, server])
    assert (address, starts.open()) == (server, [sock])


def test_if_no_address_accepts_the_error_of_the_system_is_raised(run, starts, closed):
    with pytest.raises(ConnectionRefusedError):
        run([closed, closed])
    assert (len(starts.begun), starts.open()) == (2, [])


def test_with_little_time_all_addresses_are_tried(starts, monkeypatch):
    runtime = Clocked()
    monkeypatch.setattr(time, "monotonic", lambda: runtime.now)
    with pytest.raises(TimeoutError):
        run_sync(race(runtime, [HOLE] * 4, until(0.7), starts))
    assert (len(starts.begun), starts.open()) == (4, [])


def test_all_addresses_are_tried_within_the_time_and_four_at_the_same_time(run, starts, server):
    address, sock = run([HOLE] * 4 + [server], seconds=2)
    assert (address, starts.open()) == (server, [sock])
    assert (len(starts.begun), starts.most_open) == (5, 4)


def test_refusing_addresses_are_skipped_while_silent_ones_run(run, starts, server, closed):
    address, _ = run([HOLE] * 3 + [closed] * 20 + [server])
    assert (address, len(starts.begun)) == (server, 24)
    assert starts.most_open <= 4


def test_an_unusable_address_is_skipped(run, starts, server):
    assert run([Address(SIX, ("::1%none", 80)), server])[0] == server
    assert len(starts.open()) == 1


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_race_leaves_no_socket(backend, starts):
    async def main():
        several = anyio.Event()

        def start(address):
            if len(starts.begun) == 2:
                several.set()
            return starts(address)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(race, EventLoopRuntime(), [HOLE] * 4, until(None), start)
            await several.wait()
            tasks.cancel_scope.cancel()

    anyio.run(main, backend=backend)
    assert starts.open() == []


def test_an_interrupted_race_leaves_no_socket(starts):
    def interrupted(address):
        if starts.begun:
            raise KeyboardInterrupt
        return starts(address)

    with pytest.raises(KeyboardInterrupt):
        run_sync(race(BlockingRuntime(), [HOLE, HOLE], until(None), interrupted))
    assert starts.open() == []


def test_the_socket_class_can_be_replaced(monkeypatch):
    class Guarded(socket.socket):
        """A class such as that of pytest-socket, which blocks the network."""

    with socket.create_server(("127.0.0.1", 0)) as listener:
        monkeypatch.setattr(socket, "socket", Guarded)
        with begin(Address(socket.AF_INET, listener.getsockname()), lambda _: None) as sock:
            assert type(sock) is Guarded


def test_a_socket_that_cannot_be_prepared_is_closed():
    made = []

    def prepare(sock):
        made.append(sock)
        raise OSError("not this one")

    with pytest.raises(OSError, match="not this one"):
        partial(begin, prepare=prepare)(HOLE)
    assert made[0].fileno() < 0
