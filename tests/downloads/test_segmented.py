"""Downloads over several connections: as correct as over one."""

from __future__ import annotations

import hashlib
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from typing import Any

import anyio
import pytest

import httpconn
from httpconn import ByteBudget, InvalidRequest, Limits, RetryPolicy, Timeouts
from httpconn.core.identity import resource_key
from httpconn.core.urls import vet
from httpconn.disk.partfile import PartFile, Sidecar
from httpconn.runtime import threads
from tests.servers.application import pattern
from tests.servers.files import Served, cut, instead
from tests.servers.scripted import Close, Pause, Reset, Stall, Until, response

MIB = 1024 * 1024
SIZE = 12 * MIB + 7
BODY = pattern(SIZE)
OTHER = bytes(reversed(BODY))
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
AT_ONCE = RetryPolicy(backoff=0)
PIECE = 128 * 1024


@dataclass
class Slow(Served):
    """A server with responses that wait for each other.

    Attributes:
        breaks: after how many bytes the response of a number ends, and how.
        pause: seconds between two pieces of a response.
        together: requests for which each response waits.
        wait_at: bytes of its body that a response sends before it waits.
        gate: what it waits for.
    """

    breaks: dict[int, tuple[int, Any]] = field(default_factory=dict)
    pause: float = 0.001
    together: int = 1
    wait_at: int = PIECE
    gate: threading.Event = field(default_factory=threading.Event)
    count: int = 0

    def __call__(self, request):
        number, self.count = self.count, self.count + 1
        if self.count >= self.together:
            self.gate.set()
        if number == 0 and self.faults:
            return self.faults.pop()(self, request)
        whole = self.respond(request)[0]
        head, blank, body = whole.partition(b"\r\n\r\n")
        size, end = self.breaks.get(number, (len(body), None))
        steps = [head + blank]
        for start in range(0, size, PIECE):
            steps += [Until(self.gate)] if start == self.wait_at else []
            steps += [body[start : min(start + PIECE, size)], Pause(self.pause)]
        return steps if end is None else [*steps, end]


@pytest.fixture
def download(face, connect, tmp_path):
    def download(url, *, limits=None, retries=AT_ONCE, **options):
        connection = connect(retries=retries, limits=limits)
        return face.call(connection, "download", url, tmp_path / "file", **{"segments": 4, **options})

    return download


def asked(server):
    return [request.header("Range") for request in server.requests]


def test_several_connections(download, scripted, tmp_path):
    server = scripted(Slow(BODY, together=4))
    done = download(server.url, digest=SHA256)
    assert (tmp_path / "file").read_bytes() == BODY
    assert 2 <= done.connections <= 4  # the server waits for four requests; a response may end before another begins
    assert done.verified == {"length", "sha256"}
    assert asked(server)[0] is None
    assert all(each is not None for each in asked(server)[1:])
    assert len({request.connection for request in server.requests}) >= 4
    assert {request.header("If-Range") for request in server.requests[1:]} == {'"v1"'}


@pytest.mark.parametrize("segments", [1, None])
def test_one_connection_by_default(download, scripted, segments, tmp_path):
    server = scripted(Slow(BODY, headers={"Accept-Ranges": "bytes"}))
    assert download(server.url, segments=segments).connections == 1
    assert asked(server) == [None]


@pytest.mark.parametrize(
    "served",
    [Slow(BODY, etag='W/"v1"'), Slow(BODY, etag=None), Slow(BODY[: 2 * MIB - 1])],
    ids=["weak", "none", "small"],
)
def test_small_files_and_files_without_validator_use_one_connection(download, scripted, served, tmp_path):
    server = scripted(served)
    assert download(server.url).connections == 1
    assert (tmp_path / "file").read_bytes() == served.body
    assert asked(server) == [None]


@pytest.mark.parametrize("end", [Close(), Reset()], ids=["fin", "rst"])
@pytest.mark.parametrize("numbers", [(0,), (1,), (2, 3), (0, 1, 2, 3, 4, 5)])
def test_broken_connections_lose_no_byte(download, scripted, end, numbers, tmp_path):
    server = scripted(Slow(BODY, breaks=dict.fromkeys(numbers, (MIB + 5, end)), together=4))
    budget = ByteBudget(10 * SIZE)
    download(server.url, budget=budget)
    assert (tmp_path / "file").read_bytes() == BODY
    if isinstance(end, Close):
        assert budget.used == SIZE


