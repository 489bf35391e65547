"""The size and the media type that the caller or a hub expects are checked before the body is read."""

from __future__ import annotations

import base64
import gzip
import hashlib

import pytest

import httpconn
from httpconn import RetryPolicy
from tests.servers.application import pattern
from tests.servers.files import Served, cut, instead
from tests.servers.scripted import Close, Stall, response

SIZE = 1_000_003
HALF = SIZE // 2
BODY = pattern(SIZE)
WRONG = bytes(reversed(BODY))
SHA256 = hashlib.sha256(BODY).hexdigest()
BLOB = hashlib.sha1(b"blob %d\0" % SIZE + BODY).hexdigest()


@pytest.fixture
def run(face, connect, tmp_path):
    connection = connect(retries=0)
    return lambda url, **options: face.call(connection, "download", url, tmp_path / "file", **options)


def head_of(size):
    return response(200, {"Content-Length": str(size)})


class TestSize:
    @pytest.mark.parametrize("size", [0, SIZE - 1, SIZE + 1])
    def test_another_size_is_an_error_before_the_body(self, run, scripted, tmp_path, size):
        server = scripted(lambda _: [head_of(SIZE), Stall()])
        with pytest.raises(httpconn.IntegrityError, match=str(SIZE)):
            run(server.url, size=size)
        assert list(tmp_path.iterdir()) == []

    def test_another_size_of_the_missing_part_keeps_the_received_bytes(self, run, scripted):
        longer = Served(BODY + b"x").part(HALF)
        server = scripted(Served(BODY, faults=[cut(HALF), instead(longer), instead(head_of(SIZE + 1), Stall())]))
        with pytest.raises(httpconn.TruncatedBody):
            run(server.url, size=SIZE)
        with pytest.raises(httpconn.IntegrityError):
            run(server.url, size=SIZE)
        assert run(server.url, size=SIZE).resumed == HALF

    @pytest.mark.parametrize(
        ("sent", "error"), [(BODY[:-1], httpconn.TruncatedBody), (BODY + b"x" * 2_000_000, httpconn.IntegrityError)]
    )
    def test_a_body_of_unknown_length(self, run, scripted, tmp_path, sent, error):
        server = scripted(lambda _: [b"HTTP/1.1 200 OK\r\n\r\n" + sent, Close()])
        with pytest.raises(error):
            run(server.url, size=SIZE)
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("size", [4, 6])
    @pytest.mark.parametrize(
        "sent",
        [
            response(body=b"hello", framing="chunked"),
            response(200, {"Content-Encoding": "gzip"}, gzip.compress(b"hello")),
        ],
        ids=["chunked", "gzip"],
    )
    def test_another_size_of_a_complete_body_is_final(self, face, connect, scripted, tmp_path, size, sent):
        server, connection = scripted(lambda _: [sent]), connect(retries=3)
        with pytest.raises(httpconn.IntegrityError, match=f" {'more than' if size < 5 else 5}.* {size}"):
            face.call(connection, "download", server.url, tmp_path / "file", size=size)
        assert (len(server.requests), list(tmp_path.iterdir())) == (1, [])

    def test_a_body_of_unknown_length_that_ended_early_is_continued(self, face, connect, scripted, tmp_path):
        early = instead(response(200, {"ETag": '"v1"'}, BODY[:HALF], framing="close"), Close())
        server = scripted(Served(BODY, faults=[early]))
        result = face.call(connect(retries=RetryPolicy(backoff=0)), "download", server.url, tmp_path / "f", size=SIZE)
        assert [request.header("Range") for request in server.requests] == [None, f"bytes={HALF}-"]
        assert result.path.read_bytes() == BODY

    def test_the_size_proves_a_body_of_unknown_length(self, run, scripted):
        server = scripted(lambda _: [b"HTTP/1.1 200 OK\r\n\r\n" + BODY, Close()])
        assert run(server.url, size=SIZE).verified == {"length"}

    @pytest.mark.parametrize("existing", ["skip", "refresh"])
    def test_an_existing_file_of_another_size_is_replaced(self, run, scripted, tmp_path, existing):
        (tmp_path / "file").write_bytes(BODY[:-1])
        server = scripted(Served(BODY))
        assert not run(server.url, size=SIZE, existing=existing).unmodified
        assert server.requests[0].header("If-Modified-Since") is None
        again = run(server.url, size=SIZE, existing=existing)
        assert again.unmodified
        assert existing == "refresh" or again.verified == {"length"}

    def test_a_file_of_another_size_is_not_hashed(self, run, scripted, tmp_path):
        (tmp_path / "file").write_bytes(b"x" * (SIZE + 1))
        events = []
        server = scripted(Served(BODY))
        result = run(server.url, size=SIZE, digest=f"sha256:{SHA256}", progress=events.append)
        assert result.verified == {"length", "sha256"}
        assert not any(event.verifying for event in events)

    @pytest.mark.parametrize("size", [-1, True, 1.0, "1"])
    def test_an_invalid_size(self, run, size):
        with pytest.raises(httpconn.InvalidRequest):
            run("http://127.0.0.1:9/", size=size)

    def test_a_progress_callback_must_be_callable(self, run, scripted):
        server = scripted(Served(BODY))
        with pytest.raises(httpconn.InvalidRequest, match="progress"):
            run(server.url, progress=True)
        assert not server.requests


