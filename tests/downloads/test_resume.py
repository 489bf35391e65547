"""A broken download resumes where it broke, and never mixes versions."""

from __future__ import annotations

import gzip
import hashlib
import itertools
import sys
from dataclasses import dataclass

import pytest

import httpconn
from httpconn import ByteBudget, Limits, Progress, RetryPolicy, Timeouts
from tests.servers.application import pattern
from tests.servers.files import Served, changed, cut, instead
from tests.servers.scripted import Close, Reset, Stall, in_turn, response

SIZE = 3_000_001
HALF = SIZE // 2
BODY = pattern(SIZE)
OTHER = bytes(reversed(BODY))
SHA256 = f"sha256:{hashlib.sha256(BODY).hexdigest()}"
OLD, NOW = "Sat, 01 Jan 2000 00:00:00 GMT", "Sun, 02 Jan 2000 00:00:00 GMT"
AT_ONCE = RetryPolicy(backoff=0)


@dataclass
class Setting:
    """A connection, a target, and a budget that counts the received bytes."""

    face: object
    connection: object
    path: object
    budget: ByteBudget

    def download(self, url, **options):
        return self.face.call(self.connection, "download", url, self.path, budget=self.budget, **options)

    def left(self):
        return [each for each in self.path.parent.iterdir() if each != self.path]


@pytest.fixture
def setting(face, connect, tmp_path):
    return Setting(face, connect(retries=AT_ONCE), tmp_path / "file", ByteBudget(100 * SIZE))


@pytest.fixture
def once(face, connect, tmp_path):
    """The same setting without retries."""
    return Setting(face, connect(retries=0), tmp_path / "file", ByteBudget(100 * SIZE))


def ranges(server):
    return [request.header("Range") for request in server.requests]


@pytest.mark.parametrize(("end", "read"), [(Close(), 30), (Reset(), 30), (Stall(), 1)], ids=["fin", "rst", "stall"])
def test_it_continues_where_it_broke(setting, scripted, end, read):
    server = scripted(Served(BODY, faults=[cut(HALF, end), instead(response(503))]))
    result = setting.download(server.url, timeout=Timeouts(read=read))
    assert setting.path.read_bytes() == BODY
    assert setting.budget.used == SIZE
    assert ranges(server)[0] is None
    assert server.requests[-1].header("If-Range") == '"v1"'
    assert (result.size, result.attempts, result.verified) == (SIZE, 3, {"length"})
    assert setting.left() == []


def test_an_old_date_is_a_validator(setting, scripted):
    served = Served(BODY, etag=None, modified=OLD, headers={"Date": NOW}, faults=[cut(HALF)])
    server = scripted(served)
    setting.download(server.url)
    assert server.requests[1].header("If-Range") == OLD
    assert setting.path.read_bytes() == BODY


@pytest.mark.parametrize("etag", [None, 'W/"v1"', "v1"])
def test_without_a_strong_validator_it_restarts(setting, scripted, etag):
    server = scripted(Served(BODY, etag=etag, faults=[cut(HALF)]))
    setting.download(server.url)
    assert ranges(server) == [None, None]
    assert setting.path.read_bytes() == BODY


def test_a_digest_allows_resuming_without_a_validator(setting, scripted):
    server = scripted(Served(BODY, etag=None, faults=[cut(HALF)]))
    result = setting.download(server.url, digest=SHA256)
    assert setting.budget.used == SIZE
    assert server.requests[1].header("If-Range") is None
    assert (result.digest, result.verified) == (SHA256, {"length", "sha256"})


def test_a_file_with_a_wrong_digest_is_downloaded_again(setting, scripted):
    served = Served(OTHER, etag=None, faults=[cut(HALF), changed(body=BODY)])
    setting.download(scripted(served).url, digest=SHA256)
    assert setting.path.read_bytes() == BODY


