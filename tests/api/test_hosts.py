"""Options of single hosts and credentials, on sync, asyncio and trio."""

from __future__ import annotations

import json
import pickle
import threading
from types import SimpleNamespace

import httpx
import pytest

import httpconn
from httpconn import Bearer, HostOptions, InvalidRequest, Item, RateLimit
from httpconn.core.rates import IMMEDIATE, RateLimiter
from tests.api.test_many import collect
from tests.servers.scripted import Close, redirect, response

SECRET = "s3cret"
TOKEN = Bearer(SECRET)
AUTHORIZATION = f"Bearer {SECRET}"
BASIC = "Basic dTpw"  # u:p


async def resolve(host, port):
    return ["127.0.0.1"]


def echo(request):
    """Respond with the method, the header and the body of a request."""
    header = {name.decode().lower(): value.decode() for name, value in request.headers}
    return response(body=json.dumps([request.method, header, request.body.decode()]).encode())


@pytest.fixture
def named(connect, face):
    """Makes connections that resolve every name to this machine."""
    resolver = resolve if face.is_async else lambda host, port: ["127.0.0.1"]
    return lambda **options: connect(resolver=resolver, retries=0, **options)


def at(server, host):
    return f"http://{host}:{server.port}/"


def sent(server, name="authorization"):
    """The values of a header field in all requests of a server."""
    return [request.header(name) for request in server.requests]


class TestPatterns:
    """Which options apply to a host."""

    @pytest.mark.parametrize(
        ("host", "expected"),
        [
            ("a.example.com", "exact"),
            ("A.EXAMPLE.COM.", "exact"),
            ("b.example.com", "suffix"),
            ("c.deep.example.com", "deep"),
            ("example.com", None),
        ],
    )
    def test_the_longest_pattern_wins(self, named, face, scripted, host, expected):
        given = {"*.example.com": "suffix", "a.example.com": "exact", "*.deep.example.com": "deep"}
        hosts = {pattern: HostOptions(headers={"X-Pattern": value}) for pattern, value in given.items()}
        server = scripted(response())
        face.call(named(hosts=hosts), "get_bytes", at(server, host))
        assert sent(server, "x-pattern") == [expected]

    @pytest.mark.parametrize(
        "patterns",
        [
            ("example.com", "EXAMPLE.com."),
            ("*.example.com", "*.Example.com"),
            ("bücher.example", "xn--bcher-kva.example"),
            ("::1", "[0:0::1]"),
        ],
    )
    def test_two_patterns_for_one_host_are_an_error(self, patterns):
        with pytest.raises(InvalidRequest, match="two patterns"):
            httpconn.HTTPConnection(hosts=dict.fromkeys(patterns, HostOptions()))

    @pytest.mark.parametrize("hosts", [{"*": HostOptions()}, {"a b": HostOptions()}, {1: HostOptions()}, {"a": {}}, []])
    def test_other_patterns_and_options_are_rejected(self, hosts):
        with pytest.raises(InvalidRequest, match="hosts"):
            httpconn.HTTPConnection(hosts=hosts)


