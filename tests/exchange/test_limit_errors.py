"""LimitExceeded names the limit and the number that exceeded it."""

from __future__ import annotations

import gzip
import pickle

import pytest

import httpconn
from httpconn import ByteBudget, Limits
from httpconn.testing import chunked, response

BODY = bytes(1000)
BOMB = response(headers={"Content-Encoding": "gzip"}, body=gzip.compress(bytes(100_000)))
UNDECLARED = response(headers={"Transfer-Encoding": "chunked"}) + chunked(BODY)


def failed(face, connection, url, **options) -> httpconn.LimitExceeded:
    with pytest.raises(httpconn.LimitExceeded) as caught:
        face.get_bytes(connection, url, **options)
    again = pickle.loads(pickle.dumps(caught.value))
    assert (again.kind, again.limit, again.received) == (caught.value.kind, caught.value.limit, caught.value.received)
    return caught.value


@pytest.mark.parametrize("script", [response(body=BODY), UNDECLARED])
def test_a_size(face, connect, scripted, script):
    error = failed(face, connect(), scripted(script).url, max_bytes=400)
    assert (error.kind, error.limit, error.received) == ("size", 400, 1000)


def test_a_decoded_size(face, connect, scripted):
    error = failed(face, connect(), scripted(BOMB).url, max_bytes=400)
    assert (error.kind, error.limit) == ("size", 400)
    assert error.received > 400


@pytest.mark.parametrize("script", [response(body=BODY), UNDECLARED])
def test_a_budget(face, connect, scripted, script):
    connection, server, budget = connect(), scripted(script), ByteBudget(1500)
    face.get_bytes(connection, server.url, budget=budget)
    error = failed(face, connection, server.url, budget=budget)
    assert (error.kind, error.limit, error.received) == ("budget", 1500, 2000)


def test_a_ratio(face, connect, scripted):
    connection = connect(limits=Limits(max_ratio=2, ratio_grace=100))
    error = failed(face, connection, scripted(BOMB).url)
    assert (error.kind, error.limit) == ("ratio", 2)
    assert error.received > 100


def test_a_download(face, connect, scripted, tmp_path):
    server = scripted(response(body=BODY))
    with pytest.raises(httpconn.LimitExceeded) as caught:
        face.download_file(connect(), server.url, tmp_path / "a", max_bytes=400)
    assert (caught.value.kind, caught.value.limit, caught.value.received) == ("size", 400, 1000)


@pytest.mark.parametrize(
    ("limits", "limit"),
    [(Limits(max_headers=5), 5), (Limits(max_headers=900, max_header_bytes=2000), 2000), (Limits(), 100)],
)
def test_a_header(face, connect, scripted, limits, limit):
    server = scripted(response(headers={f"X-{number}": "x" * 100 for number in range(200)}))
    error = failed(face, connect(limits=limits, retries=0), server.url)
    assert isinstance(error, httpconn.HeaderTooLarge)
    assert (error.kind, error.limit) == ("size", limit)
    assert error.received > limit
