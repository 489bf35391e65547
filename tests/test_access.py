"""The access policy: its rules, its messages, and its properties as a value."""

from __future__ import annotations

import dataclasses
import pickle
from ipaddress import ip_network
from typing import Any

import pytest

from httpconn import AccessDenied, AccessPolicy, InvalidRequest, RedirectPolicy, errors
from httpconn.core.redirects import Trail
from httpconn.core.requestbuilder import RequestBuilder, RequestSpec
from tests.corpora.addresses import ADDRESSES
from tests.corpora.dns import CASES
from tests.corpora.dns import Case as Lookup
from tests.corpora.redirects import CHAINS, START, Chain
from tests.corpora.urls import DENIED, READ

ANYWHERE = AccessPolicy.anywhere()
PUBLIC = AccessPolicy.public_internet()


def builder(access: AccessPolicy) -> RequestBuilder:
    return RequestBuilder(user_agent="tests", accept_encoding="identity", headers_given=None, access=access)


def reason_of(access: AccessPolicy, url: str) -> str | None:
    """Return the reason why a policy denies a URL, or None."""
    try:
        builder(access).spec(url)
    except AccessDenied as error:
        return error.reason
    return None


@pytest.mark.parametrize(("url", "reason"), DENIED.items())
def test_untrusted_urls_cannot_reach_internal_addresses(url: str, reason: str) -> None:
    assert reason_of(PUBLIC, url) == reason
    assert reason_of(ANYWHERE, url) is None


@pytest.mark.parametrize("url", READ)
def test_anywhere_allows_every_url(url: str) -> None:
    assert reason_of(ANYWHERE, url) is None
    assert not ANYWHERE.judges_addresses


@pytest.mark.parametrize(
    "url", ["https://example.com/", "http://1.1.1.1:8080/", "https://[2606:4700::1]/", "http://a./"]
)
def test_untrusted_urls_can_reach_public_addresses(url: str) -> None:
    assert reason_of(PUBLIC, url) is None


@pytest.mark.parametrize(("address", "reason"), ADDRESSES.items())
def test_an_address_is_judged_by_the_table(address: str, reason: str | None) -> None:
    assert denial(PUBLIC, address) == reason


def denial(policy: AccessPolicy, *addresses: str) -> str | None:
    try:
        for address in addresses:
            policy.judge_address("name.example", address)
    except AccessDenied as error:
        return error.reason
    return None


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.host)
def test_one_denied_address_denies_the_host(case: Lookup) -> None:
    assert denial(PUBLIC, *case.lookups[0]) == case.reason


def follow(chain: Chain, policy: RedirectPolicy) -> RequestSpec:
    maker = builder(PUBLIC)
    spec = maker.spec(START)
    trail = Trail(policy, maker)
    for location in chain.locations:
        spec = trail.follow(spec, location.encode())
    return spec


@pytest.mark.parametrize("chain", CHAINS, ids=lambda chain: ascii(chain.locations)[:60])
def test_every_hop_is_judged_like_a_first_url(chain: Chain) -> None:
    if chain.error is None:
        assert follow(chain, RedirectPolicy()).url.text == chain.ends_at
        return
    with pytest.raises(errors.HTTPConnError) as caught:
        follow(chain, RedirectPolicy())
    assert type(caught.value).__name__ == chain.error
    assert getattr(caught.value, "reason", None) == chain.reason


def test_a_redirect_out_of_the_allowed_hosts_is_denied() -> None:
    maker = builder(AccessPolicy(allowed_hosts=["start.example"]))
    spec = maker.spec(START)
    with pytest.raises(AccessDenied) as caught:
        Trail(RedirectPolicy(), maker).follow(spec, b"https://user:secret@other.example/?a=secret")
    assert caught.value.url == "https://other.example/?a=***"


