"""The cache: stored responses are reused for as long and for the callers that their header allows."""

from __future__ import annotations

import pickle
import time
from email.utils import formatdate

import pytest

import httpconn
from httpconn import (
    AccessDenied,
    AccessPolicy,
    ByteBudget,
    Cache,
    InvalidRequest,
    LimitExceeded,
    RedirectPolicy,
    RetryPolicy,
    TooManyRedirects,
)
from tests.api.test_many import collect
from tests.servers.scripted import Close, cut, in_turn, redirect, response

FRESH = {"Cache-Control": "max-age=60"}
TAGGED = {"ETag": '"one"'}
ONLY = {"Cache-Control": "only-if-cached"}
ONCE = RetryPolicy(attempts=1)


@pytest.fixture(params=["memory", "folder"])
def cache(request, tmp_path):
    """Return a cache in memory and one in a folder."""
    return Cache(tmp_path / "responses" if request.param == "folder" else None)


def numbered(**options):
    """Return a script of responses that are numbered in their bodies."""
    return in_turn(*(response(body=f'"{count}"'.encode(), **options) for count in range(1, 9)))


def moved(location):
    """Return a redirect with a lifetime."""
    return response(302, {**FRESH, "Location": location})


def conditional(body, headers, etag='"one"'):
    """Return a script that responds with 304 to a request with the current version."""

    def respond(request):
        known = request.header("If-None-Match") == etag
        return response(304, headers) if known else response(headers=headers, body=body)

    return respond


class TestAFreshResponse:
    """It is used without a request."""

    def test_is_returned_again_as_bytes_text_and_json(self, face, connect, scripted, cache):
        server = scripted(numbered(headers={**FRESH, "Content-Type": "application/json"}))
        connection = connect(cache=cache)
        assert face.get_bytes(connection, server.url) == b'"1"'
        assert face.get_text(connection, server.url) == '"1"'
        assert face.get_json(connection, server.url) == "1"
        assert len(server.requests) == 1
        assert connection.stats().cached == 2

    def test_keeps_its_charset(self, face, connect, scripted, cache):
        headers = {**FRESH, "Content-Type": "text/plain; charset=latin-1"}
        server, connection = scripted(response(headers=headers, body="süß".encode("latin-1"))), connect(cache=cache)
        assert [face.get_text(connection, server.url) for _ in range(2)] == ["süß", "süß"]
        assert len(server.requests) == 1

    def test_of_many_urls_is_fetched_once(self, face, connect, scripted, cache):
        server, connection = scripted(numbered(headers=FRESH)), connect(cache=cache)
        results = collect(face, connection, [server.url] * 3, concurrency=1)
        assert [each.result() for each in results] == [b'"1"'] * 3
        assert len(server.requests) == 1

    def test_can_be_estimated_from_its_age(self, face, connect, scripted, cache):
        headers = {"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}
        server, connection = scripted(numbered(headers=headers)), connect(cache=cache)
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b'"1"', b'"1"']

    def test_is_shared_if_headers_differ_only_in_spelling(self, face, connect, scripted, cache):
        server, connection = scripted(numbered(headers={**FRESH, "Vary": "Accept-Language"})), connect(cache=cache)
        languages = ("en, de", "EN,de", "de")
        given = [face.get_bytes(connection, server.url, extra_headers={"Accept-Language": each}) for each in languages]
        assert given == [b'"1"', b'"1"', b'"2"']

    def test_is_limited_by_the_call(self, face, connect, scripted, cache):
        server, connection = scripted(response(headers=FRESH, body=b"x" * 100)), connect(cache=cache)
        face.get_bytes(connection, server.url)
        with pytest.raises(LimitExceeded) as raised:
            face.get_bytes(connection, server.url, max_bytes=99)
        assert raised.value.url == f"{server.url}/"
        assert connection.stats().errors == 1
        budget = ByteBudget(150)
        face.get_bytes(connection, server.url, budget=budget)
        assert budget.used == 100
        with pytest.raises(LimitExceeded):
            face.get_bytes(connection, server.url, budget=budget)

    @pytest.mark.parametrize("field", ["Authorization", "Cookie", "X-Api-Key", "Accept"])
    def test_is_shared_only_if_the_headers_are_equal(self, face, connect, scripted, cache, field):
        server, connection = scripted(numbered(headers=FRESH)), connect(cache=cache)
        given = [face.get_bytes(connection, server.url, extra_headers={field: who}) for who in ("ann", "bob", "ann")]
        assert given == [b'"1"', b'"2"', b'"1"']

    def test_of_another_query_or_user_is_a_different_record(self, face, connect, scripted, cache):
        server, connection = scripted(numbered(headers=FRESH)), connect(cache=cache)
        ours = server.url.replace("http://", "http://ann:secret@")
        given = [face.get_bytes(connection, url) for url in (server.url, f"{server.url}/?a=1", ours, server.url)]
        assert given == [b'"1"', b'"2"', b'"3"', b'"1"']

    @pytest.mark.parametrize("field", [{"Cache-Control": "no-cache"}, {"Cache-Control": "max-age=0"}])
    def test_is_not_used_if_the_request_requires_the_server(self, face, connect, scripted, field):
        server, connection = scripted(numbered(headers=FRESH)), connect(cache=Cache())
        for _ in range(2):
            face.get_bytes(connection, server.url, extra_headers=field)
        assert len(server.requests) == 2

    def test_is_not_used_if_the_policy_denies_its_url(self, face, connect, scripted, tmp_path):
        server, cache = scripted(response(headers=FRESH)), Cache(tmp_path)
        face.get_bytes(connect(cache=cache), server.url)
        with pytest.raises(AccessDenied):
            face.get_bytes(connect(cache=cache, access=AccessPolicy(denied_hosts=["127.0.0.1"])), server.url)


