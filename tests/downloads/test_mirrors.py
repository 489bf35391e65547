"""Mirrors: the next URL resumes where the last one failed."""

from __future__ import annotations

import hashlib

import pytest

import httpconn
from httpconn import ByteBudget
from tests.servers.files import Served, cut
from tests.servers.scripted import Close, response

BODY = bytes(range(256)) * 4000
HALF = len(BODY) // 2
DIGEST = f"sha256:{hashlib.sha256(BODY).hexdigest()}"


@pytest.fixture
def download(face, connect, tmp_path):
    def call(url, **options):
        return face.call(connect(retries=0), "download", url, tmp_path / "file", **options)

    return call


@pytest.mark.parametrize("fault", [response(404), response(503), [Close()], response(body=b"wrong")])
def test_the_next_mirror_is_used_after_a_failure(download, scripted, fault):
    mirror = scripted(Served(BODY))
    result = download(scripted(fault).url, digest=DIGEST, mirrors=[mirror.url_for("/a")])
    assert result.path.read_bytes() == BODY
    assert result.url == mirror.url_for("/a")


def test_the_next_mirror_resumes(download, scripted):
    first, second = scripted(Served(BODY, faults=[cut(HALF)])), scripted(Served(BODY, etag='"x"'))
    budget = ByteBudget(10 * len(BODY))
    result = download(first.url, digest=DIGEST, mirrors=[second.url], budget=budget)
    assert result.path.read_bytes() == BODY
    assert budget.used == len(BODY)
    assert second.requests[0].header("If-Range") is None  # it would name the version of the first server


def test_a_mirror_with_another_file_is_detected(download, scripted):
    first, second = scripted(Served(BODY, faults=[cut(HALF)])), scripted(Served(b"x" * len(BODY)))
    third = scripted(Served(BODY))
    result = download(first.url, digest=DIGEST, mirrors=[second.url, third.url])
    assert result.path.read_bytes() == BODY


def test_the_last_failure_is_raised(download, scripted):
    with pytest.raises(httpconn.StatusError) as caught:
        download(scripted(response(404)).url, digest=DIGEST, mirrors=[scripted(response(410)).url])
    assert caught.value.status_code == 410


@pytest.mark.parametrize("options", [{}, {"max_bytes": 10, "digest": DIGEST}])
def test_no_mirror_is_used_if_none_can_help(download, scripted, options):
    mirror = scripted(Served(BODY))
    with pytest.raises(httpconn.HTTPConnError):
        download(scripted(Served(BODY)).url, mirrors=[mirror.url], **options)
    assert mirror.connections == 0


def test_the_headers_of_a_call_stay_on_the_origin_of_its_url(download, scripted):
    first, second = scripted(response(404)), scripted(Served(BODY))
    here = first.url_for("/again")
    options = {"extra_headers": {"Authorization": "secret"}, "digest": DIGEST}
    download(first.url, mirrors=[here, second.url], **options)
    assert [request.header("Authorization") for request in first.requests] == ["secret", "secret"]
    assert second.requests[0].header("Authorization") is None


@pytest.mark.parametrize("mirrors", [["ftp://example.com/"], "http://example.com", [3], 3])
def test_mirrors_are_checked_before_a_request(download, scripted, mirrors):
    server = scripted(Served(BODY))
    with pytest.raises(httpconn.InvalidRequest):
        download(server.url, digest=DIGEST, mirrors=mirrors)
    assert server.connections == 0