@pytest.mark.parametrize(
    ("start", "location", "followed"),
    [
        ("http://a.example/", b"/b", True),
        ("http://a.example/", b"http://b.example:80/", True),
        ("http://a.example:8080/", b"http://b.example:8080/", True),
        ("http://a.example:8080/", b"https://a.example:8080/", True),
        ("http://a.example/", b"https://a.example/", True),
        ("http://a.example/", b"http://a.example:8080/", False),
        ("http://a.example:8080/", b"http://a.example/", False),
        ("http://a.example:8080/", b"https://a.example/", False),
        ("http://a.example/", b"https://a.example:8443/", False),
        ("https://a.example/", b"https://a.example:22/", False),
    ],
)
def test_a_redirect_can_be_held_to_the_port(start: str, location: bytes, followed: bool) -> None:
    maker = builder(AccessPolicy())
    spec = maker.spec(start)
    assert Trail(RedirectPolicy(), maker).follow(spec, location)
    strict = Trail(RedirectPolicy(ports="same"), maker)
    if followed:
        assert strict.follow(spec, location)
        return
    with pytest.raises(errors.RedirectRefused, match="changes the port from"):
        strict.follow(spec, location)


class TestHosts:
    @pytest.mark.parametrize(
        ("pattern", "matches", "others"),
        [
            ("example.com", ["example.com", "example.com."], ["www.example.com", "example.org", "xexample.com", "com"]),
            ("*.example.com", ["www.example.com", "a.b.example.com."], ["example.com", "xexample.com", "example.org"]),
            ("EXAMPLE.com.", ["example.com"], ["example"]),
            ("bücher.example", ["xn--bcher-kva.example", "BÜCHER.example"], ["bucher.example"]),
            ("*.XN--BCHER-KVA.example", ["a.bücher.example"], ["bücher.example"]),
            ("faß.de", ["xn--fa-hia.de"], ["fass.de"]),
            ("127.0.0.1", ["127.0.0.1"], ["127.0.0.2", "127.0.0.1.example"]),
            ("2606:4700:0::1", ["[2606:4700::1]", "[2606:4700:0:0::1]"], ["[2606:4700::2]"]),
            ("[2606:4700::1]", ["[2606:4700::1]"], []),
            ("8.8.8.8", ["[::ffff:8.8.8.8]", "[::ffff:808:808]", "[64:ff9b::8.8.8.8]"], ["[::8.8.8.8]"]),
            ("::ffff:8.8.8.8", ["8.8.8.8"], ["8.8.4.4"]),
            ("*.com", ["example.com", "a.example.com"], ["com"]),
        ],
    )
    def test_a_pattern_matches_its_names(self, pattern: str, matches: list[str], others: list[str]) -> None:
        for host in matches:
            assert reason_of(AccessPolicy(allowed_hosts=[pattern]), f"http://{host}/") is None
            assert reason_of(AccessPolicy(denied_hosts=[pattern]), f"http://{host}/") == "denied host"
        for host in others:
            assert reason_of(AccessPolicy(allowed_hosts=[pattern]), f"http://{host}/") == "host not allowed"
            assert reason_of(AccessPolicy(denied_hosts=[pattern]), f"http://{host}/") is None

    def test_an_empty_list_allows_no_host(self) -> None:
        for policy in (AccessPolicy(allowed_hosts=[]), AccessPolicy.public_internet(allowed_hosts=())):
            for host in ("example.com", "8.8.8.8"):
                assert reason_of(policy, f"http://{host}/") == "host not allowed"

    def test_denied_takes_precedence_over_allowed(self) -> None:
        policy = AccessPolicy(allowed_hosts=["*.example.com"], denied_hosts=["internal.example.com"])
        assert reason_of(policy, "http://www.example.com/") is None
        assert reason_of(policy, "http://internal.example.com/") == "denied host"

    def test_an_allowed_host_must_have_a_public_address(self) -> None:
        policy = AccessPolicy.public_internet(allowed_hosts=["127.0.0.1", "name.example"])
        assert reason_of(policy, "http://127.0.0.1/") == "loopback"
        assert denial(policy, "127.0.0.1") == "loopback"

    @pytest.mark.parametrize(
        "pattern",
        [
            "",
            "*",
            "*.",
            "**.a",
            "a.*",
            "*a.com",
            ".a",
            "a..b",
            "http://a/",
            "a:80",
            "a/b",
            "a b",
            "127.1",
            "*.127.0.0.1",
            "*.[::1]",
            "[::1",
            "fe80::1%lo",
            "xn--a",
            "１.com",
            "a。b",
            "a" * 300,
            "\ud800",
        ],
    )
    @pytest.mark.parametrize("name", ["allowed_hosts", "denied_hosts"])
    def test_an_invalid_host_is_refused(self, name: str, pattern: str) -> None:
        with pytest.raises(InvalidRequest, match="AccessPolicy"):
            AccessPolicy(**{name: [pattern]})