def test_the_second_download_after_a_wrong_digest_resumes_as_often_as_the_first(setting, scripted):
    breaks = [Served.respond, *(cut(HALF // 8) for _ in range(6))]
    server = scripted(Served(OTHER, faults=[cut(HALF), changed(body=BODY), *breaks]))
    setting.download(server.url, digest=SHA256)
    assert setting.path.read_bytes() == BODY
    assert setting.budget.used == 2 * SIZE


def test_a_new_version_resumes_as_often_as_the_old_one(setting, scripted):
    breaks = [cut(HALF // 8) for _ in range(6)]
    server = scripted(Served(OTHER, faults=[cut(HALF), changed(body=BODY, etag='"v2"'), *breaks]))
    setting.download(server.url)
    assert setting.path.read_bytes() == BODY
    assert setting.budget.used == SIZE + HALF


def test_a_file_that_changes_with_each_request_is_an_error(setting, scripted):
    numbers = itertools.count()
    server = scripted(lambda request: cut(HALF)(Served(BODY, etag=f'"v{next(numbers)}"'), request))
    with pytest.raises(httpconn.TruncatedBody):
        setting.download(server.url)
    assert len(server.requests) <= 10


def test_a_file_that_changed_meanwhile_is_downloaded_again(setting, scripted):
    served = Served(OTHER, faults=[cut(HALF), changed(body=BODY[:-1], etag='"v2"')])
    setting.download(scripted(served).url)
    assert setting.path.read_bytes() == BODY[:-1]


def test_a_server_without_ranges_works(setting, scripted):
    server = scripted(Served(BODY, ranges=False, faults=[cut(HALF)]))
    setting.download(server.url)
    assert setting.path.read_bytes() == BODY


def wrong(first, last=None, **headers):
    return lambda served, _request: [served.part(first, last, **headers)]


@pytest.mark.parametrize(
    "fault",
    [
        wrong(HALF + 1),
        wrong(0, 10),
        wrong(HALF, ETag='"v2"'),
        wrong(HALF, **{"Content-Range": "nonsense"}),
        wrong(HALF, **{"Content-Range": f"bytes {HALF}-{SIZE}/{SIZE + 1}"}),
        wrong(HALF, **{"Content-Encoding": "gzip"}),
        instead(response(206, {"ETag": '"v1"', "Content-Type": "multipart/byteranges; boundary=x"}, b"--x--")),
        instead(response(206, body=BODY[HALF:])),
        instead(response(200, {"Content-Range": f"bytes {HALF}-{SIZE - 1}/{SIZE}"}, BODY[HALF:])),
        instead(response(416, body=b"no")),
        instead(response(416, {"Content-Range": f"bytes */{HALF}"}, b"no")),
        instead(response(416, {"Content-Range": "bytes */0"}, b"no")),
        instead(response(412, body=b"no")),
    ],
)
def test_an_unsuitable_range_is_never_used(setting, scripted, fault):
    server = scripted(Served(BODY, faults=[cut(HALF), fault]))
    setting.download(server.url)
    assert setting.path.read_bytes() == BODY
    assert [bool(each) for each in ranges(server)] == [False, True, False]


@pytest.mark.parametrize("first", [0, 1, HALF - 1])
def test_overlapping_bytes_are_discarded(setting, scripted, first):
    setting.download(scripted(Served(BODY, faults=[cut(HALF), wrong(first)])).url)
    assert setting.path.read_bytes() == BODY


def test_a_server_may_send_shorter_ranges(setting, scripted):
    def little(served, request):
        first = served.first(request)
        return [served.part(first, min(first + 99_999, SIZE - 1))]

    server = scripted(Served(BODY, faults=[cut(HALF), *[little] * 10]))
    setting.download(server.url)
    assert setting.path.read_bytes() == BODY
    assert setting.budget.used == SIZE


def test_a_range_of_a_few_bytes_is_a_failure_and_its_bytes_count(once, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF), wrong(HALF, HALF + 9)]))
    for _ in range(2):
        with pytest.raises(httpconn.TruncatedBody):
            once.download(server.url)
    assert once.download(server.url).resumed == HALF + 10
    assert once.path.read_bytes() == BODY


@pytest.mark.parametrize("change", [-1, 1])
def test_a_range_with_another_length_than_declared(setting, scripted, change):
    def lies(served, request):
        first = served.first(request)
        head, blank, body = served.part(first).partition(b"\r\n\r\n")
        chunked = head.replace(b"Content-Length: %d" % len(body), b"Transfer-Encoding: chunked")
        body = body[:change] if change < 0 else body + b"x"
        return [chunked + blank + b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)]

    served = Served(BODY, faults=[cut(HALF), lies])
    if change < 0:
        setting.download(scripted(served).url)
        assert setting.path.read_bytes() == BODY
        assert setting.budget.used == SIZE
    else:
        with pytest.raises(httpconn.ProtocolError):
            setting.download(scripted(served).url)


def test_another_call_resumes(once, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF)]))
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url)
    assert once.left() != []
    result = once.download(server.url, digest=SHA256)
    assert (result.resumed, result.verified) == (HALF, {"length", "sha256"})
    assert once.budget.used == SIZE
    assert once.path.read_bytes() == BODY
    assert once.left() == []