class TestTokens:
    """A token reaches its host only."""

    @pytest.mark.parametrize("where", ["connection", "call", "host"])
    @pytest.mark.parametrize(
        "auth", [TOKEN, ("u", SECRET), httpx.BasicAuth("u", SECRET)], ids=["bearer", "pair", "httpx"]
    )
    def test_a_redirect_to_another_host_does_not_get_it(self, named, face, scripted, where, auth):
        options = {"connection": {"auth": auth}, "call": {}, "host": {"hosts": {"a.example": HostOptions(auth=auth)}}}
        other = scripted(response(body=b"body"))
        own = scripted({"/": redirect("/again"), "/again": redirect(at(other, "b.example"))})
        call = {"auth": auth} if where == "call" else {}
        assert face.call(named(**options[where]), "get_bytes", at(own, "a.example"), **call) == b"body"
        assert len(set(sent(own))) == 1
        assert None not in sent(own)
        assert sent(other) == [None]

    def test_the_target_of_a_redirect_gets_its_own_token(self, named, face, scripted):
        other = scripted(response())
        own = scripted(redirect(at(other, "b.example")))
        hosts = {"a.example": HostOptions(auth=TOKEN), "b.example": HostOptions(auth=("u", "p"), headers={"X-B": "1"})}
        face.call(named(hosts=hosts), "get_bytes", at(own, "a.example"), extra_headers={"X-Call": "1"})
        assert (sent(own), sent(other)) == ([AUTHORIZATION], [BASIC])
        assert (sent(other, "x-b"), sent(other, "x-call")) == (["1"], [None])

    def test_each_url_and_mirror_gets_the_token_of_its_host(self, named, face, scripted, tmp_path):
        content = b"content"
        digest = "sha256:ed7002b439e9ac845f22357d822bac1444730fbdb6016d3ec9432297b9ec9f73"
        failing, mirror = scripted(response(404)), scripted(response(body=content))
        connection = named(auth=("u", "p"), hosts={"a.example": HostOptions(auth=TOKEN)}, headers={"X-Key": SECRET})
        item = Item(at(failing, "a.example"), digest=digest, mirrors=[at(mirror, "b.example")])
        (fetched,) = collect(face, connection, [item])
        assert fetched.content == content
        options = {"digest": digest, "mirrors": [at(mirror, "b.example")], "auth": Bearer("call")}
        face.call(connection, "download", at(failing, "a.example"), tmp_path / "file", **options)
        assert sent(failing) == [AUTHORIZATION, "Bearer call"]
        assert sent(mirror) == [None, None]
        assert (sent(failing, "x-key"), sent(mirror, "x-key")) == ([SECRET, SECRET], [None, None])

    def test_open_files_and_requests_send_it(self, named, face, scripted):
        server = scripted(echo)
        connection = named(hosts={"a.example": HostOptions(auth=TOKEN)})
        assert face.call(connection, "request", "POST", at(server, "a.example"), json=1).json()[2] == "1"
        face.call(connection, "get_metadata", at(server, "a.example"))
        assert set(sent(server)) == {AUTHORIZATION}

    def test_the_more_specific_credentials_win(self, named, face, scripted):
        server = scripted(response())
        connection = named(auth=Bearer("all"), hosts={"a.example": HostOptions(auth=TOKEN)})
        for host, options in (
            ("b.example", {}),
            ("a.example", {}),
            ("u:p@a.example", {}),
            ("u:p@a.example", {"extra_headers": {"authorization": "Own"}}),
            ("a.example", {"extra_headers": {"Authorization": "Own"}, "auth": Bearer("call")}),
        ):
            face.call(connection, "get_bytes", at(server, host), **options)
        assert sent(server) == ["Bearer all", AUTHORIZATION, BASIC, "Own", "Bearer call"]

    @pytest.mark.parametrize(
        "make",
        [
            lambda: Bearer(SECRET + "\n"),
            lambda: Bearer("s3cret s3cret"),
            lambda: Bearer("s3cretü"),
            lambda: Bearer(""),
            lambda: Bearer(SECRET.encode()),
            lambda: HostOptions(auth=("us:er", SECRET)),
            lambda: HostOptions(auth=("user", SECRET + "\r\nX: y")),
            lambda: HostOptions(auth=("user", SECRET, "more")),
            lambda: HostOptions(auth=f"Bearer {SECRET}"),
            lambda: HostOptions(headers={"Authorization": SECRET + "\r\n"}),
            lambda: HostOptions(proxy=f"gopher://u:{SECRET}@proxy"),
            lambda: HostOptions(max_connections=0),
            lambda: HostOptions(rate_limit=5),
            lambda: httpconn.HTTPConnection(auth=(None, SECRET)),
            lambda: httpconn.HTTPConnection(auth=SimpleNamespace(sync_auth_flow=iter)),
        ],
    )
    def test_invalid_options_are_errors_that_do_not_show_a_secret(self, make):
        with pytest.raises(InvalidRequest) as raised:
            make()
        assert SECRET not in str(raised.value)

    def test_secrets_are_hidden_and_pickled(self):
        options = HostOptions(auth=TOKEN, headers={"X-Key": SECRET}, proxy=f"http://u:{SECRET}@proxy:1")
        assert SECRET not in repr(options) + repr(TOKEN)
        with httpconn.HTTPConnection(hosts={"a": options}, auth=httpx.DigestAuth("u", SECRET)) as connection:
            copy = pickle.loads(pickle.dumps(connection))
            assert copy._options["hosts"]["a"].auth == TOKEN
            assert copy.proxy_for("http://a/") == "http://proxy:1"


