"""Received bytes stay on disk until a complete and verified file replaces them."""

from __future__ import annotations

import base64
import errno
import hashlib
import os

import pytest

import httpconn
from httpconn import ByteBudget, RetryPolicy
from httpconn.core.identity import resource_key
from httpconn.core.urls import vet
from httpconn.disk.partfile import PartFile, Sidecar
from tests.servers.application import pattern
from tests.servers.files import Served, changed, cut, instead
from tests.servers.scripted import Close, response

SIZE = 1_000_003
HALF = SIZE // 2
BODY = pattern(SIZE)
OTHER = bytes(reversed(BODY))
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
BINARY = {"Content-Type": "application/octet-stream"}


@pytest.fixture
def run(face, connect, tmp_path):
    """Download to the same file; each attempt is a run."""
    connection = connect(retries=0)

    def download(url, **options):
        return face.call(connection, "download", url, tmp_path / "model.bin", **options)

    return download


def fail(run, url, error=httpconn.TruncatedBody, **options):
    with pytest.raises(error) as caught:
        run(url, **options)
    return caught.value


def left(tmp_path):
    return sorted(path.name.rpartition(".")[2] for path in tmp_path.iterdir() if path.name != "model.bin")


@pytest.mark.parametrize("digest", [SHA256, None, f"sha256:{'0' * 64}"])
def test_a_complete_file_that_its_digest_proves_needs_no_request(run, scripted, tmp_path, digest):
    server, part = scripted(Served(BODY)), PartFile(tmp_path / "model.bin")
    part.open()
    part.write([BODY])
    part.checkpoint(
        Sidecar(url="", key=resource_key(vet(server.url)), digest=digest, total=SIZE, committed=SIZE, validator='"v1"')
    )
    part.close()  # as if the process had been killed before it renamed the file
    if digest in (SHA256, None):
        result = run(server.url, digest=digest)
        assert result.path.read_bytes() == BODY
        assert result.resumed == SIZE
    else:
        fail(run, server.url, httpconn.IntegrityError, digest=digest)
    assert (server.requests == []) == (digest == SHA256)
    assert left(tmp_path) == []


@pytest.mark.parametrize("etag", ['"v2"', None])
def test_a_broken_replacement_leads_back_to_the_earlier_bytes(run, scripted, tmp_path, etag):
    served = Served(BODY, faults=[cut(HALF), changed(body=OTHER, etag=etag, faults=[cut(1000)])])
    server, budget = scripted(served), ByteBudget(10 * SIZE)
    fail(run, server.url, budget=budget)
    served.faults = [lambda *_: cut(1000)(Served(OTHER, etag=etag), server.requests[-1])]
    fail(run, server.url, budget=budget)
    assert left(tmp_path).count("httpconn-part") == (1 if etag is None else 2)
    result = run(server.url, budget=budget)
    assert result.resumed == HALF
    assert result.path.read_bytes() == BODY
    assert budget.used == SIZE + 1000
    assert left(tmp_path) == []


def test_without_resuming_the_bytes_of_earlier_runs_are_removed_first(run, scripted, tmp_path):
    served = Served(BODY, faults=[cut(HALF), changed(body=OTHER, etag='"v2"', faults=[cut(1000)])])
    server, seen = scripted(served), []
    fail(run, server.url)
    served.faults = [lambda *_: cut(1000)(Served(OTHER, etag='"v2"'), server.requests[-1])]
    fail(run, server.url)
    served.faults = [lambda served, request: (seen.extend(left(tmp_path)), served.respond(request))[1]]
    assert run(server.url, resume=False).resumed == 0
    assert sorted(seen) == ["httpconn-lock", "httpconn-part"]
    assert left(tmp_path) == []


def test_a_replacement_resumes_in_a_later_run(run, scripted, tmp_path):
    served = Served(BODY, faults=[cut(HALF)])
    server = scripted(served)
    fail(run, server.url)
    served.body, served.etag, served.faults = OTHER, '"v2"', [cut(HALF + 5)]
    fail(run, server.url)
    assert run(server.url).resumed == HALF + 5
    assert (tmp_path / "model.bin").read_bytes() == OTHER
    assert left(tmp_path) == []