def test_an_announced_digest_covers_resumed_bytes(once, scripted):
    served = Served(BODY, faults=[cut(HALF)])
    server = scripted(served)
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url)
    served.headers = {"x-goog-hash": "crc32c=AAAAAA==,md5=AAAAAAAAAAAAAAAAAAAAAA=="}
    with pytest.raises(httpconn.IntegrityError):
        once.download(server.url)
    assert once.left() == []


def test_without_resume_no_byte_is_kept(once, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF)]))
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url, resume=False)
    assert once.left() == []


def test_a_partial_file_of_another_url_is_not_resumed(once, scripted):
    server = scripted(lambda request: served[request.path](request))
    served = {"/a": Served(OTHER, faults=[cut(HALF)]), "/b": Served(BODY)}
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url_for("/a"))
    assert once.download(server.url_for("/b")).resumed == 0
    assert once.path.read_bytes() == BODY


def test_another_signature_is_the_same_url_and_is_in_no_file(once, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF)]))
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url_for("/f?sig=secret"))
    assert not any(b"secret" in each.read_bytes() for each in once.left())
    assert once.download(server.url_for("/f?sig=another")).resumed == HALF


@pytest.mark.parametrize("face", ["asyncio", "trio"], indirect=True)
def test_a_cancelled_download_can_be_resumed(face, setting, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF, Stall())]))
    seen = []
    call = face.start(setting.connection, "download", server.url, setting.path, progress=seen.append)
    server.wait_for(lambda: len(server.requests) == 1)
    face.cancel(call)
    server.wait_for(lambda: server.open_connections == 0)
    setting.download(server.url)
    assert setting.path.read_bytes() == BODY


def test_retries_are_earned_back_by_progress(setting, scripted):
    server = scripted(Served(BODY, faults=[cut(100_000)] * 20))
    assert setting.download(server.url).attempts == 21
    assert setting.budget.used == SIZE


def test_retries_are_not_earned_back_by_the_same_bytes_again(setting, scripted):
    server = scripted(Served(BODY, ranges=False, faults=[cut(HALF)] * 20))
    with pytest.raises(httpconn.TruncatedBody) as caught:
        setting.download(server.url)
    assert caught.value.attempts == 4  # one of them repeats the range without If-Range


class WithoutIfRange(Served):
    """A server that sends the whole file in response to If-Range with an ETag, as some CDNs do."""

    def first(self, request):
        return None if (request.header("If-Range") or "").startswith('"') else super().first(request)


@pytest.mark.parametrize("digest", [None, SHA256])
def test_a_server_that_ignores_if_range_still_resumes(setting, scripted, digest):
    step = 600_000
    server = scripted(WithoutIfRange(BODY, faults=[cut(step)]))
    result = setting.download(server.url, digest=digest)
    assert setting.path.read_bytes() == BODY
    assert server.requests[-1].header("Range") == f"bytes={step}-"
    assert server.requests[-1].header("If-Range") is None
    assert len(server.requests) == (3 if digest is None else 2)
    assert result.size == SIZE