class Fetching(httpx.Auth):
    """A flow that fetches a token, also after a 401."""

    requires_response_body = True

    def __init__(self, url, method="POST"):
        self.url = url
        self.method = method

    def auth_flow(self, request):
        first = yield request
        if first.status_code == 401:
            fetched = yield httpx.Request(self.method, self.url, content=b"grant")
            request.headers["Authorization"] = f"Token {fetched.json()[2]}"
            yield request


def guarded(request):
    return echo(request) if request.header("authorization") else response(401, body=b"who?")


async def coroutine():
    """Return None, as an ``auth_flow`` that is a coroutine function."""


FLOWS_WITHOUT_REQUESTS = [type(None), list, coroutine, lambda: (each for each in ()), lambda: (each for each in [None])]


class TestFlows:
    """Authentication flows of httpx."""

    @pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
    def test_digest(self, named, face, scripted, algorithm):
        challenge = {"WWW-Authenticate": f'Digest realm="r", nonce="n", qop="auth", algorithm={algorithm}'}
        server = scripted(
            lambda request: echo(request) if request.header("authorization") else response(401, challenge)
        )
        connection = named(hosts={"a.example": HostOptions(auth=httpx.DigestAuth("u", SECRET))})
        for _ in range(2):
            face.call(connection, "get_bytes", at(server, "a.example"))
        first, *others = sent(server)
        assert first is None
        assert all(each.startswith('Digest username="u"') for each in others)
        assert len(others) == 2
        assert len({request.connection for request in server.requests}) == 1

    def test_a_flow_that_fetches_a_token(self, named, face, scripted):
        server, tokens = scripted(guarded), scripted(echo)
        connection = named(auth=Fetching(at(tokens, "tokens.example")), headers={"X-Own": SECRET})
        method, header, body = face.call(connection, "get_json", at(server, "a.example"))
        assert (method, header["authorization"], body) == ("GET", "Token grant", "")
        (request,) = tokens.requests
        assert (request.method, request.body, request.header("x-own")) == ("POST", b"grant", None)

    @pytest.mark.parametrize("stream", [False, True])
    def test_the_flow_does_not_consume_the_response(self, named, face, scripted, stream):
        server = scripted(response(headers={"Content-Type": "text/plain"}, body=b"body"))
        got = face.get_response(named(auth=Fetching(NOWHERE)), at(server, "a.example"), stream=stream)
        assert (face.call(got, "read"), got.status_code) == (b"body", 200)
        face.call(got, "close")

    def test_the_request_of_a_flow_is_checked_by_the_access_policy(self, named, face, scripted, dials):
        server, inside = scripted(guarded), scripted(echo)
        access = httpconn.AccessPolicy.anywhere(denied_hosts=["inside.example"])
        for url, error in (
            (at(inside, "inside.example"), httpconn.AccessDenied),
            ("file:///etc/passwd", httpconn.InvalidURL),
        ):
            with pytest.raises(error):
                face.call(named(access=access, auth=Fetching(url)), "get_bytes", at(server, "a.example"))
        public = httpconn.AccessPolicy.public_internet(allowed_networks=["127.0.0.0/8"], own_interfaces=True)
        with pytest.raises(httpconn.AccessDenied, match="GET and HEAD"):
            face.call(
                named(access=public, auth=Fetching(at(inside, "b.example"))), "get_bytes", at(server, "a.example")
            )
        flow = Fetching("http://169.254.169.254/latest", "GET")
        with pytest.raises(httpconn.AccessDenied):
            face.call(named(access=public, auth=flow), "get_bytes", at(server, "a.example"))
        assert inside.requests == []

    def test_the_target_is_signed_as_it_is_sent(self, named, face, scripted):
        challenge = {"WWW-Authenticate": 'Digest realm="r", nonce="n", qop="auth"'}
        server = scripted(lambda request: response() if request.header("authorization") else response(401, challenge))
        face.call(named(), "get_bytes", f"{at(server, 'a.example')}a|b?c={{d}}", auth=httpx.DigestAuth("u", SECRET))
        assert server.requests[1].target == b"/a|b?c={d}"
        assert 'uri="/a|b?c={d}"' in sent(server)[1]

    def test_a_flow_can_change_the_query_but_not_the_host_or_the_method(self, named, face, scripted):
        class Changing(httpx.Auth):
            def __init__(self, **changes):
                self.changes = changes

            def auth_flow(self, request):
                for name, value in self.changes.items():
                    setattr(request, name, value)
                yield request

        server = scripted(response())
        url = httpx.URL(at(server, "a.example"))
        connection = named()
        face.call(connection, "get_bytes", url, auth=Changing(url=url.copy_merge_params({"key": "k"})))
        assert server.requests[0].target == b"/?key=k"
        for changes in ({"url": url.copy_with(host="b.example")}, {"method": "DELETE"}):
            with pytest.raises(InvalidRequest, match="cannot change"):
                face.call(connection, "get_bytes", url, auth=Changing(**changes))
        assert len(server.requests) == 1

    def test_limits_apply_to_the_flow(self, named, face, scripted):
        server, large = scripted(guarded), scripted(response(body=bytes(2_000_000)))
        with pytest.raises(httpconn.LimitExceeded):
            face.call(named(auth=Fetching(at(large, "b.example"))), "get_bytes", at(server, "a.example"))

        class Endless(httpx.Auth):
            def auth_flow(self, request):
                while True:
                    yield request

        with pytest.raises(httpconn.ProtocolError, match="has not ended"):
            face.call(named(auth=Endless()), "get_bytes", at(server, "a.example"))

    def test_a_body_that_can_be_sent_once_is_not_repeated(self, named, face, scripted):
        server = scripted([response(401, {"Connection": "close"}), Close()])
        flow = Fetching(at(scripted(echo), "b.example"))
        with pytest.raises(InvalidRequest, match="only once"):
            face.request(named(auth=flow), "POST", at(server, "a.example"), content=iter([b"once"]))
        face.request(named(auth=flow), "POST", at(server, "a.example"), content=b"again")
        assert [request.body for request in server.requests][1:] == [b"again", b"again"]

    def test_errors_of_httpx_in_a_flow_are_translated(self, named, face, scripted):
        class Strict(Fetching):
            def auth_flow(self, request):
                token = yield httpx.Request("GET", self.url)
                token.raise_for_status()
                yield request

        class Unread(httpx.Auth):
            def auth_flow(self, request):
                first = yield request
                first.json()

        server = scripted(response(403, body=b"{}"))
        with pytest.raises(httpconn.StatusError):
            face.call(named(auth=Strict(at(server, "b.example"))), "get_bytes", at(server, "a.example"))
        with pytest.raises(InvalidRequest, match="requires_response_body"):
            face.call(named(auth=Unread()), "get_bytes", at(server, "a.example"))

    def test_a_flow_that_awaits_nothing_may_be_a_plain_generator(self, named, face, scripted):
        class Plain(httpx.Auth):
            def sync_auth_flow(self, request):
                request.headers["Authorization"] = "Key secret"
                yield request

            async_auth_flow = sync_auth_flow

        server = scripted(response(body=b"ok"))
        assert face.call(named(), "get_bytes", at(server, "a.example"), auth=Plain()) == b"ok"
        assert server.requests[0].header("authorization") == "Key secret"

    @pytest.mark.parametrize("flow", FLOWS_WITHOUT_REQUESTS)
    def test_a_flow_that_is_no_generator_of_requests_is_an_error(self, named, face, scripted, flow):
        class Wrong(httpx.Auth):
            def sync_auth_flow(self, request):
                return flow()

            async_auth_flow = sync_auth_flow

        server = scripted(response())
        with pytest.raises(InvalidRequest, match=r"must be a generator|must yield a request"):
            face.call(named(auth=Wrong()), "get_bytes", at(server, "a.example"))
        assert server.requests == []

    def test_an_auth_without_the_method_of_the_call_is_an_error(self, named, face, scripted):
        auth = SimpleNamespace(
            sync_auth_flow=lambda request: (each for each in [request]), requires_response_body=False
        )
        url, connection = at(scripted(response(body=b"ok")), "a.example"), named(auth=auth)
        if face.is_async:
            with pytest.raises(InvalidRequest, match="async_auth_flow must be a generator"):
                face.call(connection, "get_bytes", url)
        else:
            assert face.call(connection, "get_bytes", url) == b"ok"

    def test_a_flow_may_have_the_methods_of_both_kinds(self, named, face, scripted):
        class Both:
            def __init__(self, request):
                self.requests = iter([request])

            def send(self, response):
                assert not face.is_async
                return next(self.requests, None)

            async def asend(self, response):
                assert face.is_async
                return next(self.requests, None)

            def close(self):
                assert not face.is_async

            async def aclose(self):
                assert face.is_async

        class Wrapped(httpx.Auth):
            def sync_auth_flow(self, request):
                return Both(request)

            async_auth_flow = sync_auth_flow

        url = at(scripted(response(body=b"ok")), "a.example")
        assert face.call(named(), "get_bytes", url, auth=Wrapped()) == b"ok"

    def test_calls_with_a_flow_share_nothing(self, named, face, scripted):
        server = scripted(lambda request: response(headers={"Cache-Control": "max-age=60"}, body=b"x"))
        connection = named(coalesce=True, cache=httpconn.Cache())
        for user in ("u", "v"):
            face.call(connection, "get_bytes", at(server, "a.example"), auth=httpx.BasicAuth(user, "p"))
        assert len(server.requests) == 2


