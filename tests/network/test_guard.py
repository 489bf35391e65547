"""Enforcement of the access policy before each connection, on every route."""

from __future__ import annotations

import os
import socket
import ssl
import subprocess
import sys
from itertools import count
from pathlib import Path

import httpx
import pytest

import httpconn
from httpconn import AccessDenied, AccessPolicy, HTTPConnection, InvalidRequest, Limits
from httpconn.adapters.messages import request_of
from httpconn.core.addresses import parse
from httpconn.network.dns import MAX_AGE, CachingResolver
from httpconn.network.guard import Guard, can_be_bound, explained, is_own
from httpconn.runtime.resolver import Address
from httpconn.transport import AsyncHTTPTransport, HTTPTransport
from tests.network.dials import Lookups
from tests.servers.scripted import Close, Stall, in_turn, response

PUBLIC = AccessPolicy.public_internet()
OPEN = AccessPolicy.public_internet(allowed_networks=["127.0.0.0/8"])
"""A policy for untrusted URLs that also allows the servers of these tests."""

HERE, INSIDE = ["127.0.0.1"], ["10.0.0.1"]


@pytest.fixture(params=["direct", "tls", "http2 declined", "http2"])
def way(request, scripted, certificates):
    """Run a server by the name localhost; return its URL and the options of a connection to it."""
    if request.param == "direct":
        return f"http://localhost:{scripted(response(body=b'ok')).port}/", {}
    options = {"verify": certificates.trust(), "http2": request.param != "tls"}
    if request.param == "http2":
        return request.getfixturevalue("http2_server").replace("127.0.0.1", "localhost") + "/", options
    return f"https://localhost:{scripted(response(body=b'ok'), tls=certificates.good).port}/", options


def port_of(url):
    return httpx.URL(url).port


class TestAddresses:
    def test_a_name_with_allowed_addresses_is_fetched(self, face, connect, way, dials):
        url, options = way
        connection = connect(access=OPEN, resolver=Lookups(["127.0.0.2", "127.0.0.1", "127.0.0.1"]), **options)
        answer = face.get_response(connection, url)
        assert answer.status_code < 500  # the application of the HTTP/2 server has no such page
        assert dials == [("127.0.0.2", port_of(url)), ("127.0.0.1", port_of(url))]

    @pytest.mark.parametrize("answers", [INSIDE, [*HERE, *INSIDE], [*INSIDE, *HERE], ["::ffff:10.0.0.1"]])
    def test_a_name_with_an_internal_address_is_denied_without_retry(self, face, connect, way, dials, answers):
        url, options = way
        lookups = Lookups(answers)
        with pytest.raises(AccessDenied, match="localhost leads to") as caught:
            face.get_bytes(connect(access=OPEN, resolver=lookups, retries=3, **options), url)
        assert (dials, len(lookups.asked), caught.value.attempts) == ([], 1, 1)
        assert caught.value.rule == "private network 10.0.0.0/8 (RFC 1918)"
        assert caught.value.url == url
        assert type(caught.value) is AccessDenied

    def test_a_name_whose_addresses_change(self, face, connect, way, dials):
        url, options = way
        clock = count(0, MAX_AGE + 1)
        names = CachingResolver(Lookups(HERE, INSIDE), clock=lambda: next(clock))
        own = {"access": OPEN, "resolver": names, "http2": options.get("http2", False)}
        own["ssl_context"] = options.get("verify")
        own["limits"] = Limits(max_keepalive_connections=0)
        transports = {"transport": HTTPTransport(**own), "async_transport": AsyncHTTPTransport(**own)}
        connection = connect(access=OPEN, **transports)
        face.get_response(connection, url)
        with pytest.raises(AccessDenied):
            face.get_bytes(connection, url)
        assert dials == [("127.0.0.1", port_of(url))]

    def test_results_of_the_systems_resolver_are_checked(self, face, connect, way, dials):
        url, options = way
        with pytest.raises(AccessDenied, match="loopback"):
            face.get_bytes(connect(access=PUBLIC, **options), url)
        assert dials == []

    def test_denied_networks_count_without_public(self, face, connect, way, dials):
        url, options = way
        access = AccessPolicy.anywhere(denied_networks=["127.0.0.0/8"])
        with pytest.raises(AccessDenied) as caught:
            face.get_bytes(connect(access=access, **options), url)
        assert (caught.value.rule, dials) == ("denied network 127.0.0.0/8 (access policy)", [])

    def test_a_certificate_is_for_the_name_and_not_for_the_address(self, face, connect, scripted, certificates):
        server = scripted(response(body=b"ok"), tls=certificates.good)
        connection = connect(access=OPEN, resolver=Lookups(HERE), verify=certificates.trust())
        with pytest.raises(httpconn.TLSFailed):
            face.get_bytes(connection, f"https://name.example:{server.port}/")

    def test_a_redirect_to_a_name_with_an_internal_address(self, face, connect, scripted, dials):
        server = scripted(response(302, {"Location": "http://u.example/?token=secret"}))
        connection = connect(access=OPEN, resolver=lambda host, _: INSIDE if host == "u.example" else HERE)
        with pytest.raises(AccessDenied) as caught:
            face.get_bytes(connection, f"http://start.example:{server.port}/")
        assert dials == [("127.0.0.1", server.port)]
        assert str(caught.value).startswith(
            "u.example leads to 10.0.0.1, which is denied: private network 10.0.0.0/8 (RFC 1918)"
            " [http://u.example/?token=***]"
        )
        assert "10.0.0.1" not in caught.value.public_message

    def test_an_address_that_the_system_replaces(self, face, connect, scripted):
        """A connection to 0.0.0.0 ends at 127.0.0.1."""
        server, access = scripted(response(body=b"secret")), AccessPolicy.anywhere(denied_networks={"192.0.2.0/24"})
        connection = connect(access=access, resolver=lambda host, port: ["0.0.0.0"])
        with pytest.raises(AccessDenied, match="ended at 127"):
            face.get_bytes(connection, f"http://name.example:{server.port}/")
        assert server.requests == []

    def test_a_connection_that_ended_elsewhere(self):
        guard = Guard(OPEN, CachingResolver())
        with socket.create_server(("127.0.0.1", 0)) as server, socket.create_connection(server.getsockname()) as sock:
            guard.judge_peer("name.example", Address(socket.AF_INET, server.getsockname()), sock)
            with pytest.raises(AccessDenied, match=r"ended at 127\.0\.0\.1, not at 127\.0\.0\.2"):
                guard.judge_peer("name.example", Address(socket.AF_INET, ("127.0.0.2", 80)), sock)
            with pytest.raises(AccessDenied, match="loopback"):
                Guard(PUBLIC, CachingResolver()).judge_peer("x", Address(socket.AF_INET, server.getsockname()), sock)