class TestAStaleResponse:
    """It is validated by a request."""

    def test_is_confirmed_by_its_etag(self, face, connect, scripted, cache):
        server, connection = scripted(conditional(b"right", TAGGED)), connect(cache=cache)
        assert [face.get_bytes(connection, server.url) for _ in range(3)] == [b"right"] * 3
        assert [each.header("If-None-Match") for each in server.requests] == [None, '"one"', '"one"']

    def test_is_confirmed_by_its_date(self, face, connect, scripted, cache):
        modified = "Sun, 06 Nov 1994 08:49:37 GMT"
        headers = {"Last-Modified": modified, "Cache-Control": "max-age=0"}
        script = in_turn(response(headers=headers, body=b"right"), response(304))
        server, connection = scripted(script), connect(cache=cache)
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b"right"] * 2
        assert server.requests[1].header("If-Modified-Since") == modified

    def test_is_fresh_again_after_validation(self, face, connect, scripted, cache):
        old = response(headers={**TAGGED, **FRESH, "Age": "90"}, body=b"right")
        server, connection = scripted(in_turn(old, response(304, {**TAGGED, **FRESH}))), connect(cache=cache)
        assert [face.get_bytes(connection, server.url) for _ in range(4)] == [b"right"] * 4
        assert len(server.requests) == 2

    def test_is_replaced_by_a_new_response(self, face, connect, scripted, cache):
        server, connection = scripted(numbered(headers=TAGGED)), connect(cache=cache)
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b'"1"', b'"2"']

    def test_is_not_confirmed_by_a_304_of_another_version(self, face, connect, scripted, cache):
        script = in_turn(response(headers=TAGGED, body=b"one"), response(304, {"ETag": '"two"'}), response(body=b"two"))
        server, connection = scripted(script), connect(cache=cache, retries=ONCE)
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b"one", b"two"]
        assert server.requests[2].header("If-None-Match") is None

    def test_is_validated_once_if_the_server_always_sends_304(self, face, connect, scripted, cache):
        server = scripted(in_turn(response(headers=TAGGED), response(304, {"ETag": '"two"'})))
        connection = connect(cache=cache, retries=ONCE)
        face.get_bytes(connection, server.url)
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, server.url)
        assert len(server.requests) == 3

    @pytest.mark.parametrize("failure", [response(503), [Close()], cut(response(body=b"half"), 2)])
    def test_is_used_if_the_server_fails_and_stale_if_error_allows_it(self, face, connect, scripted, cache, failure):
        headers = {"Cache-Control": "max-age=0, stale-if-error=60", **TAGGED}
        server = scripted(in_turn(response(headers=headers, body=b"right"), failure))
        connection = connect(cache=cache, retries=ONCE)
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b"right"] * 2
        assert server.requests[-1].header("If-None-Match") == '"one"'

    @pytest.mark.parametrize("headers", [TAGGED, {"Cache-Control": "stale-if-error=60, must-revalidate", **TAGGED}])
    def test_is_not_used_on_failure_if_its_header_does_not_allow_it(self, face, connect, scripted, cache, headers):
        server = scripted(in_turn(response(headers=headers), response(503)))
        connection = connect(cache=cache, retries=ONCE)
        face.get_bytes(connection, server.url)
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, server.url)

    def test_is_not_used_after_a_404_or_410(self, face, connect, scripted, cache):
        headers = {"Cache-Control": "max-age=0, stale-if-error=60", **TAGGED}
        server = scripted(in_turn(response(headers=headers), response(404)))
        connection = connect(cache=cache)
        face.get_bytes(connection, server.url)
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, server.url)