NOWHERE = "http://127.0.0.1:9/"


class TestNetrc:
    """The netrc file is read only on request."""

    @pytest.fixture
    def netrc(self, tmp_path, monkeypatch):
        path = tmp_path / "netrc"
        path.write_text(f"machine a.example login u password p\ndefault login d password {SECRET}\n")
        monkeypatch.setenv("NETRC", str(path))
        return path

    @pytest.mark.parametrize("where", ["connection", "call", "host"])
    def test_a_host_gets_its_entry(self, named, face, scripted, netrc, where):
        other = scripted(response())
        own = scripted(redirect(at(other, "b.example")))
        options = {
            "connection": {"auth": "netrc"},
            "call": {},
            "host": {"hosts": {"*.example": HostOptions(auth="netrc")}},
        }
        call = {"auth": "netrc"} if where == "call" else {}
        face.call(named(**options[where]), "get_bytes", at(own, "a.example"), **call)
        assert (sent(own), sent(other)) == ([BASIC], [None])

    def test_a_redirect_to_a_host_of_the_file_gets_its_entry(self, named, face, scripted, netrc):
        own = scripted(response())
        other = scripted(redirect(at(own, "a.example")))
        face.call(named(auth="netrc"), "get_bytes", at(other, "b.example"))
        assert (sent(other), sent(own)) == ([None], [BASIC])

    def test_other_entries_do_not_matter(self, named, face, scripted, netrc):
        odd = ["b.example:8080", "https://b.example/", "a_b/c", "*.example", "A.EXAMPLE", "::1"]
        lines = [f'machine "{machine}" login x password y\n' for machine in odd]
        netrc.write_text("machine c.example login x:y password z\n" + netrc.read_text() + "".join(lines))
        server = scripted(response())
        for host in ("a.example", "b.example", "c.example"):
            face.call(named(auth="netrc"), "get_bytes", at(server, host))
        assert [request.header("Authorization") for request in server.requests] == [BASIC, None, None]

    def test_without_a_request_it_is_not_read(self, named, face, scripted, netrc):
        server = scripted(response())
        face.call(named(), "get_bytes", at(server, "a.example"))
        assert sent(server) == [None]

    @pytest.mark.parametrize("content", [None, f"machine a login u pass {SECRET}", "machine \udcff"])
    def test_a_file_that_cannot_be_read_is_an_error_without_its_content(self, netrc, content):
        netrc.unlink()
        if content is not None:
            netrc.write_bytes(content.encode("utf-8", "surrogateescape"))
        with pytest.raises(InvalidRequest, match="netrc") as raised:
            httpconn.HTTPConnection(auth="netrc")
        assert SECRET not in str(raised.value)
        assert raised.value.__cause__ is None