class TestNetworks:
    def test_an_internal_network_can_be_allowed(self) -> None:
        policy = AccessPolicy.public_internet(allowed_networks=["10.1.0.0/16", "fd12::/16"])
        assert denial(policy, "10.1.2.3", "::ffff:10.1.2.3", "64:ff9b::10.1.2.3", "fd12::1", "8.8.8.8") is None
        assert denial(policy, "10.2.0.0") == "private network"
        assert denial(policy, "fd13::1") == "unique local network"

    def test_an_empty_list_allows_no_host(self) -> None:
        for policy in (AccessPolicy(allowed_hosts=[]), AccessPolicy.public_internet(allowed_hosts=())):
            for host in ("example.com", "8.8.8.8"):
                assert reason_of(policy, f"http://{host}/") == "host not allowed"

    def test_denied_takes_precedence_over_allowed(self) -> None:
        policy = AccessPolicy.public_internet(allowed_networks=["10.0.0.0/8"], denied_networks=["10.1.0.0/16"])
        assert denial(policy, "10.0.0.1") is None
        assert denial(policy, "10.1.0.1") == denial(policy, "::ffff:10.1.0.1") == "denied network"

    def test_public_addresses_can_be_denied(self) -> None:
        policy = AccessPolicy.public_internet(denied_networks=["2a00:64::/96", "8.8.8.0/24"])
        assert denial(policy, "2a00:64::a00:1") == "denied network"
        assert denial(policy, "8.8.8.8") == denial(policy, "64:ff9b::8.8.8.8") == "denied network"
        assert denial(policy, "8.8.4.4") is None

    def test_the_well_known_nat64_prefix_can_be_denied_as_itself(self) -> None:
        policy = AccessPolicy.public_internet(denied_networks=["64:ff9b::/96"])
        assert denial(policy, "64:ff9b::8.8.8.8") == "denied network"
        assert denial(policy, "8.8.8.8") is None

    @pytest.mark.parametrize("address", ["0.0.0.0", "::ffff:0.0.0.0", "::"])
    def test_the_unspecified_address_leads_to_loopback(self, address: str) -> None:
        policy = AccessPolicy.anywhere(denied_networks=["127.0.0.0/8", "::1/128"])
        with pytest.raises(AccessDenied, match=r"denied network (127\.0\.0\.0/8|::1/128)"):
            policy.judge_address("name.example", address)
        AccessPolicy.anywhere(denied_networks=["10.0.0.0/8"]).judge_address("name.example", address)

    def test_denied_networks_apply_without_public(self) -> None:
        policy = AccessPolicy.anywhere(denied_networks=["10.0.0.0/8"])
        assert policy.judges_addresses
        assert denial(policy, "10.0.0.1") == "denied network"
        assert denial(policy, "127.0.0.1") is None
        assert denial(policy, "no address") == "no address"

    def test_allowing_all_of_ipv6_allows_no_ipv4_address(self) -> None:
        policy = AccessPolicy.public_internet(allowed_networks=["::/0"])
        assert denial(policy, "fd12::1") is None
        assert denial(policy, "::ffff:127.0.0.1") == denial(policy, "64:ff9b::127.0.0.1") == "loopback"

    @pytest.mark.parametrize("network", ["169.254.0.0/16", "169.254.169.254/31", "0.0.0.0/0"])
    def test_a_network_does_not_allow_the_metadata_address_in_it(self, network: str) -> None:
        policy = AccessPolicy.public_internet(allowed_networks=[network])
        assert denial(policy, "169.254.169.254") == denial(policy, "::ffff:169.254.169.254") == "cloud metadata"
        assert denial(policy, "169.254.169.255") is None

    def test_the_metadata_address_can_be_allowed_by_itself(self) -> None:
        policy = AccessPolicy.public_internet(allowed_networks=["169.254.169.254", "fd00:ec2::254"])
        assert denial(policy, "169.254.169.254", "fd00:ec2::254") is None

    def test_allowed_networks_need_public(self) -> None:
        with pytest.raises(InvalidRequest, match="allowed_networks"):
            AccessPolicy.anywhere(allowed_networks=["10.0.0.0/8"])

    @pytest.mark.parametrize(
        "bad", ["10.0.0.0/8", b"10.0.0.0", 5, None, ["10.0.0.1/8"], ["x"], [""], [10], [None], ["fe80::1%1"]]
    )
    @pytest.mark.parametrize("name", ["allowed_networks", "denied_networks"])
    def test_an_invalid_network_is_refused(self, name: str, bad: Any) -> None:
        with pytest.raises(InvalidRequest, match=name):
            AccessPolicy.public_internet(**{name: bad})


