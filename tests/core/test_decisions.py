"""Redirects, body limits and deadlines."""

from __future__ import annotations

import threading

import pytest

from httpconn import ByteBudget, Limits, RedirectPolicy, errors
from httpconn.access import AccessPolicy
from httpconn.core import redirects
from httpconn.core.bodycounter import BodyCounter, SpeedFloor, declared_length
from httpconn.core.deadlines import Deadline
from httpconn.core.requestbuilder import RequestBuilder, RequestSpec


def builder() -> RequestBuilder:
    return RequestBuilder(
        user_agent="a", accept_encoding="gzip", headers_given={"X-Conn": "1"}, access=AccessPolicy.anywhere()
    )


def trail(url: str, policy: RedirectPolicy = RedirectPolicy(), **extra: str) -> tuple[redirects.Trail, RequestSpec]:  # noqa: B008
    spec = builder().spec(url, {"X-Key": "secret", "Authorization": "secret", **extra})
    return redirects.Trail(policy, builder()), spec


def names(spec: RequestSpec) -> set[str]:
    return {name.decode() for name, _ in spec.fields}


@pytest.mark.parametrize("location", ["/b", "//a.com/b", "b", "https://a.com/b", "https://a.com:443/b"])
def test_a_redirect_within_the_origin_keeps_its_headers(location: str) -> None:
    hops, spec = trail("https://a.com/a")
    assert {"X-Key", "Authorization", "X-Conn"} <= names(hops.follow(spec, location.encode()))


@pytest.mark.parametrize(
    "location", ["https://b.com/", "https://a.com:444/", "//sub.a.com/", "https://a.com.evil.com/"]
)
def test_a_redirect_to_another_origin_drops_the_headers_of_the_caller(location: str) -> None:
    hops, spec = trail("https://a.com/a")
    assert names(hops.follow(spec, location.encode())) == {"User-Agent", "Accept", "Accept-Encoding"}


def test_a_redirect_back_to_the_origin_does_not_restore_headers() -> None:
    hops, spec = trail("https://a.com/a")
    away = hops.follow(spec, b"https://b.com/")
    assert "Authorization" not in names(hops.follow(away, b"https://a.com/c"))


def test_a_safe_header_is_sent_to_another_origin() -> None:
    hops, spec = trail("https://a.com/a", RedirectPolicy(safe_headers=frozenset({"X-KEY"})))
    assert names(hops.follow(spec, b"https://b.com/")) == {"User-Agent", "Accept", "Accept-Encoding", "X-Key"}


def test_the_upgrade_of_one_host_keeps_headers() -> None:
    hops, spec = trail("http://a.com/a")
    assert "Authorization" in names(hops.follow(spec, b"https://a.com/a"))


@pytest.mark.parametrize(
    ("url", "location"), [("http://a.com:8080/", "https://a.com/"), ("http://a.com/", "https://b.com/")]
)
def test_an_upgrade_to_another_host_or_port_drops_headers(url: str, location: str) -> None:
    hops, spec = trail(url)
    assert "Authorization" not in names(hops.follow(spec, location.encode()))


def test_a_redirect_from_https_to_http_must_be_allowed() -> None:
    hops, spec = trail("https://a.com/")
    with pytest.raises(errors.RedirectRefused, match="leads from https to http"):
        hops.follow(spec, b"http://a.com/")
    hops, spec = trail("https://a.com/", RedirectPolicy(allow_downgrade=True))
    assert hops.follow(spec, b"http://a.com/").url.origin[0] == "http"


def test_a_redirect_to_the_same_url_is_followed_until_the_limit() -> None:
    hops, spec = trail("https://a.com/a", RedirectPolicy(max_hops=2))
    there = hops.follow(spec, b"/a")
    assert hops.follow(there, b"/a").url.target == b"/a"
    with pytest.raises(errors.TooManyRedirects, match="More than 2"):
        hops.follow(there, b"/a")


def test_a_chain_of_redirects_ends_at_the_limit() -> None:
    hops, spec = trail("https://a.com/0", RedirectPolicy(max_hops=3))
    for hop in range(1, 4):
        spec = hops.follow(spec, b"/%d" % hop)
    with pytest.raises(errors.TooManyRedirects, match="More than 3"):
        hops.follow(spec, b"/4")


@pytest.mark.parametrize("location", ["file:///etc/passwd", "data:,x", "gopher://a/", "https://", "//", "http:"])
def test_a_redirect_to_an_invalid_url_is_refused(location: str) -> None:
    hops, spec = trail("https://a.com/")
    with pytest.raises(errors.RedirectRefused):
        hops.follow(spec, location.encode())