class TestConnections:
    """Rate limits, connections and proxies of a host."""

    def test_the_number_of_connections_of_a_host(self, named, face, scripted):
        server = scripted(response(body=b"x"))
        connection = named(hosts={"a.example": HostOptions(max_connections=1)})
        urls = [at(server, "a.example")] * 6
        assert all(each.error is None for each in collect(face, connection, urls))
        assert {request.connection for request in server.requests} == {1}

    def test_other_hosts_keep_the_limit_of_the_connection(self, named, face, scripted):
        both = threading.Barrier(2, timeout=30)

        def meet(request):
            both.wait()
            return response()

        server = scripted(meet)
        connection = named(hosts={"a.example": HostOptions(max_connections=1)})
        urls = [at(server, "b.example")] * 2
        assert all(each.error is None for each in collect(face, connection, urls))

    def test_a_proxy_of_a_host(self, connect, face, scripted, proxy_server):
        server = scripted(response(body=b"body"))
        hosts = {"127.0.0.1": HostOptions(proxy="direct"), "localhost": HostOptions(proxy=proxy_server.bare_url)}
        connection = connect(hosts=hosts, proxy=NOWHERE, retries=0)
        before = len(proxy_server.requests)
        for host in ("127.0.0.1", "localhost"):
            assert face.call(connection, "get_bytes", at(server, host)) == b"body"
        assert len(proxy_server.requests) == before + 1
        assert connection.proxy_for("http://other.example/") == NOWHERE.removesuffix("/")
        assert connection.proxy_for(at(server, "localhost")) == proxy_server.bare_url

    def test_a_proxy_needs_a_policy_that_trusts_it(self):
        hosts = {"a.example": HostOptions(proxy="http://proxy:3128")}
        with pytest.raises(InvalidRequest, match="trusted_proxy"):
            httpconn.HTTPConnection(hosts=hosts, access=httpconn.AccessPolicy.public_internet())
        direct = {"a.example": HostOptions(proxy="direct", max_connections=2)}
        httpconn.HTTPConnection(hosts=direct, access=httpconn.AccessPolicy.public_internet()).close()

    def test_a_transport_has_its_own_connections(self):
        with pytest.raises(InvalidRequest, match="transport="):
            httpconn.HTTPConnection(hosts={"a": HostOptions(max_connections=1)}, transport=httpx.MockTransport(print))


