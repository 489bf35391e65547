"""Reading ahead on several connections: when it starts and ends, and its faults."""

from __future__ import annotations

import os
import random
import threading
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

import httpconn
from httpconn.testing import response
from tests.servers.files import Served

KIB = 1024
MIB = 1024 * KIB
CONTENT = random.Random(1).randbytes(12 * MIB + 7)
PATIENCE = 30


@dataclass
class Crowd(Served):
    """A server that makes requests wait until several are in progress.

    Attributes:
        awaited: the number of requests.
        refused: the status for requests beyond the first one in progress, or None.
    """

    awaited: int = 0
    refused: int | None = None

    def __post_init__(self):
        self.present = 0
        self.lock = threading.Lock()
        self.gathered = threading.Event()

    def __call__(self, request):
        with self.lock:
            self.present += 1
            is_alone = self.present == 1
            if self.present >= self.awaited > 0:
                self.gathered.set()
        try:
            if self.awaited:
                assert self.gathered.wait(PATIENCE)
            elif self.refused and not is_alone:
                return [response(self.refused)]
            return self.respond(request)
        finally:
            with self.lock:
                self.present -= 1


@pytest.fixture
def remote(face, connect, scripted):
    """Return a function that opens a file and returns its server and its methods on the face."""
    with ExitStack() as opened:

        def open_it(served=None, **options):
            server = scripted(served or Crowd(CONTENT))
            connection = connect(retries=httpconn.RetryPolicy(attempts=2, backoff=0))
            opening = connection.async_open if face.is_async else connection.open
            file = opened.enter_context(face.enter(opening(server.url, **{"block_size": 64 * KIB, **options})))

            def call(method, *args):
                function = getattr(file, method)
                return face.run(function, *args) if face.is_async else function(*args)

            return server, call

        yield open_it


def ranges_of(server):
    found = [request.header("Range").removeprefix("bytes=").split("-") for request in server.requests]
    return [(int(first), int(last) + 1) for first, last in found]


def test_sequential_reading_uses_several_connections(remote):
    served = Crowd(CONTENT)
    server, call = remote(served)
    rest = [call("read", 4 * MIB)]
    served.awaited = 4
    while rest[-1]:
        rest.append(call("read", 300 * KIB))
    assert b"".join(rest) == CONTENT
    assert sum(end - start for start, end in ranges_of(server)) == len(CONTENT)
    assert len({request.connection for request in server.requests}) <= 9


def test_one_large_read_uses_several_connections(remote):
    served = Crowd(CONTENT)
    server, call = remote(served)
    served.awaited = 4
    assert call("read") == CONTENT
    assert sum(end - start for start, end in ranges_of(server)) == len(CONTENT)


def test_one_connection_if_the_caller_wants_one(remote):
    server, call = remote(connections=1)
    assert call("read") == CONTENT
    assert len({request.connection for request in server.requests}) == 1


def test_it_ends_one_request_per_connection_ahead(remote):
    server, call = remote(connections=2)
    for _ in range(30):
        call("read", 100 * KIB)
    assert max(end for _, end in ranges_of(server)) <= 3 * MIB + 2 * MIB + 64 * KIB


def test_it_ends_when_the_reader_seeks_away(remote):
    server, call = remote(connections=4)
    for _ in range(30):
        call("read", 100 * KIB)
    call("seek", 11 * MIB)
    call("read", 10)
    assert call("read_at", 9 * MIB, 10) == CONTENT[9 * MIB : 9 * MIB + 10]
    assert max(start for start, _ in ranges_of(server) if start < 9 * MIB) < 3 * MIB + 4 * MIB


def test_it_starts_again_when_the_file_is_read_again(remote):
    served = Crowd(CONTENT)
    _server, call = remote(served)
    assert call("read") == CONTENT
    call("seek", 0)
    served.gathered.clear()
    served.awaited = 4
    assert call("read") == CONTENT


def test_random_reads_request_only_their_blocks(remote):
    server, call = remote()
    chance = random.Random(3)
    for _ in range(5):
        at = chance.randrange(0, len(CONTENT) - MIB, 64 * KIB)
        call("seek", at)
        assert call("read", 768 * KIB) == CONTENT[at : at + 768 * KIB]
    assert sum(end - start for start, end in ranges_of(server)) <= 64 * KIB + 5 * 768 * KIB


def test_a_server_that_refuses_further_connections(remote):
    served = Crowd(CONTENT)
    _server, call = remote(served)
    served.refused = 503
    assert b"".join(iter(lambda: call("read", 256 * KIB), b"")) == CONTENT


@dataclass
class Limited(Served):
    """A server that refuses the request at ``AWAY`` twice, while requests that read ahead are in progress."""

    AWAY = 11 * MIB

    def __post_init__(self):
        self.refusals = 0
        self.is_busy = threading.Event()
        self.has_refused = threading.Event()

    def __call__(self, request):
        start = int(request.header("Range").removeprefix("bytes=").partition("-")[0])
        if 6 * MIB <= start < self.AWAY:
            self.is_busy.set()
            assert self.has_refused.wait(PATIENCE)
        elif start == self.AWAY and self.refusals < 2:
            assert self.is_busy.wait(PATIENCE)
            self.refusals += 1
            if self.refusals == 2:
                self.has_refused.set()
            return [response(503)]
        return self.respond(request)


def test_a_read_is_not_refused_because_of_reading_ahead(remote):
    served = Limited(CONTENT)
    _server, call = remote(served)
    call("read", 4 * MIB)
    while not served.is_busy.wait(0.001):
        call("read", KIB)
    assert call("read_at", served.AWAY, 10) == CONTENT[served.AWAY :][:10]
    assert served.refusals == 2


def test_a_file_that_changes_is_an_error(remote):
    served = Crowd(CONTENT)
    _server, call = remote(served)
    call("read", 2 * MIB)
    served.etag = '"v2"'
    with pytest.raises(httpconn.FileChanged):
        call("read")


class TestThreads:
    """The threads of the synchronous file."""

    @pytest.fixture
    def file(self, scripted):
        server = scripted(Crowd(CONTENT))
        with httpconn.HTTPConnection() as connection, connection.open(server.url, block_size=64 * KIB) as opened:
            for _ in range(30):
                opened.read(100 * KIB)
            yield opened

    def test_they_end_when_the_file_is_closed(self, file):
        file.close()
        assert not [thread for thread in threading.enumerate() if thread.name == "httpconn-worker"]

    def test_a_forked_child_reads_on(self, file):
        child = os.fork()
        if child == 0:
            rest = file.read()
            os._exit(0 if rest == CONTENT[3000 * KIB :] else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        assert file.read() == CONTENT[3000 * KIB :]