class TestOwnInterfaces:
    ACCESS = AccessPolicy.anywhere(own_interfaces=False)

    @pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "0.0.0.0", "::", "::ffff:127.0.0.1"])
    def test_loopback_and_unspecified_addresses_belong_to_this_machine(self, face, connect, dials, address):
        with pytest.raises(AccessDenied, match="an address of this machine"):
            face.get_bytes(connect(access=self.ACCESS, resolver=Lookups([address])), "http://name.example/")
        assert dials == []

    def test_a_source_address_belongs_to_this_machine(self):
        own = source_of("192.0.2.77")
        assert is_own(parse(own))
        with pytest.raises(AccessDenied):
            Guard(self.ACCESS, CachingResolver()).judge("name.example", own)

    @pytest.mark.parametrize("address", ["127.0.0.1", "the first"])
    def test_a_bindable_address_belongs_to_this_machine(self, address):
        assert can_be_bound(parse(source_of("192.0.2.77") if address == "the first" else address))

    @pytest.mark.parametrize("address", ["192.0.2.77", "255.255.255.255", "2001:db8::77", "224.0.0.1"])
    def test_other_addresses_do_not_belong_to_this_machine(self, address):
        assert not is_own(parse(address))
        assert not can_be_bound(parse(address))

    def test_only_an_explicit_network_allows_loopback(self):
        Guard(OPEN, CachingResolver()).judge("name.example", "127.0.0.1")
        with pytest.raises(AccessDenied, match="this machine"):
            Guard(AccessPolicy.public_internet(allowed_networks=["0.0.0.0/0"]), CachingResolver()).judge(
                "x", "127.0.0.1"
            )