@pytest.mark.parametrize("resume", [True, False])
def test_within_one_call_an_attempt_returns_to_the_earlier_bytes(face, connect, scripted, tmp_path, resume):
    portal = instead(response(200, BINARY, OTHER)[:-10], Close())
    served = Served(BODY, headers=BINARY, faults=[cut(HALF), portal])
    server, connection = scripted(served), connect(retries=RetryPolicy(backoff=0))
    result = face.call(connection, "download", server.url, tmp_path / "model.bin", resume=resume)
    assert [request.header("Range") for request in server.requests] == [None, f"bytes={HALF}-", f"bytes={HALF}-"]
    assert result.path.read_bytes() == BODY
    assert left(tmp_path) == []


def test_the_digest_of_a_broken_replacement_is_not_that_of_the_earlier_bytes(run, scripted, face, connect, tmp_path):
    announced = base64.b64encode(hashlib.sha256(OTHER).digest()).decode("ascii")
    fields = {"Repr-Digest": f"sha-256=:{announced}:", "ETag": '"v2"'}
    replacement = instead(response(200, fields, OTHER)[:-10], Close())
    served = Served(BODY, faults=[cut(HALF), replacement, lambda *_: [response(200, {"ETag": '"v1"'}, BODY)]])
    server = scripted(served)
    result = face.call(connect(retries=RetryPolicy(backoff=0)), "download", server.url, tmp_path / "model.bin")
    assert (result.path.read_bytes(), result.digest) == (BODY, None)
    assert len(server.requests) == 4
    assert server.requests[-1].header("Range") == f"bytes={HALF}-"
    assert left(tmp_path) == []


def test_segments_of_the_earlier_version_are_continued(face, connect, scripted, tmp_path):
    big = pattern(4_000_000)
    served = {'"v1"': Served(big), '"v2"': Served(big[::-1], etag='"v2"')}
    current, budget, connection = ['"v1"'], ByteBudget(20_000_000), connect(retries=0)
    limits = {'"v1"': 400_000, '"v2"': 100_000}

    def respond(request):
        found = served[current[0]]
        return found(request) if current[0] not in limits else cut(limits[current[0]])(found, request)

    server = scripted(respond)
    for version in ('"v1"', '"v2"'):
        current[0] = version
        with pytest.raises(httpconn.HTTPConnError):
            face.call(connection, "download", server.url, tmp_path / "model.bin", segments=3, budget=budget)
    limits.clear()
    current[0], before = '"v1"', budget.used
    result = face.call(connection, "download", server.url, tmp_path / "model.bin", segments=3, budget=budget)
    assert result.path.read_bytes() == big
    assert budget.used - before == len(big) - result.resumed
    assert result.resumed >= 400_000
    assert left(tmp_path) == []


def test_a_server_that_alternates_between_versions_costs_few_requests(face, connect, scripted, tmp_path):
    versions = {'"v1"': BODY, '"v2"': OTHER}

    def alternate(request):
        etag = '"v2"' if len(server.requests) % 2 == 0 else '"v1"'
        served = Served(versions[etag], etag=etag)
        return cut(1000)(served, request)

    server = scripted(alternate)
    with pytest.raises(httpconn.TruncatedBody):
        face.call(connect(retries=RetryPolicy(backoff=0)), "download", server.url, tmp_path / "model.bin")
    assert len(server.requests) < 20
    assert left(tmp_path).count("httpconn-part") <= 2


def test_a_replacement_with_a_wrong_digest_costs_no_received_byte(run, scripted, tmp_path):
    served = Served(BODY, faults=[cut(HALF), instead(response(200, {**BINARY, "ETag": '"p"'}, OTHER))])
    server = scripted(served)
    fail(run, server.url, digest=SHA256)
    error = fail(run, server.url, httpconn.IntegrityError, digest=SHA256)
    assert error.actual is not None
    assert run(server.url, digest=SHA256).resumed == HALF
    assert left(tmp_path) == []


def test_a_replacement_over_the_limit_costs_no_received_byte(run, scripted, tmp_path):
    served = Served(BODY, faults=[cut(HALF), instead(response(200, {"ETag": '"p"'}, OTHER + OTHER))])
    server = scripted(served)
    fail(run, server.url, max_bytes=SIZE)
    fail(run, server.url, httpconn.LimitExceeded, max_bytes=SIZE)
    assert run(server.url, max_bytes=SIZE).resumed == HALF
    assert left(tmp_path) == []


