"""Every accepted URL has one reading: tests by a corpus, and against other parsers."""

from __future__ import annotations

import contextlib
import re
from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core.hosts import check_host, is_literal
from httpconn.core.locations import resolve
from httpconn.core.urls import VettedURL, vet
from httpconn.errors import InvalidURL
from tests.corpora.urls import READ, REFUSED
from tests.strategies.urls import hosts, urls

PLAIN = re.compile(r"[!-~]*")


@pytest.mark.parametrize(("rule", "url"), [(rule, url) for rule, group in REFUSED.items() for url in group])
def test_a_url_with_several_readings_is_refused(rule: str, url: str) -> None:
    with pytest.raises(InvalidURL):
        vet(url)


@pytest.mark.parametrize(("rule", "url"), [(rule, url) for rule, group in REFUSED.items() for url in group])
def test_a_redirect_to_an_ambiguous_url_is_refused_or_read_as_browsers_do(rule: str, url: str) -> None:
    """The result is one URL that every parser reads in the same way."""
    with contextlib.suppress(InvalidURL):
        agrees_with_the_others(resolve(vet("https://start.example/"), url.encode("utf-8", "surrogatepass")))


@pytest.mark.parametrize(("url", "expected"), READ.items(), ids=lambda each: ascii(each)[:60])
def test_an_accepted_url_has_one_reading(url: str, expected: tuple[str, int, bytes]) -> None:
    vetted = vet(url)
    assert (vetted.origin.host, vetted.origin.port, vetted.target) == expected
    agrees_with_the_others(vetted)


def vetted_or_none(url: str) -> VettedURL | None:
    try:
        return vet(url)
    except InvalidURL:
        return None


def agrees_with_the_others(url: VettedURL) -> None:
    """Assert that httpx, urllib and httpconn find the same origin in the sent URL."""
    again = vet(url.text)
    assert (again.origin, again.netloc, again.target, again.fragment) == (
        url.origin,
        url.netloc,
        url.target,
        url.fragment,
    )
    theirs = httpx.URL(url.text)
    assert theirs.raw_host.decode("ascii") == url.origin.host
    assert (theirs.scheme, theirs.netloc) == (url.origin.scheme, url.netloc)
    assert theirs.host  # reading it decodes A-labels
    split = urlsplit(url.text)
    assert (split.hostname, split.port or {"http": 80, "https": 443}[split.scheme]) == url.origin[1:]
    assert split.username is split.password is None


@given(urls())
def test_every_parser_finds_the_same_host_in_an_accepted_url(url: str) -> None:
    vetted = vetted_or_none(url)
    if vetted is not None:
        agrees_with_the_others(vetted)


@given(urls())
def test_httpx_finds_the_same_host_in_the_given_url(url: str) -> None:
    vetted = vetted_or_none(url)
    if vetted is None:
        return
    with contextlib.suppress(httpx.InvalidURL):
        theirs = httpx.URL(url)
        assert httpx.URL(f"http://{theirs.netloc.decode('ascii')}/").netloc  # it is a URL for httpx all the way
        assert check_host(bracketed(theirs.raw_host.decode("ascii"))) == vetted.origin.host


@given(urls())
def test_the_target_has_the_given_bytes(url: str) -> None:
    vetted = vetted_or_none(url)
    if vetted is None:
        return
    written = re.sub(r"^[^/]*//[^/?#]*", "", url).partition("#")[0]
    if PLAIN.fullmatch(written):
        assert vetted.target == (written if written.startswith("/") else f"/{written}").encode("ascii")
    assert PLAIN.fullmatch(vetted.target.decode("ascii"))


@given(urls())
def test_a_location_is_checked_like_a_url(url: str) -> None:
    vetted = vetted_or_none(url)
    if vetted is not None:
        base = vet("https://start.example/")
        assert resolve(base, url.encode()).origin == vetted.origin


def bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@given(st.one_of(hosts, st.text(max_size=40), st.from_regex(r"(xn--[a-z0-9-]{0,30}\.?){1,3}", fullmatch=True)))
def test_an_accepted_host_is_stable(host: str) -> None:
    try:
        checked = check_host(host)
    except InvalidURL:
        return
    assert check_host(bracketed(checked)) == checked
    assert re.fullmatch(r"[a-z0-9._-]{1,254}|[0-9a-f:.]+", checked)
    assert is_literal(checked) == (":" in checked or re.fullmatch(r"[0-9.]+", checked) is not None)