def source_of(address):
    """Where packets to an address start from; loopback where no way leads there."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect((address, 9))
        except OSError:
            return "127.0.0.1"
        return probe.getsockname()[0]


class TestRequests:
    """Those of the clients that are handed out, and those that a hook has changed."""

    @pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "CONNECT"])
    @pytest.mark.parametrize("http2", [False, True])
    def test_public_only_allows_get_and_head_only(self, face, connect, scripted, dials, method, http2):
        server = scripted(response(body=b"ok"))
        client = client_of(face, connect(access=OPEN, resolver=Lookups(HERE), http2=http2))
        with pytest.raises(AccessDenied, match="Only GET and HEAD"):
            face.run(send, face, client, httpx.Request(method, f"http://name.example:{server.port}/"))
        assert dials == []
        for allowed in ("GET", "HEAD"):
            answer = face.run(send, face, client, httpx.Request(allowed, f"http://name.example:{server.port}/"))
            assert answer.status_code == 200

    @pytest.mark.parametrize(
        ("url", "reason"),
        [
            ("http://10.0.0.1/", "private network"),
            ("http://[0:0::1]/", "loopback"),
            ("http://user:secret@name.example/", "userinfo"),
            ("http://name.example:22/", "port"),
            ("http://denied.example/", "denied host"),
        ],
    )
    @pytest.mark.parametrize("http2", [False, True])
    def test_urls_are_checked(self, face, connect, dials, url, reason, http2):
        access = AccessPolicy.public_internet(ports=[80], denied_hosts=["denied.example"])
        client = client_of(face, connect(access=access, resolver=Lookups(HERE), http2=http2))
        with pytest.raises(AccessDenied) as caught:
            face.run(send, face, client, httpx.Request("GET", url))
        assert (caught.value.reason, dials) == (reason, [])
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("url", ["http://127.1/", "http://0x7f.0.0.1/", "http://2130706433/"])
    def test_a_host_that_resolvers_read_as_an_address_is_rejected(self, face, connect, dials, url):
        client = client_of(face, connect(access=PUBLIC))
        with pytest.raises(httpconn.InvalidURL):
            face.run(send, face, client, httpx.Request("GET", url))
        assert dials == []

    def test_a_redirect_followed_by_httpx_is_checked(self, face, connect, scripted, dials):
        server = scripted(response(302, {"Location": "http://10.0.0.1/"}))
        client = client_of(face, connect(access=OPEN))
        with pytest.raises(AccessDenied):
            face.run(send, face, client, httpx.Request("GET", server.url), True)
        assert dials == [("127.0.0.1", server.port)]

    def test_a_method_set_by_a_hook_is_checked(self, face, connect, scripted, dials):
        def hook(request):
            request.method = "POST"

        connection = connect(access=OPEN, event_hooks={"request": [hook]})
        with pytest.raises(AccessDenied):
            face.get_bytes(connection, scripted(response(body=b"ok")).url)
        assert dials == []

    @pytest.mark.parametrize("proxied", [False, True])
    @pytest.mark.parametrize(
        "named",
        [
            {"headers": {"Host": "inside.example"}},
            {"headers": [("Host", "name.example"), ("Host", "inside.example")]},
            {"extensions": {"target": b"http://inside.example/"}},
            {"extensions": {"target": b"@inside.example/"}},
            {"extensions": {"target": b".inside.example/"}},
            {"extensions": {"sni_hostname": "inside.example"}},
        ],
        ids=str,
    )
    def test_nothing_in_a_request_names_another_server(self, face, connect, scripted, dials, named, proxied):
        server = scripted(response(body=b"ok"))
        access = AccessPolicy.public_internet(trusted_proxy=proxied)
        connection = connect(access=access, **({"proxy": server.url} if proxied else {"resolver": Lookups(HERE)}))
        with pytest.raises(AccessDenied) as caught:
            face.run(send, face, client_of(face, connection), httpx.Request("GET", "http://name.example/", **named))
        assert (caught.value.reason, dials) == ("another name", [])

    @pytest.mark.parametrize(("suffix", "port"), [("", 80), (":80", 80), (":81", 81)])
    def test_a_host_field_may_contain_the_default_port(self, suffix, port):
        request = httpx.Request("GET", f"http://name.example:{port}/", headers={"Host": f"Name.Example{suffix}"})
        Guard(PUBLIC, CachingResolver()).admit_foreign(request_of(request), userinfo=False)

    def test_the_policies_of_transport_and_connection_both_apply(self, face, connect, dials):
        own = {"access": AccessPolicy.anywhere(ports=[443])}
        transports = {"transport": HTTPTransport(**own), "async_transport": AsyncHTTPTransport(**own)}
        with pytest.raises(AccessDenied, match="port 80"):
            face.get_bytes(connect(**transports), "http://127.0.0.1/")
        assert dials == []


def client_of(face, connection):
    return face.call(connection, "get_sync_client")


async def send(face, client, request, follow=False):
    sent = client.send(request, follow_redirects=follow)
    return await sent if face.is_async else sent


class TestOtherWays:
    @pytest.mark.parametrize("http2", [False, True])
    def test_a_unix_socket_is_denied_if_addresses_are_checked(self, face, user, tmp_path, http2):
        made = user(uds=str(tmp_path / "socket"), access=PUBLIC, http2=http2)
        with pytest.raises(AccessDenied, match="Unix socket"):
            face.run(made.get, "http://name.example/")

    @pytest.mark.parametrize("access", [PUBLIC, AccessPolicy.anywhere(denied_networks=["10.0.0.0/8"])])
    def test_an_untrusted_proxy_is_rejected(self, access):
        for make in (HTTPConnection, HTTPTransport, AsyncHTTPTransport):
            with pytest.raises(InvalidRequest, match="trusted_proxy=True"):
                make(access=access, proxy="http://proxy.example:3128")

    def test_a_trusted_proxy_may_be_inside_and_resolves_names_itself(self, face, connect, scripted, dials):
        proxy, lookups = scripted(response(body=b"ok")), Lookups(HERE)
        access = AccessPolicy.public_internet(trusted_proxy=True)
        connection = connect(access=access, proxy=f"http://proxy.example:{proxy.port}", resolver=lookups)
        assert face.get_bytes(connection, "http://name.example/") == b"ok"
        with pytest.raises(AccessDenied, match="private network"):
            face.get_bytes(connection, "http://10.0.0.1/")
        assert lookups.asked == [("proxy.example", proxy.port)]
        assert len(proxy.requests) == len(dials) == 1

    def test_the_proxies_of_the_environment_are_for_trusted_ones(self, face, connect, scripted, monkeypatch):
        server, proxy = scripted(response(body=b"server")), scripted(response(body=b"proxy"))
        monkeypatch.setenv("ALL_PROXY", proxy.url)
        networks = {"allowed_networks": ["127.0.0.0/8"]}
        assert face.get_bytes(connect(access=OPEN), server.url) == b"server"
        trusted = AccessPolicy.public_internet(trusted_proxy=True, **networks)
        assert face.get_bytes(connect(access=trusted), server.url) == b"proxy"

    def test_secrets_of_the_session_with_a_proxy_are_written_only_where_the_environment_counts(
        self, face, user, scripted, monkeypatch
    ):
        monkeypatch.setenv("SSLKEYLOGFILE", "/no/such/folder/keys")
        proxy = scripted(response(), on_connect=[Close()]).url.replace("http:", "https:")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        with pytest.raises(InvalidRequest, match="SSLKEYLOGFILE"):
            face.run(user(proxy=proxy, ssl_context=context).get, "http://example.com/")
        with pytest.raises(httpx.ConnectError):
            face.run(user(proxy=proxy, trust_env=False).get, "http://example.com/")

    @pytest.mark.parametrize("option", ["transport", "async_transport"])
    def test_a_transport_without_address_checks_is_rejected(self, option):
        mock = httpx.MockTransport(lambda _: httpx.Response(200))
        own = {"transport": HTTPTransport, "async_transport": AsyncHTTPTransport}[option]
        weaker = own(access=AccessPolicy.anywhere(own_interfaces=False))
        for transport in (mock, own(), own(access=AccessPolicy.anywhere(ports=[80])), weaker):
            with pytest.raises(InvalidRequest, match=f"^{option}= .*access="):
                HTTPConnection(access=PUBLIC, **{option: transport})
            HTTPConnection(access=AccessPolicy.anywhere(ports=[80]), **{option: transport})
        HTTPConnection(access=PUBLIC, **{option: own(access=PUBLIC)})


class TestDefaults:
    """The default limits of a policy for untrusted URLs."""

    def test_redirects(self, face, connect, scripted):
        server = scripted(lambda request: response(302, {"Location": request.target.decode() + "x"}))
        with pytest.raises(httpconn.TooManyRedirects):
            face.get_bytes(connect(access=OPEN), server.url)
        assert len(server.requests) == 6

    @pytest.mark.parametrize(("limits", "refused"), [(None, True), (Limits(max_bytes=65 << 20), False)])
    def test_size_of_bodies_and_files(self, face, connect, scripted, tmp_path, limits, refused):
        head = response(headers={"Content-Length": str(65 << 20)})
        server = scripted(lambda _: [head, Stall()])
        connection = connect(
            access=OPEN, limits=limits, timeout=httpconn.Timeouts(read=30 if refused else 0.1), retries=0
        )
        expected = httpconn.LimitExceeded if refused else httpconn.ReadTimedOut
        with pytest.raises(expected):
            face.get_bytes(connection, server.url)
        with pytest.raises(expected):
            face.download_file(connection, server.url, tmp_path / "file", resume=False)

    @pytest.mark.parametrize(
        ("options", "fetch", "file"),
        [
            ({}, 300.0, None),
            ({"access": PUBLIC}, 30.0, 30.0),
            ({"access": PUBLIC, "timeout": 5}, 5, 5),
            ({"access": PUBLIC, "timeout": None}, None, None),
        ],
    )
    def test_the_whole_call(self, options, fetch, file):
        calls = HTTPConnection(**options)._calls
        assert (calls.timeouts.total, calls.file_timeouts.total) == (fetch, file)


SHARED = """
import httpconn
try:
    httpconn.global_http_connection.get_bytes("http://127.0.0.1:{port}/")