@pytest.mark.parametrize("limit", ["max_bytes", "budget"])
def test_a_lower_limit_costs_no_received_byte(run, scripted, limit):
    server = scripted(Served(BODY, faults=[cut(HALF)]))
    fail(run, server.url)
    fail(run, server.url, httpconn.LimitExceeded, **{limit: 9 if limit == "max_bytes" else httpconn.ByteBudget(9)})
    assert run(server.url).resumed == HALF


def test_a_failed_download_of_another_url_costs_no_received_byte(run, scripted, tmp_path):
    served = {"/a": Served(BODY, faults=[cut(HALF)]), "/b": Served(OTHER, etag='"b"', faults=[cut(9)])}
    server = scripted(lambda request: served[request.path](request))
    fail(run, server.url_for("/a"))
    fail(run, server.url_for("/b"))
    assert run(server.url_for("/a")).resumed == HALF
    assert (tmp_path / "model.bin").read_bytes() == BODY
    assert left(tmp_path) == []


def test_without_resume_all_received_bytes_are_removed(run, scripted, tmp_path):
    served = Served(BODY, faults=[cut(HALF)])
    server = scripted(served)
    fail(run, server.url)
    served.etag, served.faults = '"v2"', [cut(5000)]
    fail(run, server.url)
    served.faults = [cut(5000)]
    fail(run, server.url, resume=False)
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    "portal",
    [
        response(200, {"Content-Type": "text/html", "ETag": '"p"'}, b"<html>" + OTHER),
        response(200, {"Content-Type": "application/xhtml+xml"}, b"<html>"),
        response(200, {"Content-Type": "text/plain"}, b"Please log in"),
        response(200, {"Content-Type": "text/plain", "ETag": '"p"'}, b"Please log in"),
        response(200, {"Content-Type": "application/json"}, b" " * (SIZE - 1)),
        response(200, {}, b"Please log in"),
    ],
    ids=["large page", "xhtml", "text", "versioned text", "other type", "small"],
)
def test_a_suspicious_body_is_an_error_that_describes_it(run, scripted, tmp_path, portal):
    server = scripted(Served(BODY, headers=BINARY, faults=[cut(HALF), instead(portal)]))
    fail(run, server.url)
    error = fail(run, server.url, httpconn.UnexpectedContent)
    assert error.retryable
    assert f"{SIZE} bytes of the type application/octet-stream" in error.message
    assert run(server.url).resumed == HALF
    assert (tmp_path / "model.bin").read_bytes() == BODY


@pytest.mark.parametrize(
    "steps",
    [
        [b"HTTP/1.1 200 OK\r\n\r\nlogin", Close()],
        [b"HTTP/1.1 200 OK\r\n\r\n" + OTHER, Close()],
        [b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nlogin\r\n0\r\n\r\n"],
    ],
    ids=["small", "large", "chunked"],
)
def test_a_body_that_proves_nothing_costs_no_received_byte(run, scripted, tmp_path, steps):
    server = scripted(Served(BODY, faults=[cut(HALF), instead(*steps)]))
    fail(run, server.url)
    assert "resume=False" in fail(run, server.url, httpconn.UnexpectedContent).message
    assert run(server.url).resumed == HALF
    assert left(tmp_path) == []


def test_a_full_disk_names_the_kept_bytes(run, scripted, tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    served = Served(BODY, faults=[cut(HALF), instead(response(200, {"ETag": '"v2"'}, OTHER + OTHER))])
    server = scripted(served)
    fail(run, server.url)
    with monkeypatch.context() as patch:
        patch.setattr(os, "posix_fallocate", full)
        error = fail(run, server.url, httpconn.DiskFull)
    assert "resume=False" in error.__notes__[0]
    assert run(server.url).resumed == HALF
    assert left(tmp_path) == []


@pytest.mark.parametrize("resume", [True, False])
def test_an_error_says_whether_the_received_bytes_are_kept(run, scripted, tmp_path, resume):
    page = instead(response(200, {"Content-Type": "text/html"}, b"<html>"))
    server = scripted(Served(BODY, headers=BINARY, faults=[cut(HALF), *[page] * 9]))
    policy = RetryPolicy(attempts=2, backoff=0)
    error = fail(run, server.url, httpconn.UnexpectedContent, resume=resume, retries=policy)
    assert ("are kept" in error.message) == resume == ("httpconn-part" in left(tmp_path))