class TestARefresh:
    """One caller requires a request, and its response replaces the stored one."""

    FORCED = ({"Cache-Control": "no-cache"}, {"Cache-Control": "max-age=0"}, {"Pragma": "no-cache"})

    @pytest.mark.parametrize("field", FORCED)
    def test_is_a_conditional_request(self, face, connect, scripted, field):
        server, connection = scripted(conditional(b"right", {**FRESH, **TAGGED})), connect(cache=Cache())
        face.get_bytes(connection, server.url)
        assert face.get_bytes(connection, server.url, extra_headers=field) == b"right"
        assert server.requests[1].header("If-None-Match") == '"one"'
        assert face.get_bytes(connection, server.url) == b"right"
        assert len(server.requests) == 2

    @pytest.mark.parametrize("field", FORCED)
    def test_replaces_the_stored_response(self, face, connect, scripted, cache, field):
        server, connection = scripted(numbered(headers=FRESH)), connect(cache=cache)
        face.get_bytes(connection, server.url)
        assert face.get_bytes(connection, server.url, extra_headers=field) == b'"2"'
        assert face.get_bytes(connection, server.url) == b'"2"'
        assert len(server.requests) == 2

    def test_that_may_not_be_stored_removes_the_stored_response(self, face, connect, scripted):
        script = in_turn(response(headers=FRESH), response(404), response(body=b"new"))
        server, connection = scripted(script), connect(cache=Cache())
        face.get_bytes(connection, server.url)
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, server.url, extra_headers={"Cache-Control": "no-cache"})
        assert face.get_bytes(connection, server.url) == b"new"

    def test_by_a_304_with_no_store_removes_it(self, face, connect, scripted):
        forbidden = response(304, {**TAGGED, "Cache-Control": "no-store"})
        script = in_turn(response(headers={**FRESH, **TAGGED}, body=b"old"), forbidden, response(body=b"new"))
        server, connection = scripted(script), connect(cache=Cache())
        forced = {"Cache-Control": "no-cache"}
        given = [face.get_bytes(connection, server.url, extra_headers=each) for each in (None, forced, None)]
        assert given == [b"old", b"old", b"new"]

    def test_that_fails_leaves_the_stored_response(self, face, connect, scripted):
        script = in_turn(response(headers=FRESH, body=b"right"), response(503, FRESH))
        server, connection = scripted(script), connect(cache=Cache(), retries=ONCE)
        face.get_bytes(connection, server.url)
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, server.url, extra_headers={"Cache-Control": "no-cache"})
        assert face.get_bytes(connection, server.url) == b"right"


class TestOnlyIfCached:
    """The network is never used."""

    def test_returns_the_stored_response(self, face, connect, scripted, cache):
        server, connection = scripted(numbered(headers=FRESH)), connect(cache=cache)
        face.get_bytes(connection, server.url)
        assert face.get_bytes(connection, server.url, extra_headers=ONLY) == b'"1"'
        assert len(server.requests) == 1

    @pytest.mark.parametrize("more", [{}, {"Range": "bytes=0-1"}, {"Cache-Control": "only-if-cached, no-store"}])
    def test_fails_if_nothing_is_stored(self, face, connect, scripted, more):
        server, connection = scripted(response()), connect(cache=Cache())
        with pytest.raises(httpconn.StatusError, match="only-if-cached") as raised:
            face.get_bytes(connection, server.url, extra_headers={**ONLY, **more})
        assert (raised.value.status_code, raised.value.retryable, raised.value.attempts) == (504, False, 0)
        assert raised.value.url == f"{server.url}/"
        assert raised.value.response.status_code == 504
        assert not server.requests

    def test_returns_an_expired_response_if_the_request_allows_it(self, face, connect, scripted):
        headers = {"Cache-Control": "max-age=60", "Age": "90", **TAGGED}
        server, connection = scripted(numbered(headers=headers)), connect(cache=Cache())
        face.get_bytes(connection, server.url)
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, server.url, extra_headers=ONLY)
        stale = {"Cache-Control": "only-if-cached, max-stale=600"}
        assert face.get_bytes(connection, server.url, extra_headers=stale) == b'"1"'
        assert len(server.requests) == 1