def test_a_range_of_another_version_is_not_joined_without_if_range(setting, scripted):
    served = WithoutIfRange(BODY, faults=[cut(HALF), lambda served, _: [response(200, served.fields(), served.body)]])
    served.faults.append(changed(etag='"v2"', body=OTHER))
    setting.download(scripted(served).url)
    assert setting.path.read_bytes() == OTHER


def test_a_range_without_an_etag_is_proven_by_the_digest(setting, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF), changed(etag=None)]))
    setting.download(server.url, digest=SHA256)
    assert setting.path.read_bytes() == BODY
    assert setting.budget.used == SIZE


PORTAL = response(200, {"Content-Type": "text/html; charset=utf-8"}, b"<html>Please log in</html>")
DATED_PORTAL = response(200, {"Content-Type": "TEXT/HTML", "ETag": '"p"', "Last-Modified": OLD}, b"<html>" + BODY)


@pytest.mark.parametrize(
    ("name", "portal"), [("file", PORTAL), ("model.bin", DATED_PORTAL), ("file", response(200, {}, b"{}"))]
)
def test_a_captive_portal_costs_no_received_byte(once, scripted, name, portal):
    once.path = once.path.with_name(name)
    served = Served(BODY, faults=[cut(HALF), instead(portal)])
    server = scripted(served)
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url)
    with pytest.raises(httpconn.UnexpectedContent, match="resume=False") as caught:
        once.download(server.url)
    assert caught.value.retryable
    assert not once.path.exists()
    assert once.download(server.url).resumed == HALF
    assert server.requests[-1].header("Range") == f"bytes={HALF}-"
    assert once.path.read_bytes() == BODY


def test_a_captive_portal_is_a_failed_attempt(setting, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF), instead(PORTAL)]))
    setting.download(server.url)
    assert setting.path.read_bytes() == BODY
    assert ranges(server) == [None, f"bytes={HALF}-", f"bytes={HALF}-"]


def test_a_file_that_became_another_one_is_downloaded_whole(setting, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF), changed(etag='"v2"', body=OTHER[:1000])]))
    setting.download(server.url)
    assert setting.path.read_bytes() == OTHER[:1000]


def test_no_retry_means_none(once, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF)] * 2))
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url)
    assert len(server.requests) == 1


def test_an_expired_signed_url_is_renewed(setting, scripted):
    signed = Served(BODY, faults=[cut(HALF), instead(response(403))])
    to = in_turn(*[response(302, {"Location": f"/signed?{number}"}) for number in range(3)])
    server = scripted(lambda request: to(request) if request.path == "/" else signed(request))
    setting.download(server.url_for("/"))
    assert [request.target for request in server.requests][1::2] == [b"/signed?0", b"/signed?1", b"/signed?2"]
    assert setting.budget.used == SIZE


def test_a_forbidden_url_is_requested_once_more(setting, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF), *[instead(response(403))] * 9]))
    with pytest.raises(httpconn.StatusError):
        setting.download(server.url)
    assert len(server.requests) == 3


def test_an_encoded_body_restarts_and_is_decoded(setting, scripted):
    packed = gzip.compress(BODY)
    served = Served(packed, headers={"Content-Encoding": "gzip"}, faults=[cut(len(packed) // 2)])
    server = scripted(served)
    setting.download(server.url, digest=SHA256)
    assert ranges(server) == [None, None]
    assert setting.path.read_bytes() == BODY


def test_a_file_whose_format_is_its_coding_is_stored_as_sent_and_resumed(setting, scripted):
    served = Served(BODY, headers={"Content-Encoding": "gzip"}, faults=[cut(HALF)])
    server = scripted(served)
    setting.download(server.url_for("/file.tar.gz?sig=1"), digest=SHA256)
    assert ranges(server) == [None, f"bytes={HALF}-"]
    assert setting.path.read_bytes() == BODY


def test_a_coding_that_appears_during_a_transfer(setting, scripted):
    def coded(served, _request):
        return [response(200, {"ETag": '"v1"', "Content-Encoding": "gzip"}, gzip.compress(BODY))]

    setting.download(scripted(Served(BODY, faults=[cut(HALF), coded])).url)
    assert setting.path.read_bytes() == BODY


def test_the_limit_applies_to_the_whole_file(setting, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF)]))
    setting.download(server.url, max_bytes=SIZE)
    assert setting.path.read_bytes() == BODY


