"""Ranges of remote files, and remote files on sync, asyncio and trio."""

from __future__ import annotations

import io
import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import httpconn
from httpconn.testing import response
from tests.servers.files import Served, changed, instead

KIB = 1024
CONTENT = random.Random(1).randbytes(300 * KIB + 7)
SIZE = len(CONTENT)
AT_ONCE = httpconn.RetryPolicy(attempts=3, backoff=0)


class Asynchronous:
    """Calls the methods of an asynchronous file on its face."""

    def __init__(self, face, file):
        self._face, self.file = face, file

    def __getattr__(self, name):
        attribute = getattr(self.file, name)
        return (lambda *args: self._face.run(attribute, *args)) if callable(attribute) else attribute


@pytest.fixture
def remote(face, connect, scripted):
    """Return a function that opens a remote file on a face, and returns it with its server."""
    opened = []

    def open_it(content=CONTENT, block_size=KIB, **options):
        server = scripted(Served(content, **options))
        connection = connect(retries=AT_ONCE)
        if not face.is_async:
            opened.append(connection.open(server.url, block_size=block_size))
            return opened[-1], server

        async def opening():
            return await connection.async_open(server.url, block_size=block_size)

        opened.append(Asynchronous(face, face.run(opening)))
        return opened[-1], server

    yield open_it
    for each in opened:
        (each.aclose if face.is_async else each.close)()


@pytest.fixture
def get_ranges(face, connect):
    connection = connect(retries=AT_ONCE)
    return lambda url, ranges: face.call(connection, "get_ranges", url, ranges)


def ranges_of(server):
    found = [request.header("Range").removeprefix("bytes=").split("-") for request in server.requests]
    return sorted((int(first), int(last) + 1) for first, last in found)


def test_a_file_reads_alike_on_each_face(remote):
    theirs, _ = remote()
    ours, chance = io.BytesIO(CONTENT), random.Random(2)
    for _ in range(100):
        match chance.randrange(4):
            case 0:
                at = chance.randrange(SIZE + 10)
                assert theirs.seek(at) == ours.seek(at)
            case 1:
                at = -chance.randrange(SIZE)
                assert theirs.seek(at, io.SEEK_END) == ours.seek(at, io.SEEK_END)
            case 2:
                count = chance.randrange(5000)
                assert theirs.read(count) == ours.read(count)
            case 3:
                mine, other = bytearray(777), bytearray(777)
                assert theirs.readinto(mine) == ours.readinto(other)
                assert mine == other
        assert theirs.tell() == ours.tell()
    assert theirs.read_at(10, 20) == CONTENT[10:30]
    assert theirs.read_at(SIZE - 5, 20) == theirs.read_at(SIZE - 5, -1) == CONTENT[-5:]
    with pytest.raises(ValueError, match="negative offset"):
        theirs.read_at(-1, 5)
    assert theirs.tell() == ours.tell()
    assert (theirs.size, theirs.etag, theirs.closed) == (SIZE, '"v1"', False)


def test_a_closed_file_raises_value_error(remote, face):
    file, _ = remote()
    (file.aclose if face.is_async else file.close)()
    assert file.closed
    for call in (file.read, file.tell, lambda: file.seek(0), lambda: file.read_at(0, 1), lambda: file.read_ranges([])):
        with pytest.raises(ValueError, match="closed"):
            call()


def test_an_error_does_not_change_the_position(remote):
    file, server = remote()
    file.seek(5000)
    server._handler.faults.extend([instead(response(500))] * 3)
    with pytest.raises(httpconn.StatusError):
        file.read(10)
    assert file.tell() == 5000
    assert file.read(10) == CONTENT[5000:5010]


def test_the_file_is_a_context_manager(face, connect, scripted):
    server = scripted(Served(CONTENT))
    opening = (face.is_async and connect().async_open(server.url)) or connect().open(server.url)
    with face.enter(opening) as file:
        assert file.size == SIZE
    assert file.closed
    assert repr(file).startswith("<")