class TestAnError:
    """It is raised again without a request while it is fresh."""

    @pytest.mark.parametrize("status", [404, 410, 500])
    def test_is_raised_again(self, face, connect, scripted, cache, status):
        server = scripted(in_turn(response(status, {**FRESH, "X-Error-Code": "gone"}), response()))
        connection = connect(cache=cache, retries=ONCE)
        for _ in range(2):
            with pytest.raises(httpconn.StatusError) as raised:
                face.get_bytes(connection, server.url)
            assert raised.value.status_code == status
            assert raised.value.response.headers["x-error-code"] == "gone"
            assert raised.value.url == f"{server.url}/"
        assert len(server.requests) == 1
        assert raised.value.attempts == 0
        assert "Age" in raised.value.response.headers

    def test_is_requested_again_after_it_has_expired(self, face, connect, scripted):
        server = scripted(in_turn(response(404, {**FRESH, "Age": "90"}), response(body=b"here")))
        connection = connect(cache=Cache())
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, server.url)
        assert face.get_bytes(connection, server.url) == b"here"

    def test_is_for_the_callers_with_its_header(self, face, connect, scripted):
        server = scripted(lambda request: response(200 if request.header("Authorization") else 403, FRESH, b"secret"))
        connection = connect(cache=Cache())
        for header, status in ((None, 403), ({"Authorization": "ann"}, 200), (None, 403)):
            try:
                face.get_bytes(connection, server.url, extra_headers=header)
                given = 200
            except httpconn.StatusError as error:
                given = error.status_code
            assert given == status
        assert len(server.requests) == 2


class TestARedirect:
    """It is followed without a request while it is fresh."""

    def test_is_followed_to_a_stored_response(self, face, connect, scripted, cache):
        told = []
        server = scripted({"/": moved("/there"), "/there": numbered(headers=FRESH)})
        connection = connect(cache=cache, event_hooks={"redirect": [told.append]})
        assert [face.get_bytes(connection, server.url) for _ in range(3)] == [b'"1"'] * 3
        assert [each.path for each in server.requests] == ["/", "/there"]
        assert [(each.url, each.to) for each in told] == [(f"{server.url}/", f"{server.url}/there")] * 3

    def test_is_followed_to_the_server(self, face, connect, scripted):
        server = scripted({"/": moved("/there"), "/there": numbered()})
        connection = connect(cache=Cache())
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b'"1"', b'"2"']
        assert [each.path for each in server.requests] == ["/", "/there", "/there"]

    def test_with_a_failing_target_names_the_callers_url(self, face, connect, scripted):
        server = scripted({"/": moved("/there"), "/there": response(404)})
        connection = connect(cache=Cache())
        for _ in range(2):
            with pytest.raises(httpconn.StatusError) as raised:
                face.get_bytes(connection, server.url)
            assert raised.value.url == f"{server.url}/"
        assert [each.path for each in server.requests] == ["/", "/there", "/there"]

    def test_is_not_followed_without_allow_redirects(self, face, connect, scripted):
        server = scripted({"/": moved("/there"), "/there": numbered(headers=FRESH)})
        connection = connect(cache=Cache())
        face.get_bytes(connection, server.url)
        with pytest.raises(httpconn.StatusError) as raised:
            face.get_bytes(connection, server.url, allow_redirects=False)
        assert raised.value.status_code == 302
        assert len(server.requests) == 2

    def test_is_requested_again_on_a_refresh(self, face, connect, scripted):
        script = in_turn(moved("/old"), moved("/new"))
        server = scripted({"/": script, "/old": response(body=b"old"), "/new": response(body=b"new")})
        connection = connect(cache=Cache())
        forced = {"Cache-Control": "no-cache"}
        given = [face.get_bytes(connection, server.url, extra_headers=each) for each in (None, forced, None)]
        assert given == [b"old", b"new", b"new"]

    def test_counts_against_the_limit(self, face, connect, scripted):
        hops = {f"/{count}": moved(f"/{count + 1}") for count in range(3)}
        server = scripted({**hops, "/3": in_turn(response(), redirect("/4")), "/4": response()})
        connection = connect(cache=Cache(), redirects=RedirectPolicy(max_hops=3))
        face.get_bytes(connection, f"{server.url}/0")
        with pytest.raises(TooManyRedirects):
            face.get_bytes(connection, f"{server.url}/0")

    def test_in_a_loop_of_stored_redirects_asks_the_server(self, face, connect, scripted):
        first = in_turn(moved("/b"), response(body=b"here"))
        second = in_turn(response(body=b"there"), moved("/a"))
        server = scripted({"/a": first, "/b": second})
        connection = connect(cache=Cache())
        assert face.get_bytes(connection, f"{server.url}/a") == b"there"
        assert face.get_bytes(connection, f"{server.url}/b") == b"here"
        assert face.get_bytes(connection, f"{server.url}/a") == b"here"

    def test_is_checked_by_the_access_policy(self, face, connect, scripted, tmp_path):
        other = scripted(response(headers=FRESH))
        server = scripted(moved(other.url.replace("127.0.0.1", "localhost")))
        face.get_bytes(connect(cache=Cache(tmp_path)), server.url)
        with pytest.raises(AccessDenied):
            face.get_bytes(connect(cache=Cache(tmp_path), access=AccessPolicy(denied_hosts=["localhost"])), server.url)

    def test_takes_no_header_to_another_origin(self, face, connect, scripted):
        other = scripted(response(headers=FRESH, body=b"public"))
        server = scripted(moved(other.url))
        connection = connect(cache=Cache())
        for _ in range(2):
            face.get_bytes(connection, server.url, extra_headers={"Authorization": "ann"})
        assert face.get_bytes(connection, other.url) == b"public"
        assert [each.header("Authorization") for each in other.requests] == [None]