def test_the_limit_includes_resumed_bytes(once, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF)]))
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url)
    with pytest.raises(httpconn.LimitExceeded):
        once.download(server.url, max_bytes=SIZE - 1)


def test_progress_restarts_with_the_download(setting, scripted):
    seen: list[Progress] = []
    served = Served(BODY, faults=[cut(HALF), changed(etag='"v2"'), cut(HALF)])
    setting.download(scripted(served).url, progress=seen.append)
    starts = {event.attempt: event.received for event in reversed(seen)}
    assert starts == {1: 0, 2: 0, 3: HALF}
    assert (seen[-1].received, seen[-1].total, seen[-1].done) == (SIZE, SIZE, True)
    assert all(event.speed >= 0 for event in seen)


def test_a_range_header_of_the_caller_is_refused(setting, scripted):
    server = scripted(Served(BODY))
    with pytest.raises(httpconn.InvalidRequest):
        setting.download(server.url, extra_headers={"range": "bytes=0-1"})
    assert server.connections == 0


def test_one_slow_byte_an_attempt_is_not_progress(face, connect, scripted, tmp_path):
    limits = Limits(min_speed=1_000_000)
    connection = connect(limits=limits, retries=AT_ONCE)
    server = scripted(Served(BODY, faults=[cut(1, Stall())] * 20))
    with pytest.raises(httpconn.ReadTimedOut) as caught:
        face.call(connection, "download", server.url, tmp_path / "file", timeout=Timeouts(read=0.05))
    assert caught.value.attempts == 3


@pytest.mark.parametrize(("options", "resumed"), [({}, 0), ({"digest": SHA256}, HALF)])
def test_another_query_is_another_file_unless_the_digest_is_the_same(once, scripted, options, resumed):
    server = scripted(Served(BODY, faults=[cut(HALF)]))
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url_for("/?id=1"), **options)
    assert once.download(server.url_for("/?id=2"), **options).resumed == resumed
    assert server.requests[1].header("If-Range") is None
    assert once.path.read_bytes() == BODY


def test_the_digest_of_another_download_proves_nothing(once, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF)]))
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url_for("/?id=1"), digest="sha256:" + "0" * 64)
    assert once.download(server.url_for("/?id=2"), digest=SHA256).resumed == 0


def test_space_is_reserved_before_the_remaining_bytes(once, scripted):
    server = scripted(Served(BODY, faults=[cut(HALF)]))
    with pytest.raises(httpconn.TruncatedBody):
        once.download(server.url)
    told, sizes = [], []

    def look(event):
        told.append(event.received)
        sizes.extend(each.stat().st_size for each in once.left() if each.name.endswith("-part"))

    once.download(server.url, progress=look)
    assert told[0] == HALF
    assert sizes[0] == (SIZE if sys.platform == "linux" else HALF)


def test_a_file_that_failed_to_commit_is_not_transferred_again(once, scripted):
    served = Served(BODY)

    def respond(request):
        if len(server.requests) == 1:
            once.path.mkdir()
        return served(request)

    server = scripted(respond)
    with pytest.raises(httpconn.StorageError):
        once.download(server.url)
    once.path.rmdir()
    assert once.download(server.url).resumed == SIZE
    assert once.path.read_bytes() == BODY
    assert once.budget.used <= SIZE + 1
    assert once.left() == []
