"""The cases for each library, and the definition of a violation."""

from __future__ import annotations

from ipaddress import ip_address
from typing import NamedTuple

from httpconn.core.addresses import classify
from tests.attacks.bombs import bomb
from tests.comparison.drivers import AUTH_FLOW
from tests.comparison.network import INSIDE, PUBLIC
from tests.corpora.addresses import ADDRESSES
from tests.corpora.dns import CASES
from tests.corpora.redirects import CHAINS
from tests.corpora.urls import DENIED, READ, REFUSED
from tests.servers.scripted import Drip, ScriptedResponse, redirect, response

TIMEOUT = 2.0
OK = "2 bytes"


class Case(NamedTuple):
    """A URL, and the addresses of its name for each lookup."""

    url: str
    lookups: tuple[tuple[str, ...], ...] = ((PUBLIC,),)
    method: str = "GET"


def _location(text: str) -> str:
    """Return a Location with http, because the server has no TLS."""
    return text.replace("https:", "http:")


LOCATIONS = [_location(chain.locations[-1]) for chain in CHAINS if chain.error and len(chain.locations[-1]) < 1000]
FORBIDDEN_ONES = [address for address, reason in ADDRESSES.items() if reason not in (None, "no address")]
PUBLIC_ONES = [address for address, reason in ADDRESSES.items() if reason is None]

FORBIDDEN: dict[str, list[Case]] = {
    "address in the URL": [Case(url) for url, reason in DENIED.items() if reason != "userinfo"],
    "odd spelling": [Case(url) for group in REFUSED.values() for url in group],
    "name of an internal address": [
        *(Case(f"http://inside-{number}.example/", ((each,),)) for number, each in enumerate(FORBIDDEN_ONES)),
        *(Case(f"http://{case.host}/", case.lookups) for case in CASES if case.reason and len(case.lookups) == 1),
    ],
    "name that changes": [Case(f"http://{case.host}/", case.lookups) for case in CASES if len(case.lookups) > 1],
    "redirect": [
        *(Case(f"http://start.example/to/{number}") for number in range(len(LOCATIONS))),
        Case("http://start.example/inside"),
    ],
}
FORBIDDEN["redirect of a POST"] = [case._replace(method="POST") for case in FORBIDDEN["redirect"]]

FORBIDDEN["request of an auth flow"] = [case._replace(method=AUTH_FLOW) for case in FORBIDDEN["address in the URL"]]


def _is_plain(url: str) -> bool:
    """Return whether the URL has a plain name and no userinfo, so that no library has a reason to reject it."""
    host, port, _ = READ[url]
    authority = url.partition("//")[2].partition("/")[0].partition("?")[0].partition("#")[0]
    return (
        port == 80 and url.lower().startswith("http:") and "@" not in authority and "." in host and not _is_number(host)
    )


def _is_number(host: str) -> bool:
    return ":" in host or host.replace(".", "").isdigit()


GOOD = [
    *(Case(url) for url in READ if _is_plain(url)),
    *(Case(f"http://public-{number}.example/", ((each,),)) for number, each in enumerate(PUBLIC_ONES)),
]
BOMBS = {"gzip": "gzip", "deflate": "deflate", "gzip in gzip": "gzip, gzip"}
DRIPPED = Case("http://start.example/dripped")


def bomb_case(coding: str) -> Case:
    return Case(f"http://start.example/bomb/{coding.replace(', ', '-')}")


def site() -> dict[str, ScriptedResponse]:
    """The one server behind the public address."""
    bombs = {
        f"/bomb/{coding.replace(', ', '-')}": response(headers={"Content-Encoding": coding}, body=bomb(coding))
        for coding in BOMBS.values()
    }
    locations = {f"/to/{number}": redirect(location.encode()) for number, location in enumerate(LOCATIONS)}
    slow = [b"HTTP/1.1 200 OK\r\nContent-Length: 60\r\n\r\n", Drip(b"x" * 60, every=0.2)]
    return {**bombs, **locations, "/inside": redirect(f"http://{INSIDE}/"), "/dripped": slow}


def went_inside(dialled: list[str]) -> bool:
    """Return whether a connected address is special by IANA's registries, multicast, or metadata of a cloud."""
    return any(not classify(address).public for address in dialled)


def went_inside_undisputed(dialled: list[str]) -> bool:
    """Return whether a connected address is not public for Python either."""
    return any(not ip_address(address.partition("%")[0]).is_global for address in dialled)