class TestNotStored:
    """These responses are fetched each time."""

    @pytest.mark.parametrize(
        "headers",
        [
            {},
            {"Cache-Control": "no-store", **TAGGED},
            {**FRESH, "Set-Cookie": "who=ann"},
            {**FRESH, "Vary": "*"},
            {"Cache-Control": "max-age=soon"},
            {"Expires": "0"},
            {"Expires": "0", "Last-Modified": "Sun, 06 Nov 1994 08:49:37"},
            {**FRESH, "Age": "90, 0"},
            {**FRESH, "Vary": "Cache-Control"},
        ],
    )
    def test_a_response_that_its_header_excludes(self, face, connect, scripted, cache, headers):
        server, connection = scripted(numbered(headers=headers)), connect(cache=cache)
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b'"1"', b'"2"']
        assert server.requests[1].header("If-None-Match") is None

    @pytest.mark.parametrize("status", [403, 404])
    def test_an_error_without_a_lifetime(self, face, connect, scripted, cache, status):
        server = scripted(in_turn(response(status, TAGGED), response(body=b"here")))
        connection = connect(cache=cache)
        with pytest.raises(httpconn.StatusError):
            face.get_bytes(connection, server.url)
        assert face.get_bytes(connection, server.url) == b"here"
        assert server.requests[1].header("If-None-Match") is None

    def test_a_redirect_without_a_lifetime(self, face, connect, scripted, cache):
        server = scripted({"/": redirect("/there"), "/there": response(headers=FRESH)})
        connection = connect(cache=cache)
        for _ in range(2):
            face.get_bytes(connection, server.url)
        assert [each.path for each in server.requests].count("/") == 2

    def test_a_body_without_a_proven_end(self, face, connect, scripted, cache):
        responses = [[response(headers=FRESH, body=each, framing="close"), Close()] for each in (b"ha", b"half")]
        server, connection = scripted(in_turn(*responses)), connect(cache=cache)
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b"ha", b"half"]

    @pytest.mark.parametrize("field", [{"Range": "bytes=0-1"}, {"If-None-Match": '"x"'}, {"Cache-Control": "no-store"}])
    def test_a_response_to_a_condition_of_the_caller(self, face, connect, scripted, cache, field):
        server, connection = scripted(numbered(headers=FRESH)), connect(cache=cache)
        for _ in range(2):
            face.get_bytes(connection, server.url, extra_headers=field)
        assert len(server.requests) == 2

    def test_a_response_to_a_request_that_a_hook_signed(self, face, connect, scripted, cache):
        users = iter(("ann", "bob"))

        def sign(request):
            request.headers["Authorization"] = next(users)

        server = scripted(lambda request: response(headers=FRESH, body=request.header("Authorization").encode()))
        connection = connect(cache=cache, event_hooks={"request": [sign]})
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b"ann", b"bob"]

    def test_requests_with_a_traceparent_are_stored(self, face, connect, scripted, cache):
        def mark(request):
            request.headers["traceparent"] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

        server = scripted(numbered(headers=FRESH))
        connection = connect(cache=cache, event_hooks={"request": [mark]})
        assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b'"1"', b'"1"']