except httpconn.InvalidRequest as error:
    print(type(error).__name__, error.message)
"""


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("", b""),
        ("anywhere", b""),
        ("public", b"AccessDenied 127.0.0.1 is denied: loopback 127.0.0.0/8 (RFC 1122)"),
        ("pubilc", b"InvalidRequest HTTPCONN_ACCESS must be 'public' or 'anywhere'"),
    ],
)
def test_the_shared_connection_keeps_the_policy_of_the_environment(scripted, value, told):
    server = scripted(response(body=b"ok"))
    done = subprocess.run(
        [sys.executable, "-c", SHARED.format(port=server.port)],
        env={**os.environ, "HTTPCONN_ACCESS": value, "PYTHONPATH": str(Path(httpconn.__file__).parents[1])},
        capture_output=True,
        timeout=200,
        check=True,
    )
    assert done.stdout.strip() == told
    assert len(server.requests) == (not told)


class TestExplanations:
    def test_each_address_is_explained_without_a_connection(self, dials):
        checked = explained(PUBLIC, "http://name.example:81/?a=b", resolver=lambda *_: ["1.1.1.1", "10.0.0.1"])
        assert not checked.allowed
        assert (checked.url, checked.host, checked.port) == ("http://name.example:81/?a=***", "name.example", 81)
        assert checked.rule == "private network 10.0.0.0/8 (RFC 1918)"
        assert [(each.address, each.allowed) for each in checked.addresses] == [("1.1.1.1", True), ("10.0.0.1", False)]
        assert dials == []

    def test_a_denied_url_is_explained_without_a_lookup(self):
        lookups = Lookups(HERE)
        for url in ("http://10.0.0.1/", "ftp://x/", "http://u@name.example/", "no URL"):
            assert not explained(PUBLIC, url, resolver=lookups).allowed
        assert lookups.asked == []

    def test_the_rule_own_interfaces_is_explained(self):
        checked = explained(AccessPolicy.anywhere(own_interfaces=False), "http://127.0.0.1/")
        assert checked.rule == "own interfaces"

    def test_a_name_without_an_address(self):
        with pytest.raises(httpconn.ConnectFailed, match="no address"):
            explained(PUBLIC, "http://name.example/", resolver=Lookups([]))

    def test_a_policy_explains_without_network_access(self, dials):
        assert PUBLIC.check("http://name.example/").allowed
        assert PUBLIC.check("http://name.example/", ["1.1.1.1"]).addresses[0].allowed
        assert PUBLIC.check("http://name.example/", ["127.0.0.1"]).reason == "loopback"
        assert PUBLIC.check("http://a\\b/").reason == "invalid URL"
        assert dials == []


def test_a_refusal_after_another_connection_was_refused_leaves_the_pool_whole(face, connect, scripted):
    server = scripted(in_turn(response(body=b"ok")))
    connection = connect(access=OPEN, limits=Limits(max_connections=1), resolver=lambda host, _: [host.split("-")[1]])
    for _ in range(3):
        with pytest.raises(AccessDenied):
            face.get_bytes(connection, f"http://x-10.0.0.1-x:{server.port}/")
    assert face.get_bytes(connection, f"http://x-127.0.0.1-x:{server.port}/") == b"ok"