def test_a_stalled_connection_does_not_block_the_others(download, scripted, tmp_path):
    server = scripted(Slow(BODY, breaks={2: (MIB, Stall())}, together=3))
    download(server.url, timeout=Timeouts(read=1))
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_server_that_ignores_ranges_uses_one_connection(download, scripted, tmp_path):
    server = scripted(Slow(BODY, ranges=False))
    download(server.url, retries=0)
    assert (tmp_path / "file").read_bytes() == BODY


@pytest.mark.parametrize("status", [403, 429, 503])
def test_a_server_can_refuse_further_connections(download, scripted, tmp_path, status):
    served = Slow(BODY, pause=0.01)  # slow enough to take over what the refused connections leave
    open_ones: list[int] = []

    def respond(request):
        if open_ones and request.connection not in open_ones[:2]:
            return [response(status, {"Connection": "close"}), Close()]
        open_ones.append(request.connection)
        return served(request)

    server = scripted(respond)
    download(server.url, retries=0)
    assert (tmp_path / "file").read_bytes() == BODY


@dataclass(frozen=True)
class Seated:
    """A response that occupies a place of the server until it ends."""

    steps: list[Any]
    places: threading.Semaphore

    def play(self, link):
        try:
            link.play(self.steps)
        finally:
            self.places.release()


@pytest.mark.parametrize("retries", [0, AT_ONCE], ids=["once", "thrice"])
@pytest.mark.parametrize(
    "refusal",
    [
        lambda served, _: [response(200, served.fields(), served.body)],
        instead(response(429)),
        instead(response(503)),
        instead(response(503, {"Retry-After": "100"})),
        instead(Close()),
    ],
    ids=["no range", "429", "503", "later", "fin"],
)
def test_four_connections_continue_if_the_fifth_is_refused(download, scripted, tmp_path, refusal, retries):
    served, places, refused = Slow(BODY, together=99), threading.Semaphore(4), []

    def respond(request):
        if places.acquire(blocking=False):
            return [Seated(served(request), places)]
        refused.append(request)
        served.gate.set()
        return refusal(served, request)

    server, budget = scripted(respond), ByteBudget(2 * SIZE)
    done = download(server.url, segments=8, retries=retries, budget=budget)
    assert (tmp_path / "file").read_bytes() == BODY
    assert refused
    assert 2 <= done.connections < 8
    assert asked(server).count(None) == 1
    assert budget.used == SIZE


@dataclass(frozen=True)
class Bound:
    """Limit each connection to 0.4 MiB/s until the event is set."""

    body: bytes
    free: threading.Event

    def play(self, link):
        for start in range(0, len(self.body), PIECE):
            link.send(self.body[start : start + PIECE])
            link.pause(0 if self.free.is_set() else 0.3)


def test_connections_are_added_to_a_slow_one(download, scripted, tmp_path):
    body, many = pattern(48 * MIB), threading.Event()
    served, came = Served(body, headers={"Accept-Ranges": "bytes"}), set()

    def respond(request):
        came.add(request.connection)
        if len(came) >= 4:
            many.set()
        head, blank, part = served.respond(request)[0].partition(b"\r\n\r\n")
        return [head + blank, Bound(part, many)]

    server = scripted(respond)
    done = download(server.url, segments=None)
    assert (tmp_path / "file").read_bytes() == body
    assert 2 <= done.connections <= 16
    assert len(came) >= 4
    assert asked(server).count(None) == 1


def changing(served, after):
    def respond(request):
        if served.count == after:
            served.body, served.etag = OTHER, '"v2"'
        return served(request)

    return respond


@pytest.mark.parametrize("after", [1, 2, 3, 4])
def test_versions_are_never_mixed(download, scripted, tmp_path, after):
    done = download(scripted(changing(Slow(BODY), after)).url)
    assert (tmp_path / "file").read_bytes() == {'"v1"': BODY, '"v2"': OTHER}[done.validator]


