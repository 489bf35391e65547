"""The metadata of a file: by HEAD, or by a GET whose body is not read."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import pickle

import pytest

import httpconn
from httpconn.testing import Close, Stall, response
from tests.cli.test_cli import run

SHA256 = hashlib.sha256(b"file").hexdigest()
DIGEST = base64.b64encode(hashlib.sha256(b"file").digest()).decode()
FIELDS = {
    "Content-Type": "Image/PNG; charset=x",
    "ETag": '"v1"',
    "Last-Modified": "Mon, 05 Jan 2026 00:00:00 GMT",
    "Accept-Ranges": "bytes",
    "Repr-Digest": f"sha-256=:{DIGEST}:",
    "Content-Disposition": "attachment; filename*=UTF-8''caf%C3%A9.png",
}


def head(status=200, length="5000", **fields):
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items())
    return f"HTTP/1.1 {status} x\r\nContent-Length: {length}\r\n{lines}\r\n".encode()


@pytest.fixture
def get_metadata(face, connect):
    connection = connect(retries=httpconn.RetryPolicy(attempts=2, backoff=0))
    return lambda url, **options: face.call(connection, "get_metadata", url, **options)


def test_the_metadata_of_a_file(get_metadata, scripted):
    server = scripted(head(**FIELDS))
    found = get_metadata(server.url_for("/a/b.png?key=secret"), extra_headers={"X-Key": "k"})
    assert found == httpconn.Metadata(
        url=f"{server.url}/a/b.png?key=***",
        size=5000,
        media_type="image/png",
        filename="café.png",
        etag='"v1"',
        last_modified="Mon, 05 Jan 2026 00:00:00 GMT",
        digest=f"sha256:{SHA256}",
        digest_source="repr-digest",
        accepts_ranges=True,
    )
    assert [(each.method, each.header("X-Key")) for each in server.requests] == [("HEAD", "k")]
    assert pickle.loads(pickle.dumps(found)) == found
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.size = 1


def test_missing_metadata_is_none(get_metadata, scripted):
    server = scripted(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nAccept-Ranges: none\r\n\r\n")
    found = get_metadata(server.url_for("/b.png"))
    assert (found.size, found.media_type, found.etag, found.last_modified, found.digest) == (None,) * 5
    assert (found.filename, found.accepts_ranges) == ("b.png", False)


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_a_server_that_rejects_head_gets_an_unread_get(get_metadata, scripted, status):
    body = [response(headers={**FIELDS, "Content-Length": str(2**40)}, framing="none"), b"x" * 100, Stall()]
    server = scripted(lambda request: head(status, 0) if request.method == "HEAD" else body)
    assert (get_metadata(server.url).size, get_metadata(server.url).etag) == (2**40, '"v1"')
    assert [each.method for each in server.requests] == ["HEAD", "GET", "HEAD", "GET"]
    server.wait_for(lambda: server.open_connections <= 1)


def test_a_server_that_fails_at_head_gets_a_get(get_metadata, scripted):
    server = scripted(lambda request: Close() if request.method == "HEAD" else response(body=b"12345"))
    assert get_metadata(server.url, retries=0).size == 5


def test_errors_are_those_of_get(get_metadata, scripted):
    server = scripted(lambda request: head(405, 0) if request.method == "HEAD" else response(404))
    with pytest.raises(httpconn.StatusError) as caught:
        get_metadata(server.url)
    assert (caught.value.status_code, len(server.requests)) == (404, 2)
    server = scripted(head(503, 0))
    with pytest.raises(httpconn.StatusError, match="503"):
        get_metadata(server.url)
    assert [each.method for each in server.requests] == ["HEAD", "HEAD"]


def test_redirects_of_a_hub(get_metadata, scripted):
    linked = {"Location": "/blob?key=secret", "X-Linked-Size": "77", "X-Linked-Etag": f'"{SHA256}"'}
    server = scripted({"/model.bin": head(302, 0, **linked), "/blob": head(200, 5000, ETag='"cdn"')})
    found = get_metadata(server.url_for("/model.bin"))
    assert (found.size, found.digest, found.digest_source) == (77, f"sha256:{SHA256}", "x-linked-etag")
    assert (found.url, found.filename) == (f"{server.url}/blob?key=***", "model.bin")
    assert [each.method for each in server.requests] == ["HEAD", "HEAD"]


@pytest.mark.parametrize(("target", "size"), [("/a.csv", None), ("/a.csv.gz", 5000)])
def test_the_length_of_a_content_coding_is_not_the_size(get_metadata, scripted, target, size):
    found = get_metadata(scripted(head(Content_Encoding="gzip", Repr_Digest=f"sha-256=:{DIGEST}:")).url_for(target))
    assert (found.size, found.digest is None) == (size, size is None)


def test_the_access_policy_holds(face, connect):
    with pytest.raises(httpconn.AccessDenied):
        face.call(connect(access=httpconn.AccessPolicy.public_internet()), "get_metadata", "http://127.0.0.1:1/")


def test_the_command(scripted):
    server = scripted(head(**FIELDS))
    done = run("info", server.url_for("/b.png"), "-H", "X-Key: k")
    assert done.returncode == 0
    assert done.stdout.decode().splitlines()[1:5] == [
        "size: 5000",
        "media type: image/png",
        "filename: café.png",
        'etag: "v1"',
    ]
    assert server.requests[0].header("X-Key") == "k"
    printed = json.loads(run("info", server.url, "--json").stdout)
    assert (printed["size"], printed["accepts_ranges"], printed["digest"]) == (5000, True, f"sha256:{SHA256}")
    assert run("info", scripted(response(404)).url).returncode == 6