def test_equal_locations_count_once() -> None:
    assert redirects.location_of([(b"Location", b"/a"), (b"X", b"y"), (b"location", b" /a\t")]) == b"/a"
    assert redirects.location_of([(b"X", b"y")]) is None
    assert redirects.location_of([(b"Location", b"")]) == b""
    with pytest.raises(errors.RedirectRefused, match="2 Location fields"):
        redirects.location_of([(b"Location", b"/a"), (b"Location", b"/b")])


def test_a_body_fails_at_the_first_byte_over_the_limit() -> None:
    counter = BodyCounter(max_bytes=10, limits=Limits(), budget=None)
    counter.add_wire(10)
    with pytest.raises(errors.LimitExceeded):
        counter.add_wire(1)


def test_a_declared_length_over_the_limit_fails_at_once() -> None:
    with pytest.raises(errors.LimitExceeded, match="declares 11 bytes"):
        BodyCounter(max_bytes=10, limits=Limits(), budget=None).expect(11)
    with pytest.raises(errors.LimitExceeded, match="budget has 5 left"):
        BodyCounter(max_bytes=None, limits=Limits(), budget=ByteBudget(5)).expect(6)


def test_the_budget_counts_the_larger_of_received_and_decoded_bytes() -> None:
    budget = ByteBudget(100)
    counter = BodyCounter(max_bytes=None, limits=Limits(), budget=budget)
    counter.add_wire(10)
    counter.add_decoded(40)
    counter.add_wire(10)
    counter.add_decoded(40)
    assert budget.used == 80
    with pytest.raises(errors.LimitExceeded, match="budget of 100"):
        counter.add_decoded(21)


def test_the_ratio_applies_after_its_grace() -> None:
    counter = BodyCounter(max_bytes=None, limits=Limits(max_ratio=10, ratio_grace=1000), budget=None)
    counter.add_wire(10)
    counter.add_decoded(1000)
    with pytest.raises(errors.LimitExceeded, match="10 times"):
        counter.add_decoded(1)


@pytest.mark.parametrize(("wire", "error"), [(9, errors.TruncatedBody), (11, errors.ProtocolError)])
def test_a_body_of_another_length_than_declared_is_an_error(wire: int, error: type[Exception]) -> None:
    counter = BodyCounter(max_bytes=None, limits=Limits(), budget=None)
    counter.expect(10)
    counter.add_wire(wire)
    with pytest.raises(error):
        counter.finish()


def test_threads_share_a_byte_budget() -> None:
    budget = ByteBudget(64_000)

    def spend() -> None:
        for _ in range(1000):
            budget.spend(1)

    threads = [threading.Thread(target=spend) for _ in range(64)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert budget.left == 0
    with pytest.raises(errors.LimitExceeded):
        budget.spend(1)


@pytest.mark.parametrize("total", [-1, 1.5, "3", None, True])
def test_a_budget_is_a_number_of_bytes(total: object) -> None:
    with pytest.raises(errors.InvalidRequest, match="whole number"):
        ByteBudget(total)  # type: ignore[arg-type]


def test_a_slow_server_is_an_error_and_a_slow_reader_is_not() -> None:
    floor = SpeedFloor(Limits(min_speed=100, speed_window=10))
    for _ in range(10):
        floor.check()
        floor.add(1, 1.0)
    with pytest.raises(errors.TooSlow, match="Only 10 bytes arrived"):
        floor.check()
    floor = SpeedFloor(Limits(min_speed=100, speed_window=10))
    for _ in range(100):
        floor.add(100, 1.0)
        floor.check()


@pytest.mark.parametrize(
    ("value", "length"),
    [(None, None), ("0", 0), ("5, 5", 5), (" 7 ", 7)],
)
def test_a_content_length(value: str | None, length: int | None) -> None:
    assert declared_length(value, None) == length


@pytest.mark.parametrize("value", ["-1", "+1", "5, 6", "1e3", "0x5", "", "٣", "9" * 30])
def test_an_invalid_content_length_is_an_error(value: str) -> None:
    with pytest.raises(errors.ProtocolError):
        declared_length(value, None)


def test_transfer_encoding_overrides_content_length() -> None:
    assert declared_length("3", "chunked") is None


def test_a_deadline_is_a_value() -> None:
    deadline = Deadline.after(5.0, 100.0)
    deadline.check(104.9)
    assert deadline.allows(4.9, 100.0)
    assert not deadline.allows(5.0, 100.0)
    with pytest.raises(errors.DeadlineExceeded, match="within 5 seconds"):
        deadline.check(105.0)
    Deadline.after(None, 0.0).check(1e12)