class TestAFolder:
    """Stored responses outlive the program that fetched them."""

    def test_serves_the_next_connection_object(self, face, connect, scripted, tmp_path):
        server = scripted(numbered(headers=FRESH))
        given = [face.get_bytes(connect(cache=Cache(str(tmp_path))), server.url) for _ in range(2)]
        assert given == [b'"1"', b'"1"']

    def test_holds_no_secret_and_is_for_its_owner_alone(self, face, connect, scripted, tmp_path):
        server = scripted(response(headers={**FRESH, "X-Secret": "secret"}, body=b"public"))
        url = f"{server.url.replace('http://', 'http://ann:secret@')}/?X-Amz-Signature=secret"
        face.get_bytes(connect(cache=Cache(tmp_path / "new")), url, extra_headers={"X-Api-Key": "secret"})
        (file,) = (tmp_path / "new").iterdir()
        assert b"secret" not in file.read_bytes() + file.name.encode()
        assert file.stat().st_mode & 0o777 == 0o600
        assert (tmp_path / "new").stat().st_mode & 0o777 == 0o700

    def test_that_cannot_be_written_makes_no_call_fail(self, face, connect, scripted, tmp_path, caplog):
        (tmp_path / "file").write_bytes(b"")
        server, connection = scripted(numbered(headers=FRESH)), connect(cache=Cache(tmp_path / "file" / "folder"))
        assert [face.get_bytes(connection, server.url) for _ in range(3)] == [b'"1"', b'"2"', b'"3"']
        assert [each.name for each in caplog.records if each.levelname == "WARNING"] == ["httpconn.cache"]

    def test_is_rejected_if_the_policy_checks_addresses(self, tmp_path):
        with pytest.raises(InvalidRequest, match="memory"):
            httpconn.HTTPConnection(cache=Cache(tmp_path), access=AccessPolicy.public_internet())


def test_memory_serves_untrusted_urls_too(face, connect, scripted):
    access = AccessPolicy.public_internet(allowed_networks=["127.0.0.0/8"])
    server, connection = scripted(numbered(headers=FRESH)), connect(cache=Cache(), access=access)
    assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b'"1"', b'"1"']


def test_equal_calls_at_once_fetch_for_the_cache_together(face, connect, scripted):
    server, connection = scripted(numbered(headers=FRESH)), connect(cache=Cache(), coalesce=True)
    calls = [face.start(connection, "get_bytes", server.url) for _ in range(5)]
    assert {each.result(200) for each in calls} == {b'"1"'}
    assert face.get_bytes(connection, server.url) == b'"1"'
    assert len(server.requests) == 1


def test_a_response_too_large_for_the_cache_is_fetched_each_time(face, connect, scripted):
    server = scripted(response(headers=FRESH, body=b"x" * 20_000))
    connection = connect(cache=Cache(max_bytes=100_000))
    assert [len(face.get_bytes(connection, server.url)) for _ in range(2)] == [20_000] * 2
    assert len(server.requests) == 2


def test_responses_are_never_cached(face, connect, scripted):
    server, connection = scripted(numbered(headers=FRESH)), connect(cache=Cache())
    assert [face.get_response(connection, server.url).content for _ in range(2)] == [b'"1"', b'"2"']


def test_an_expired_response_is_fetched_again(face, connect, scripted, cache):
    past = formatdate(time.time() - 60, usegmt=True)
    server, connection = scripted(numbered(headers={"Expires": past, **TAGGED})), connect(cache=cache)
    assert [face.get_bytes(connection, server.url) for _ in range(2)] == [b'"1"', b'"2"']


@pytest.mark.parametrize("options", [{"folder": 7}, {"max_bytes": 0}, {"max_bytes": True}, {"max_bytes": 1.5}])
def test_bad_options_are_refused(options):
    with pytest.raises(InvalidRequest):
        Cache(**options)
    with pytest.raises(InvalidRequest):
        httpconn.HTTPConnection(cache=True)


def test_it_is_pickled_with_the_connection_object(tmp_path, scripted):
    server = scripted(numbered(headers=FRESH))
    with httpconn.HTTPConnection(cache=Cache(tmp_path)) as connection:
        connection.get_bytes(server.url)
        with pickle.loads(pickle.dumps(connection)) as other:
            assert other.get_bytes(server.url) == b'"1"'
    assert len(server.requests) == 1