class TestFurtherRules:
    def test_ports(self) -> None:
        policy = AccessPolicy(ports=[443, 8443])
        assert reason_of(policy, "https://example.com/") is None
        assert reason_of(policy, "http://example.com:8443/") is None
        assert reason_of(policy, "http://example.com/") == reason_of(policy, "https://example.com:22/") == "port"

    @pytest.mark.parametrize("ports", [443, "443", [0], [65536], [-1], ["443"], [True], [443.0]])
    def test_an_invalid_port_is_refused(self, ports: Any) -> None:
        with pytest.raises(InvalidRequest, match=r"AccessPolicy\.ports"):
            AccessPolicy(ports=ports)

    def test_schemes(self) -> None:
        policy = AccessPolicy(schemes={"https"})
        assert reason_of(policy, "https://example.com/") is None
        assert reason_of(policy, "http://example.com/") == "scheme"

    def test_userinfo(self) -> None:
        assert reason_of(AccessPolicy(userinfo=False), "http://@example.com/") == "userinfo"
        assert reason_of(AccessPolicy.public_internet(userinfo=True), "http://user@example.com/") is None

    def test_methods(self) -> None:
        for method in ("GET", "HEAD"):
            PUBLIC.judge_method(method)
        for method in ("POST", "get", "CONNECT", ""):
            ANYWHERE.judge_method(method)
            with pytest.raises(AccessDenied):
                PUBLIC.judge_method(method)

    @pytest.mark.parametrize("url", [None, 3, b"http://x/", ["http://x/"]])
    def test_a_value_that_is_not_text_is_an_invalid_url(self, url: Any) -> None:
        checked = PUBLIC.check(url)
        assert (checked.allowed, checked.reason, checked.url) == (False, "invalid URL", "")

    @pytest.mark.parametrize("addresses", [None, 3, "10.0.0.1", b"10.0.0.1", [None], [b"10.0.0.1"]])
    def test_addresses_must_be_text(self, addresses: Any) -> None:
        with pytest.raises(InvalidRequest, match="addresses"):
            PUBLIC.check("http://x.example/", addresses)

    def test_a_policy_without_own_interfaces_checks_addresses(self) -> None:
        assert PUBLIC.judges_addresses
        assert AccessPolicy(own_interfaces=False).judges_addresses

    @pytest.mark.parametrize("value", [None, "", "anywhere", " Anywhere "])
    def test_without_a_variable_everything_is_allowed(self, value: str | None) -> None:
        assert AccessPolicy.from_environment(value) == ANYWHERE

    @pytest.mark.parametrize("value", ["public", "PUBLIC", "public "])
    def test_the_variable_can_be_public(self, value: str) -> None:
        assert AccessPolicy.from_environment(value) == PUBLIC

    @pytest.mark.parametrize("value", ["pubic", "1", "true", "none", " ", "public,anywhere"])
    def test_an_invalid_variable_is_an_error(self, value: str) -> None:
        with pytest.raises(InvalidRequest, match="HTTPCONN_ACCESS"):
            AccessPolicy.from_environment(value)

    def test_a_public_policy_has_lower_defaults(self) -> None:
        timeouts, limits, redirects = PUBLIC.defaults
        assert (timeouts.total, limits.max_bytes, redirects.max_hops) == (30.0, 64 * 1024 * 1024, 5)
        assert ANYWHERE.defaults == (type(timeouts)(), type(limits)(), type(redirects)())