class TestRanges:
    """The bytes of ranges, and the requests for them."""

    RANGES = (
        (5000, 5010),
        (100_000, 100_100),
        (5005, 5020),
        (7, 7),
        (-5, None),
        (SIZE - 3, SIZE + 9),
        (9, 3),
        (None, 4),
    )

    def test_bytes_are_those_of_slices(self, remote, get_ranges):
        file, server = remote()
        expected = [CONTENT[start:end] for start, end in self.RANGES]
        assert file.read_ranges(self.RANGES) == expected
        assert file.tell() == 0
        assert get_ranges(server.url, self.RANGES) == expected
        assert get_ranges(server.url, []) == file.read_ranges([]) == []

    def test_only_the_ranges_are_requested(self, get_ranges, scripted):
        server = scripted(Served(CONTENT))
        wanted = [(at, at + 100) for at in range(0, 64_000, 1000)]
        assert get_ranges(server.url, wanted) == [CONTENT[start:end] for start, end in wanted]
        assert ranges_of(server) == wanted

    def test_neighbours_share_a_request(self, get_ranges, scripted):
        server = scripted(Served(CONTENT))
        wanted = [(5000, 5100), (5612, 5700), (2000, 3000), (2500, 2600), (3513, 3600)]
        assert get_ranges(server.url, wanted) == [CONTENT[start:end] for start, end in wanted]
        assert ranges_of(server) == [(2000, 3000), (3513, 3600), (5000, 5700)]

    def test_a_range_around_the_first_request_is_complete(self, get_ranges, scripted):
        server = scripted(Served(CONTENT[:200]))
        wanted = [(100, 150), (-140, -130), (-80, None)]
        assert get_ranges(server.url, wanted) == [CONTENT[100:150], CONTENT[60:70], CONTENT[120:200]]
        assert ranges_of(server) == [(60, 200), (100, 150)]

    def test_bytes_in_memory_are_not_requested_again(self, remote):
        file, server = remote(block_size=4096)
        assert file.read_ranges([(0, 10), (4090, 4096)]) == [CONTENT[:10], CONTENT[4090:4096]]
        assert len(server.requests) == 1

    @pytest.mark.parametrize("change", [{"etag": '"v2"'}, {"body": CONTENT[:-1]}])
    def test_all_ranges_are_of_one_version(self, remote, change):
        file, server = remote()
        server._handler.faults.append(changed(**change))
        with pytest.raises(httpconn.FileChanged):
            file.read_ranges([(at, at + 10) for at in range(5000, 50_000, 5000)])

    def test_faults_are_retried(self, remote):
        file, server = remote()
        server._handler.faults.extend([instead(response(503))] * 2)
        assert file.read_ranges([(5000, 5010), (9000, 9010)]) == [CONTENT[5000:5010], CONTENT[9000:9010]]

    def test_a_server_that_ignores_ranges_with_if_range(self, remote):
        file, server = remote()
        handle = server._handler.respond
        server._handler.respond = lambda request: (
            [response(200, {"ETag": '"v1"'}, CONTENT)] if request.header("If-Range") else handle(request)
        )
        assert file.read_at(5000, 10) == CONTENT[5000:5010]
        assert file.read_ranges([(9000, 9010)]) == [CONTENT[9000:9010]]
        assert [request.header("If-Range") for request in server.requests] == [None, '"v1"', None, None]

    def test_a_server_without_ranges(self, get_ranges, scripted):
        server = scripted(Served(CONTENT, ranges=False))
        assert get_ranges(server.url, [(5000, 5010), (-3, None)]) == [CONTENT[5000:5010], CONTENT[-3:]]
        assert len(server.requests) == 1

    @pytest.mark.parametrize("content", [b"", CONTENT[:50]])
    def test_ranges_past_the_end_are_empty(self, get_ranges, scripted, content):
        server = scripted(Served(content))
        assert get_ranges(server.url, [(100, 200)]) == [b""]
        assert get_ranges(server.url, [(100, 200), (0, 9)]) == [b"", content[:9]]

    @pytest.mark.parametrize("ranges", [[(0, "5")], [1], None, [(0, 1, 2)], [(0.5, 2)]])
    def test_invalid_ranges_are_errors(self, get_ranges, ranges):
        with pytest.raises(httpconn.InvalidRequest, match=r"ranges|range must"):
            get_ranges("http://example.com/", ranges)


