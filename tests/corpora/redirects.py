"""Chains of Locations from a public https URL, with the last URL, or the error under the public policy."""

from __future__ import annotations

from typing import NamedTuple


class Chain(NamedTuple):
    """Locations in their order, and the URL that the last one leads to, or the error and its reason."""

    locations: tuple[str, ...]
    ends_at: str | None
    error: str | None = None
    reason: str | None = None


START = "https://start.example/a/b?c"


def _leads(to: str, *locations: str) -> Chain:
    return Chain(locations, to)


def _denied(reason: str, *locations: str) -> Chain:
    return Chain(locations, None, "AccessDenied", reason)


def _refused(*locations: str) -> Chain:
    return Chain(locations, None, "RedirectRefused")


CHAINS = (
    _leads("https://start.example/d", "/d"),
    _leads("https://start.example/a/d", "d"),
    _leads("https://start.example/a/b?d", "?d"),
    _leads("https://other.example/", "https://other.example/"),
    _leads("https://other.example/", "//other.example/"),
    _leads("https://start.example//other.example", "/.//other.example", "https://start.example//other.example"),
    _leads("https://other.example/", "///other.example/"),
    _leads("https://start.example/a/b?c", "https:"),
    _leads("https://start.example/a/other.example", "https:other.example"),
    _leads("https://other.example/", "https://other\t.example/"),
    _leads("https://other.example/d", "https://other.example/", "/d"),
    _leads("https://93.184.215.14/", "https://93.184.215.14/"),
    _leads("https://other.example/@10.0.0.1", "https://other.example/@10.0.0.1"),
    _denied("loopback", "https://127.0.0.1/"),
    _denied("loopback", "//127.0.0.1/"),
    _denied("loopback", "https://[::1]/"),
    _denied("loopback", "https://[::ffff:127.0.0.1]/"),
    _denied("private network", "https://10.0.0.1/"),
    _denied("private network", "//192.168.0.1:8443/"),
    _denied("cloud metadata", "https://169.254.169.254/latest/meta-data/"),
    _denied("cloud metadata", "https://[fd00:ec2::254]/"),
    _denied("cloud metadata", "https://other.example/", "https://169.254.169.254/"),
    _denied("cloud metadata", "/d", "//other.example/", "/e", "//168.63.129.16/"),
    _denied("userinfo", "https://user:password@other.example/"),
    _denied("userinfo", "//user@other.example/"),
    _denied("userinfo", "https://@other.example/"),
    _denied("userinfo", "https://other.example@127.0.0.1/"),
    _denied("6to4", "https://[2002:7f00:1::]/"),
    _denied("multicast", "https://224.0.0.1/"),
    _denied("backslash", "\\\\other.example/"),
    _denied("backslash", "/\\other.example/"),
    _denied("backslash", "https://other.example\\@127.0.0.1/"),
    _denied("backslash", "/d?\\"),
    _denied("loopback", "https://127.0.\t0.1/"),
    _denied("loopback", "///127.0.0.1/"),
    _refused("http://other.example/"),
    _refused("http://start.example/"),
    _refused("https://other.example/", "http://other.example/"),
    _refused("http://127.0.0.1/"),
    _refused("file:///etc/passwd"),
    _refused("gopher://127.0.0.1:6379/_INFO"),
    _refused("data:text/plain,x"),
    _refused("javascript:alert(1)"),
    _refused("ftp://other.example/"),
    _refused("https://"),
    _refused("//"),
    _refused("https://127.1/"),
    _refused("https://2130706433/"),
    _refused("https://0x7f.0.0.1/"),
    _refused("https://0177.0.0.1/"),
    _refused("https://127。0。0。1/"),
    _refused("https://１２７.0.0.1/"),
    _refused("https://127%2e0.0.1/"),
    _refused("https://[fe80::1%25eth0]/"),
    _refused("https://other.example:0/"),
    _refused("https://other.example:65979/"),
    _refused("//other.example:+443/"),
    _refused("https://a@b@other.example/"),
    _refused("https://other\x00.example/"),
    _refused("/" + "a" * 90_000),
)