def test_another_version_on_a_new_connection_loses_no_byte(download, scripted, tmp_path):
    server = scripted(changing(Slow(BODY, pause=0.01), 1))  # slow enough to continue after the other connection
    budget = ByteBudget(2 * SIZE)
    assert download(server.url, segments=2, budget=budget).validator == '"v1"'
    assert budget.used == SIZE


def test_the_new_version_replaces_the_old_one(download, scripted, tmp_path):
    broken = dict.fromkeys(range(6), (MIB, Close()))
    done = download(scripted(changing(Slow(BODY, breaks=broken), 3)).url)
    assert (tmp_path / "file").read_bytes() == OTHER
    assert done.validator == '"v2"'


def test_a_file_that_changes_constantly_ends(download, scripted, tmp_path):
    served = Slow(BODY)

    def respond(request):
        served.etag = f'"{served.count}"'
        return served(request)

    download(scripted(respond).url)
    assert (tmp_path / "file").read_bytes() == BODY


def test_a_later_download_requests_only_missing_bytes(download, scripted, tmp_path):
    broken = dict.fromkeys(range(5), (MIB // 2 + 1, Close()))
    server = scripted(Slow(BODY, breaks=broken, together=4))
    budget = ByteBudget(10 * SIZE)
    with pytest.raises(httpconn.HTTPConnError):
        download(server.url, retries=0, budget=budget)
    first = budget.used
    assert MIB < first < SIZE
    done = download(server.url, budget=budget)
    assert (tmp_path / "file").read_bytes() == BODY
    assert done.resumed == first
    assert budget.used == SIZE


def test_missing_bytes_on_one_connection(download, scripted, tmp_path):
    server = scripted(Slow(BODY, breaks=dict.fromkeys(range(5), (MIB // 2 + 1, Close())), together=4))
    budget = ByteBudget(10 * SIZE)
    with pytest.raises(httpconn.HTTPConnError):
        download(server.url, retries=0, budget=budget)
    assert download(server.url, budget=budget, segments=1).connections == 1
    assert (tmp_path / "file").read_bytes() == BODY
    assert budget.used == SIZE


def test_a_mirror_with_another_validator_continues(download, scripted, tmp_path):
    broken = Slow(BODY, breaks=dict.fromkeys(range(5), (MIB // 2 + 1, Close())))
    first = scripted(lambda request: broken(request) if broken.count < 5 else [response(404)])
    mirror = scripted(Slow(BODY, etag='"another name"'))
    budget = ByteBudget(10 * SIZE)
    download(first.url, mirrors=[mirror.url], digest=SHA256, retries=0, budget=budget)
    assert (tmp_path / "file").read_bytes() == BODY
    assert budget.used < SIZE + 1000


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_a_cancelled_download_keeps_its_bytes(scripted, tmp_path, backend):
    server = scripted(Slow(BODY, pause=0.01))

    async def main():
        async with httpconn.HTTPConnection() as connection:
            with anyio.move_on_after(30) as scope:

                def stop(event):
                    if event.received > 2 * MIB:
                        scope.cancel()

                await connection.async_download(server.url, tmp_path / "file", segments=4, progress=stop)
            assert scope.cancelled_caught
            return await connection.async_download(server.url, tmp_path / "file", segments=4)

    assert anyio.run(main, backend=backend).resumed > 2 * MIB
    assert (tmp_path / "file").read_bytes() == BODY


def test_the_wrong_content_never_appears(download, scripted, tmp_path):
    server = scripted(Slow(OTHER))
    with pytest.raises(httpconn.IntegrityError):
        download(server.url, digest=SHA256)
    assert list(tmp_path.iterdir()) == []


def test_limits_apply_to_all_connections_together(download, scripted, tmp_path):
    with pytest.raises(httpconn.LimitExceeded):
        download(scripted(Slow(BODY)).url, max_bytes=SIZE - 1)
    with pytest.raises(httpconn.LimitExceeded):
        download(scripted(Slow(BODY)).url, budget=ByteBudget(SIZE - 1))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("segments", [1, 4])
@pytest.mark.parametrize("gaps", [[MIB], [MIB, 3 * MIB, 5 * MIB]])
def test_a_gap_is_requested_without_the_bytes_on_disk_behind_it(download, scripted, tmp_path, gaps, segments):
    server = scripted(Served(BODY))
    part, budget = PartFile(tmp_path / "file"), ByteBudget(10 * SIZE)
    part.open()
    ends = [*gaps[1:], SIZE]
    for start, end in [(0, gaps[0]), *zip((gap + 1 for gap in gaps), ends, strict=True)]:
        part.write_at(start, [BODY[start:end]])
    parts = tuple((gap + 1, end, end - gap - 1) for gap, end in zip(gaps, ends, strict=True))
    key = resource_key(vet(server.url))
    part.checkpoint(Sidecar(url="", key=key, validator='"v1"', total=SIZE, committed=gaps[0], parts=parts))
    part.close()
    download(server.url, segments=segments, budget=budget)
    assert (tmp_path / "file").read_bytes() == BODY
    assert sorted(asked(server)) == sorted(f"bytes={gap}-{gap}" for gap in gaps)
    assert budget.used == len(gaps)


def test_the_deadline_ends_all_connections(download, scripted, tmp_path):
    server = scripted(Slow(BODY, breaks=dict.fromkeys(range(100), (MIB, Stall()))))
    with pytest.raises(httpconn.DeadlineExceeded):
        download(server.url, timeout=0.3)
    server.wait_for(lambda: server.open_connections == 0)


def test_connections_respect_the_pool_limit(download, scripted, tmp_path):
    server = scripted(Slow(BODY))
    assert download(server.url, limits=Limits(max_per_host=2), segments=8).connections == 2
    assert (tmp_path / "file").read_bytes() == BODY


def test_progress_of_all_connections_never_falls(download, scripted, tmp_path):
    seen = []
    download(scripted(Slow(BODY, pause=0.02)).url, progress=seen.append)
    received = [event.received for event in seen]
    assert received == sorted(received)
    assert (received[0], received[-1], seen[-1].done) == (0, SIZE, True)
    assert len(set(received)) > 2


@pytest.mark.parametrize("segments", [0, 65, -1, 1.5, True, "4"])
def test_segments_must_be_a_valid_number(download, segments):
    with pytest.raises(InvalidRequest):
        download("http://127.0.0.1:9/", segments=segments)


KILLED = """
import sys
import httpconn
with httpconn.HTTPConnection() as connection:
    connection.download(sys.argv[1], sys.argv[2], segments=4, retries=0)
"""


def test_a_killed_process_leaves_no_wrong_byte(scripted, tmp_path):
    served = Slow(BODY, together=99, wait_at=2 * MIB)
    server = scripted(served)
    target = tmp_path / "file"
    for moment in (4, 6, 8):
        command = [sys.executable, "-c", KILLED, server.url, str(target)]
        with subprocess.Popen(command) as process:
            before = len(server.requests)
            server.wait_for(lambda before=before, moment=moment: len(server.requests) >= before + moment // 2)
            process.kill()
        assert not target.exists()
    served.gate.set()
    with httpconn.HTTPConnection() as connection:
        connection.download(server.url, target, segments=4, digest=SHA256)
    assert target.read_bytes() == BODY
    assert list(tmp_path.iterdir()) == [target]


def test_a_thread_that_does_not_start_leaves_no_connection_behind(scripted, tmp_path, monkeypatch):
    started, start = [], threads.start_thread

    def start_first(thread):
        if thread.name == "httpconn-worker" and started:
            raise RuntimeError("can't start new thread")
        started.append(thread)
        start(thread)

    monkeypatch.setattr(threads, "start_thread", start_first)
    server = scripted(Served(BODY, faults=[cut(MIB), *[instead(response(404))] * 9]))
    with httpconn.HTTPConnection(retries=AT_ONCE) as connection, pytest.raises(httpconn.StatusError):
        connection.download(server.url, tmp_path / "file", segments=4)
