"""Signed URLs of boto3 with the S3 server of moto."""

from __future__ import annotations

import logging
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

import httpconn
from httpconn import RetryPolicy
from tests.servers.application import pattern
from tests.servers.objectstore import ObjectStore, serve_s3

SIZE = 3_000_001
HALF = SIZE // 2
BODY = pattern(SIZE)
KEY = "weights/llama 3+ß=1.bin"
AT_ONCE = RetryPolicy(backoff=0)


@pytest.fixture(scope="module")
def running():
    with serve_s3() as store:
        store.put(KEY, BODY)
        yield store


@pytest.fixture
def store(running) -> ObjectStore:
    running.network.carried = 0
    return running


def secrets(url):
    """Return the secrets of a URL, which must not appear in a log."""
    query = parse_qs(urlsplit(url).query)
    return [query[name][0] for name in ("X-Amz-Signature", "X-Amz-Credential")]


def test_an_object_is_fetched_by_its_signed_url(face, connect, store):
    assert face.get_bytes(connect(), store.signed(KEY)) == BODY


def test_a_part_of_an_object(face, connect, store):
    response = face.get_response(connect(), store.signed(KEY), extra_headers={"Range": "bytes=10-19"})
    assert (response.status_code, response.content) == (206, BODY[10:20])


def test_a_cut_download_continues_where_it_broke(face, connect, store, tmp_path):
    store.network.cuts.append(HALF)
    result = face.call(connect(retries=AT_ONCE), "download", store.signed(KEY), tmp_path / "file")
    assert result.path.read_bytes() == BODY
    assert result.attempts == 2
    assert store.network.carried < SIZE + HALF


def test_the_error_of_an_expired_url_contains_no_secret(face, connect, store, caplog):
    caplog.set_level(logging.DEBUG, "httpconn")
    url = store.signed(KEY, seconds=0)
    with pytest.raises(httpconn.StatusError) as caught:
        face.get_bytes(connect(retries=AT_ONCE), url)
    error = caught.value
    assert (error.status_code, error.retryable, error.attempts) == (403, False, 1)
    for secret in secrets(url):
        assert secret not in f"{error!r} {error} {error.url} {error.public_message} {caplog.text}"


def test_a_url_that_expires_during_a_download_is_renewed(face, connect, store, tmp_path, monkeypatch):
    def expire(_event):
        monkeypatch.setattr(store, "ahead", timedelta(hours=2))

    connection = connect(retries=AT_ONCE, event_hooks={"retry": [expire]})
    store.network.cuts.append(HALF)
    with pytest.raises(httpconn.StatusError) as caught:
        face.call(connection, "download", store.signed(KEY), tmp_path / "file")
    assert caught.value.status_code == 403
    assert not (tmp_path / "file").exists()

    result = face.call(connection, "download", store.signed(KEY, seconds=3 * 3600), tmp_path / "file")
    assert result.path.read_bytes() == BODY
    assert 0 < result.resumed < HALF


def test_an_object_that_was_replaced_during_a_download_is_not_joined(face, connect, store, tmp_path):
    old, new = pattern(SIZE), bytes(reversed(pattern(SIZE)))
    store.put("replaced", old)
    connection = connect(retries=AT_ONCE, event_hooks={"retry": [lambda _event: store.put("replaced", new)]})
    store.network.cuts.append(HALF)
    path = face.download_file(connection, store.signed("replaced"), tmp_path / "file")
    assert path.read_bytes() == new


def test_an_open_file_reads_the_parts_it_needs(store):
    with httpconn.HTTPConnection() as connection, connection.open(store.signed(KEY)) as file:
        file.seek(-10, 2)
        assert file.read() == BODY[-10:]