def test_the_rate_limit_of_a_pattern():
    shared = [RateLimit(1, scope="all")]
    rates = RateLimiter(
        RateLimit(1), hosts={"*.example": shared, "b.example": None, "c.example": [RateLimit(1, burst=2)]}
    )

    def waits(host):
        return rates.reserve(host, 100.0, None) is not IMMEDIATE

    assert [waits("x.example"), waits("y.example")] == [False, True]
    assert [waits("b.example"), waits("b.example")] == [False, True]
    assert [waits("c.example"), waits("c.example"), waits("c.example")] == [False, False, True]
    assert [waits("other"), waits("other")] == [False, True]


def test_a_rate_limit_of_a_host_delays_its_requests_only(named, face, scripted):
    server = scripted(response())
    connection = named(hosts={"a.example": HostOptions(rate_limit=RateLimit(1, per=1000))}, timeout=20)
    for host in ("a.example", "b.example", "b.example"):
        face.call(connection, "get_bytes", at(server, host))
    with pytest.raises(httpconn.DeadlineExceeded):
        face.call(connection, "get_bytes", at(server, "a.example"))
    assert len(server.requests) == 3


def test_a_download_uses_as_many_connections_as_its_host_allows(named, face, scripted, tmp_path):
    content = bytes(3_000_000)
    fields = {"ETag": '"a"', "Accept-Ranges": "bytes"}
    server = scripted(response(headers=fields, body=content))
    connection = named(hosts={"a.example": HostOptions(max_connections=1)})
    face.call(connection, "download", at(server, "a.example"), tmp_path / "file", segments=8)
    assert (tmp_path / "file").read_bytes() == content
    assert len(server.requests) == 1
