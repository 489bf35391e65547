"""Digests of a download: a wrong file never appears, and the result names the verified properties."""

from __future__ import annotations

import base64
import gzip
import hashlib

import pytest

import httpconn
from httpconn import Limits
from tests.servers.files import Served, cut
from tests.servers.scripted import Close, response

BODY = b"the file" * 100_000
MD5 = base64.b64encode(hashlib.md5(BODY).digest()).decode()
SHA256 = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
WRONG = base64.b64encode(hashlib.sha256(b"").digest()).decode()


@pytest.fixture
def download(face, connect, tmp_path):
    def call(url, *, limits=Limits(), **options):  # noqa: B008 - frozen
        return face.call(connect(retries=0, limits=limits), "download", url, tmp_path / "file", **options)

    return call


@pytest.mark.parametrize("algorithm", ["md5", "sha1", "sha256", "sha384", "sha512"])
def test_the_callers_digest_is_checked(download, scripted, algorithm):
    digest = f"{algorithm}:{hashlib.new(algorithm, BODY).hexdigest()}"
    result = download(scripted(response(body=BODY)).url, digest=digest.upper())
    assert (result.digest, result.verified) == (digest, {"length", algorithm})
    assert result.digest_source == "caller"


def test_a_file_with_another_digest_never_appears(download, scripted, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(httpconn.IntegrityError) as caught:
        download(scripted(Served(BODY)).url, digest="md5:" + "0" * 32)
    assert caught.value.expected == "md5:" + "0" * 32
    assert caught.value.actual == f"md5:{hashlib.md5(BODY).hexdigest()}"
    assert caught.value.attempts == 1
    assert [each.name for each in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.parametrize("digest", ["sha256:00", "crc32:00000000", "nonsense", 3])
def test_an_invalid_digest_is_refused_before_a_request(download, scripted, digest):
    server = scripted(response())
    with pytest.raises(httpconn.InvalidRequest):
        download(server.url, digest=digest)
    assert server.connections == 0


@pytest.mark.parametrize(
    ("headers", "algorithm", "source"),
    [
        ({"Repr-Digest": f"sha-256=:{SHA256}:"}, "sha256", "repr-digest"),
        ({"Content-MD5": MD5}, "md5", "content-md5"),
        ([("x-goog-hash", "crc32c=AAAAAA=="), ("x-goog-hash", f"md5={MD5}")], "md5", "x-goog-hash"),
        ({"x-amz-checksum-sha256": SHA256}, "sha256", "x-amz-checksum-sha256"),
    ],
)
def test_a_digest_that_the_server_announces_is_checked(download, scripted, headers, algorithm, source):
    result = download(scripted(response(200, headers, BODY)).url)
    assert (result.verified, result.digest_source) == ({"length", algorithm}, source)


def test_another_announced_digest_is_an_error(download, scripted):
    server = scripted(response(200, {"Repr-Digest": f"sha-256=:{WRONG}:"}, BODY))
    with pytest.raises(httpconn.IntegrityError, match="announced in repr-digest"):
        download(server.url)


def test_the_callers_digest_takes_precedence(download, scripted):
    server = scripted(response(200, {"Repr-Digest": f"sha-256=:{WRONG}:"}, BODY))
    assert download(server.url, digest=f"md5:{hashlib.md5(BODY).hexdigest()}").verified == {"length", "md5"}


def test_digests_that_cannot_be_checked_are_reported(download, scripted):
    headers = {"x-goog-hash": "crc32c=AAAAAA==", "Content-MD5": "nonsense"}
    result = download(scripted(response(200, headers, BODY)).url)
    assert result.verified == {"length"}
    assert (result.digest, result.digest_source) == (None, None)
    assert result.unchecked == ("x-goog-hash: crc32c", "content-md5: malformed")


def test_an_announced_digest_is_not_of_the_decoded_body(download, scripted):
    headers = {"Content-Encoding": "gzip", "Repr-Digest": f"sha-256=:{WRONG}:"}
    result = download(scripted(response(200, headers, gzip.compress(BODY))).url)
    assert (result.size, result.verified) == (len(BODY), {"length"})


@pytest.mark.parametrize(("framing", "verified"), [("length", {"length"}), ("chunked", {"length"}), ("close", set())])
def test_the_end_of_a_connection_proves_nothing(download, scripted, framing, verified):
    server = scripted([response(body=BODY, framing=framing), Close()])
    result = download(server.url)
    assert (result.size, result.verified) == (len(BODY), verified)


def test_strict_framing_refuses_a_body_ended_by_the_connection(download, scripted):
    server = scripted([response(body=BODY, framing="close"), Close()])
    with pytest.raises(httpconn.ProtocolError):
        download(server.url, limits=Limits(strict_framing=True))


def test_a_416_for_an_empty_file_is_an_empty_file(download, scripted, tmp_path):
    result = download(scripted(response(416, {"Content-Range": "bytes */0"}, b"nothing")).url)
    assert (result.size, result.path.read_bytes()) == (0, b"")


def test_the_result_says_where_the_file_came_from(download, scripted):
    headers = {"Content-Type": "image/png", "ETag": 'W/"v1"'}
    script = {"/": response(302, {"Location": "/f?sig=secret"}), "/f?sig=secret": response(200, headers, BODY)}
    server = scripted(script)
    result = download(server.url)
    assert result.url == server.url_for("/f?sig=***")
    assert (result.content_type, result.validator, result.attempts) == ("image/png", 'W/"v1"', 1)


def test_broken_downloads_are_kept_and_wrong_ones_are_not(download, scripted, tmp_path):
    served = Served(BODY, faults=[cut(1000)])
    server = scripted(served)
    with pytest.raises(httpconn.TruncatedBody):
        download(server.url)
    assert list(tmp_path.iterdir()) != []
    with pytest.raises(httpconn.IntegrityError):
        download(server.url, digest="sha1:" + "0" * 40)
    assert list(tmp_path.iterdir()) == []