class TestPickling:
    """A pickled file continues at its position, with the same version."""

    def test_the_copy_continues_without_a_request(self, remote, face):
        file, server = remote()
        assert file.read(10) == CONTENT[:10]
        copy = pickle.loads(pickle.dumps(getattr(file, "file", file)))
        copy = Asynchronous(face, copy) if face.is_async else copy
        assert (copy.size, copy.etag, copy.name) == (SIZE, '"v1"', file.name)
        assert len(server.requests) == 1
        assert (copy.tell(), copy.read(5000)) == (10, CONTENT[10:5010])
        assert server.requests[1].header("If-Range") == '"v1"'
        (copy.aclose if face.is_async else copy.close)()
        face.close(copy._opened.runner)

    def test_the_server_does_not_support_ranges(self, scripted):
        server = scripted(Served(CONTENT, ranges=False))
        with httpconn.HTTPConnection() as connection, connection.open(server.url) as file:
            copy = pickle.loads(pickle.dumps(file))
        with copy, copy._opened.runner:
            assert (copy.read(10), copy.read_ranges([(-4, None)])) == (CONTENT[:10], [CONTENT[-4:]])

    def test_a_file_that_changed_meanwhile_is_an_error(self, scripted):
        server = scripted(Served(CONTENT))
        with httpconn.HTTPConnection() as connection, connection.open(server.url) as file:
            pickled = pickle.dumps(file)
        server._handler.faults.append(changed(etag='"v2"'))
        copy = pickle.loads(pickled)
        with copy, copy._opened.runner, pytest.raises(httpconn.FileChanged):
            copy.read(10)
        with pytest.raises(ValueError, match="closed"):
            pickle.dumps(copy)


class TestThreads:
    """Threads share a file object."""

    @pytest.fixture
    def file(self, scripted):
        server = scripted(Served(CONTENT))
        with httpconn.HTTPConnection() as connection, connection.open(server.url, block_size=512) as opened:
            yield opened

    def test_a_read_starts_where_the_seek_of_its_thread_led(self, file):
        together = threading.Barrier(4)

        def read(number):
            chance = random.Random(number)
            for _ in range(20):
                at = chance.randrange(SIZE - 100)
                file.seek(at)
                together.wait(200)
                assert file.read(100) == CONTENT[at : at + 100]
                together.wait(200)

        with ThreadPoolExecutor(4) as threads:
            list(threads.map(read, range(4)))

    def test_threads_hand_the_file_over(self, file):
        with ThreadPoolExecutor(1) as one, ThreadPoolExecutor(1) as other:
            assert one.submit(file.seek, 1000).result() == 1000
            for at, thread in ((1000, other), (1100, one), (1200, other)):
                assert thread.submit(file.tell).result() == at
                assert thread.submit(file.read, 100).result() == CONTENT[at : at + 100]
            assert other.submit(file.seek, 50, io.SEEK_CUR).result() == 1350
            assert file.read(10) == CONTENT[1350:1360]
            file.seek(0)
            assert one.submit(file.readline).result() == CONTENT[: CONTENT.index(b"\n") + 1]

    def test_threads_wait_for_one_request_of_the_same_block(self, scripted):
        reached, go_on = threading.Event(), threading.Event()

        def held_back(served, request):
            reached.set()
            go_on.wait(30)
            return served.respond(request)

        server = scripted(Served(CONTENT))
        with httpconn.HTTPConnection() as connection, connection.open(server.url, block_size=512) as file:
            server._handler.faults.append(held_back)
            with ThreadPoolExecutor(2) as threads:
                reads = [threads.submit(file.read_at, 5000, 10)]
                reached.wait(30)
                reads.append(threads.submit(file.read_at, 5005, 10))
                assert file.read_at(9000, 10) == CONTENT[9000:9010]
                go_on.set()
                assert [each.result() for each in reads] == [CONTENT[5000:5010], CONTENT[5005:5015]]
            assert len(server.requests) == 3