class TestTheValue:
    FULL = AccessPolicy.public_internet(
        schemes={"https"},
        allowed_hosts=["*.Example.com"],
        denied_hosts=["a.example.com"],
        ports={443},
        allowed_networks=["10.0.0.0/8"],
        denied_networks=["10.1.0.0/16"],
    )

    def test_it_is_pickled_compared_and_hashed(self) -> None:
        for policy in (ANYWHERE, PUBLIC, self.FULL):
            again = pickle.loads(pickle.dumps(policy))
            assert again == policy
            assert hash(again) == hash(policy)
            assert repr(again).startswith("AccessPolicy(")
        assert len({ANYWHERE, PUBLIC, self.FULL}) == 3

    def test_it_can_be_changed_by_replace(self) -> None:
        assert dataclasses.replace(PUBLIC, ports={443}) == AccessPolicy.public_internet(ports=[443])
        assert dataclasses.replace(self.FULL) == self.FULL

    def test_equal_rules_in_other_spellings_are_equal(self) -> None:
        other = dataclasses.replace(
            self.FULL, allowed_hosts=("*.example.COM.",), denied_networks=[ip_network("10.1.0.0/16")]
        )
        assert other == self.FULL

    def test_it_is_frozen(self) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            PUBLIC.public = False  # type: ignore[misc]
        hosts = ["example.com"]
        policy = AccessPolicy(allowed_hosts=hosts)
        hosts.append("other.example")
        assert policy.allowed_hosts == {"example.com"}


class TestTheError:
    def error(self) -> AccessDenied:
        with pytest.raises(AccessDenied) as caught:
            builder(PUBLIC).spec("http://10.0.0.1/path?token=secret")
        return caught.value

    def test_the_message_for_the_operator_names_the_rule(self) -> None:
        error = self.error()
        assert error.rule == "private network 10.0.0.0/8 (RFC 1918)"
        assert error.reason == "private network"
        assert error.url == "http://10.0.0.1/path?token=***"
        assert str(error).startswith("10.0.0.1 is denied: private network 10.0.0.0/8 (RFC 1918)")
        assert (error.fault, error.retryable) == ("caller", False)

    def test_the_public_message_is_always_the_same(self) -> None:
        policy = AccessPolicy.public_internet(ports={443, 80}, denied_hosts=["a.example"], schemes={"http"})
        urls = [
            "http://10.0.0.1/",
            "http://a.example/",
            "http://user@b.example/",
            "http://b.example:22/",
            "https://b.example/",
        ]
        for url in urls:
            with pytest.raises(AccessDenied) as caught:
                builder(policy).spec(url)
            assert caught.value.public_message == "The URL may not be fetched."

    def test_it_is_pickled(self) -> None:
        error = self.error()
        again = pickle.loads(pickle.dumps(error))
        assert (again.rule, again.reason, again.url, str(again)) == (error.rule, error.reason, error.url, str(error))

    def test_it_names_the_address_of_the_host(self) -> None:
        with pytest.raises(AccessDenied, match=r"name\.example leads to ::1, which is denied: loopback ::1/128"):
            PUBLIC.judge_address("name.example", "::1")