class TestType:
    PORTAL = response(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>")

    def test_another_type_is_never_written(self, run, scripted, tmp_path):
        server = scripted(lambda _: [self.PORTAL])
        with pytest.raises(httpconn.UnexpectedContent, match=r"text/html.*image/\* or application/zip"):
            run(server.url, expect_type=["image/*", "application/zip"])
        assert list(tmp_path.iterdir()) == []

    def test_another_type_is_a_failed_attempt(self, face, connect, scripted, tmp_path):
        server = scripted(Served(BODY, headers={"Content-Type": "application/zip"}, faults=[instead(self.PORTAL)]))
        connection = connect(retries=RetryPolicy(backoff=0))
        result = face.call(connection, "download", server.url, tmp_path / "file", expect_type="application/*")
        assert (result.attempts, result.size) == (2, SIZE)

    def test_a_page_does_not_replace_a_refreshed_file(self, face, connect, scripted, tmp_path):
        page = response(200, {"Content-Type": "text/html", "ETag": '"p"'}, b"<html>")
        server = scripted(Served(BODY, faults=[lambda served, request: served.respond(request), instead(page)]))
        options = {"existing": "refresh", "retries": 0}
        face.call(connect(), "download", server.url, tmp_path / "model.bin", **options)
        with pytest.raises(httpconn.UnexpectedContent, match="existing file is kept"):
            face.call(connect(), "download", server.url, tmp_path / "model.bin", **options)
        assert (tmp_path / "model.bin").read_bytes() == BODY
        assert face.call(connect(), "download", server.url, tmp_path / "model.bin", **options).unmodified

    def test_each_connection_checks_the_type(self, face, connect, scripted, tmp_path):
        def page(served, request):
            return [served.part(served.first(request), **{"Content-Type": "text/html"})]

        served = Served(BODY * 6, headers={"Content-Type": "application/zip"}, faults=[cut(SIZE), page])
        server = scripted(served)
        options = {"segments": 2, "expect_type": "application/*", "retries": RetryPolicy(backoff=0)}
        result = face.call(connect(), "download", server.url, tmp_path / "file", **options)
        assert len(server.requests) > 2
        assert result.path.read_bytes() == BODY * 6

    def test_an_error_status_is_that_error(self, run, scripted):
        server = scripted(lambda _: [response(404, {"Content-Type": "text/html"}, b"no")])
        with pytest.raises(httpconn.StatusError):
            run(server.url, expect_type="application/*")


class Hub:
    """A hub that redirects to its store."""

    def __init__(self, served, **fields):
        self.served = served
        self.fields = {name.replace("_", "-"): value for name, value in fields.items()}

    def __call__(self, request):
        if request.path == "/model":
            return [response(302, {"Location": "/store", **self.fields})]
        return self.served(request)


class TestHubs:
    def test_the_linked_digest_is_verified(self, run, scripted):
        hub = Hub(Served(BODY), X_Linked_Etag=f'"{SHA256}"', X_Linked_Size=str(SIZE), X_Repo_Commit="1")
        result = run(scripted(hub).url_for("/model"))
        assert (result.digest, result.digest_source) == (f"sha256:{SHA256}", "x-linked-etag")
        assert result.verified == {"length", "sha256"}

    @pytest.mark.parametrize("fault", [None, cut(HALF)])
    def test_corruption_of_equal_size_is_an_error(self, run, scripted, tmp_path, fault):
        hub = Hub(Served(WRONG, faults=[fault] if fault else []), X_Linked_Etag=f'"{SHA256}"')
        server = scripted(hub)
        if fault is not None:
            with pytest.raises(httpconn.TruncatedBody):
                run(server.url_for("/model"))
        with pytest.raises(httpconn.IntegrityError) as caught:
            run(server.url_for("/model"))
        assert caught.value.expected == f"sha256:{SHA256}"
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("algorithm", ["sha-256", "sha-512"])
    def test_the_store_cannot_replace_the_digest_of_the_hub(self, run, scripted, tmp_path, algorithm):
        own = base64.b64encode(hashlib.new(algorithm.replace("-", ""), WRONG).digest()).decode()
        store = Served(WRONG, headers={"Repr-Digest": f"{algorithm}=:{own}:"})
        with pytest.raises(httpconn.IntegrityError):
            run(scripted(Hub(store, X_Linked_Etag=f'"{SHA256}"')).url_for("/model"))
        assert list(tmp_path.iterdir()) == []

    def test_another_linked_size_is_an_error_before_the_body(self, run, scripted):
        hub = Hub(lambda _: [head_of(SIZE), Stall()], X_Linked_Etag=f'"{SHA256}"', X_Linked_Size=str(SIZE + 1))
        with pytest.raises(httpconn.IntegrityError, match="X-Linked-Size"):
            run(scripted(hub).url_for("/model"))

    def test_a_linked_digest_covers_resumed_bytes(self, run, scripted):
        server = scripted(Hub(Served(BODY, faults=[cut(HALF)]), X_Linked_Etag=f'"{SHA256}"'))
        with pytest.raises(httpconn.TruncatedBody):
            run(server.url_for("/model"))
        result = run(server.url_for("/model"))
        assert (result.resumed, result.verified) == (HALF, {"length", "sha256"})

    @pytest.mark.parametrize("chunked", [False, True])
    @pytest.mark.parametrize("body", [BODY, WRONG])
    def test_a_git_etag_is_verified(self, run, scripted, tmp_path, body, chunked):
        fields = {"ETag": f'"{BLOB}"', "X-Repo-Commit": "0" * 40}
        whole = response(200, fields, body)
        if chunked:
            head = whole.partition(b"\r\n\r\n")[0].replace(b"Content-Length: %d" % SIZE, b"Transfer-Encoding: chunked")
            whole = head + b"\r\n\r\n%x\r\n%b\r\n0\r\n\r\n" % (SIZE, body)
        server = scripted(lambda _: [whole])
        if body == BODY:
            assert run(server.url).verified == {"length", "git-sha1"}
        else:
            with pytest.raises(httpconn.IntegrityError):
                run(server.url)
            assert list(tmp_path.iterdir()) == []

    def test_a_git_etag_covers_resumed_bytes(self, run, scripted):
        server = scripted(Served(BODY, etag=f'"{BLOB}"', headers={"X-Repo-Commit": "1"}, faults=[cut(HALF)]))
        with pytest.raises(httpconn.TruncatedBody):
            run(server.url)
        assert run(server.url).verified == {"length", "git-sha1"}

    def test_a_similar_etag_of_another_server_is_not_a_digest(self, run, scripted):
        assert run(scripted(Served(BODY, etag=f'"{BLOB[::-1]}"')).url).verified == {"length"}


STEP = 120_000


@pytest.mark.parametrize(
    ("served", "options"),
    [
        ({}, {}),
        ({"ignores": '"'}, {}),
        ({"ignores": '"'}, {"digest": f"sha256:{SHA256}"}),
        ({"omits": "ETag"}, {"digest": f"sha256:{SHA256}"}),
        ({"etag": 'W/"v1"'}, {"digest": f"sha256:{SHA256}"}),
        ({"etag": None}, {"digest": f"sha256:{SHA256}"}),
        ({"etag": None, "modified": "Sat, 01 Jan 2000 00:00:00 GMT"}, {}),
        ({"etag": None, "modified": "Sat, 01 Jan 2000 00:00:00 GMT", "ignores": "S"}, {}),
        ({"etag": None, "modified": "Sat, 01 Jan 2000 00:00:00 GMT", "omits": "Last-Modified"}, {}),
    ],
    ids=str,
)
def test_a_link_that_breaks_all_the_time(face, connect, scripted, tmp_path, served, options):
    fields = {"headers": {"Date": "Sun, 02 Jan 2000 00:00:00 GMT"}, **served}
    ignored, omitted = fields.pop("ignores", None), fields.pop("omits", None)

    class Server(Served):
        def first(self, request):
            ignores = ignored is not None and (request.header("If-Range") or "").startswith(ignored)
            return None if ignores else super().first(request)

        def __call__(self, request):
            head, blank, body = self.respond(request)[0].partition(b"\r\n\r\n")
            if omitted is not None and b" 206 " in head:
                head = b"\r\n".join(line for line in head.split(b"\r\n") if not line.startswith(omitted.encode()))
            return [head + blank + body[:STEP], Close()]

    connection = connect(retries=RetryPolicy(backoff=0))
    server = scripted(Server(BODY, **fields))
    result = face.call(connection, "download", server.url, tmp_path / "file", **options)
    assert result.path.read_bytes() == BODY
    assert result.attempts <= SIZE // STEP + 2
