"""Credentials for proxies: Basic (RFC 7617), Digest (RFC 7616), and a hook for other schemes."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Callable, Generator, Iterable, Sequence
from itertools import count
from typing import NamedTuple, Protocol

from ..core.auth import basic
from ..core.regexes import regex

Rounds = Generator[str | None, Sequence[str], None]
"""A generator of Proxy-Authorization values. It receives the Proxy-Authenticate fields of the 407 response to each."""

MAX_ROUNDS = 5  # requests that one exchange may spend on authentication


class ProxyAuth(Protocol):
    """A scheme of proxy authentication.

    A scheme may need several rounds, as Negotiate and NTLM do. All rounds of a request or tunnel use one connection.
    """

    def authenticate(self, method: str, target: str) -> Rounds:
        """Yield the value of Proxy-Authorization for each attempt at a request. None sends no header field.

        The generator receives the Proxy-Authenticate fields of each 407 response. It returns when it has no further
        value. It is closed when the proxy accepts a value, and after 5 rounds.

        Args:
            method: the method of the request; ``CONNECT`` for a tunnel.
            target: the request target as it is sent to the proxy.
        """


# The strongest algorithm first (RFC 7616 section 3.7).
_HASHES: dict[str, Callable[[bytes], str]] = {
    "sha-512-256": lambda data: hashlib.new("sha512_256", data).hexdigest(),
    "sha-256": lambda data: hashlib.sha256(data).hexdigest(),
    "md5": lambda data: hashlib.md5(data, usedforsecurity=False).hexdigest(),
}


class PasswordCredentials:
    """A user name and a password: Basic at first (RFC 7617), and Digest once a proxy asks for it."""

    def __init__(self, user: str, password: str) -> None:
        self._basic = basic(user, password, "proxy")
        self._user = user
        self._password = password
        self._digest: Digest | None = None

    def authenticate(self, method: str, target: str) -> Rounds:
        digest = self._digest
        challenges = yield digest.response(method, target) if digest else self._basic
        for _ in range(2):  # the second round replaces a nonce that has become stale
            chosen = self._strongest(challenges)
            if chosen is None or (digest is not None and not chosen.follows(digest)):
                return
            self._digest = digest = chosen
            challenges = yield digest.response(method, target)

    def _strongest(self, challenges: Sequence[str]) -> Digest | None:
        parsed = [each for each in parse_challenges(challenges) if each.scheme == "digest"]
        offered = [Digest(self._user, self._password, each) for each in parsed]
        return min((each for each in offered if each.is_usable), key=lambda each: each.weakness, default=None)


class Digest:
    """One Digest challenge, and the authorizations computed from it."""

    def __init__(self, user: str, password: str, challenge: Challenge) -> None:
        parameters = challenge.parameters
        algorithm = parameters.get("algorithm", "MD5").lower()
        self._user = user
        self._password = password
        self._parameters = parameters
        self._algorithm = algorithm.removesuffix("-sess")
        self._is_session = algorithm.endswith("-sess")
        self._nonce = parameters.get("nonce", "")
        self._count = count(1)
        qualities = parameters.get("qop", "").replace(" ", "").lower()
        self._has_quality = bool(qualities)
        self.is_usable: bool = (
            self._algorithm in _HASHES and "nonce" in parameters and (not qualities or "auth" in qualities.split(","))
        )

    @property
    def weakness(self) -> int:
        """The rank of the algorithm, 0 for the strongest."""
        return [*_HASHES].index(self._algorithm)

    def follows(self, last: Digest) -> bool:
        """Return whether to try again after the proxy rejected the credentials for the challenge ``last``."""
        # The same nonce again means that the credentials are wrong, unless the proxy calls it stale.
        return self._nonce != last._nonce or self._parameters.get("stale", "").lower() == "true"

    def response(self, method: str, target: str) -> str:
        """Return the value of Proxy-Authorization (RFC 7616 section 3.4)."""
        digest = _HASHES[self._algorithm]
        realm = self._parameters.get("realm", "")
        client_nonce, number = secrets.token_hex(16), f"{next(self._count):08x}"
        secret = digest(f"{self._user}:{realm}:{self._password}".encode())
        if self._is_session:
            secret = digest(f"{secret}:{self._nonce}:{client_nonce}".encode())
        request = digest(f"{method}:{target}".encode())
        quality = f"{number}:{client_nonce}:auth:" if self._has_quality else ""  # RFC 2069 has no qop
        proof = digest(f"{secret}:{self._nonce}:{quality}{request}".encode())
        is_hashed = self._parameters.get("userhash", "").lower() == "true"
        parts = {
            "username": _quoted(digest(f"{self._user}:{realm}".encode()) if is_hashed else self._user),
            "realm": _quoted(realm),
            "nonce": _quoted(self._nonce),
            "uri": _quoted(target),
            "response": _quoted(proof),
        }
        if "algorithm" in self._parameters:
            parts["algorithm"] = self._parameters["algorithm"]
        if "opaque" in self._parameters:
            parts["opaque"] = _quoted(self._parameters["opaque"])
        if quality:
            parts |= {"qop": "auth", "nc": number, "cnonce": _quoted(client_nonce)}
        if is_hashed:
            parts["userhash"] = "true"
        return "Digest " + ", ".join(f"{name}={value}" for name, value in parts.items())


# Challenges (RFC 9110 section 11).

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
# A control character is an error, because the authorization repeats the values.
_QUOTED = r'"(?:[^"\\\x00-\x08\x0a-\x1f\x7f]|\\[^\x00-\x08\x0a-\x1f\x7f])*+"'
_END = r"(?=[ \t]*+(?:,|$))"
# An element is a parameter, or a scheme with or without a token68. Only the text after the name distinguishes them.
_element = regex(
    rf"[ \t,]*+(?:(?P<name>{_NAME})[ \t]*+=[ \t]*+(?P<value>{_QUOTED}|{_NAME}){_END}"
    rf"|(?P<scheme>{_NAME})(?=[ \t,]|$)(?:[ ]++[A-Za-z0-9._~+/-]+=*{_END})?)"
).match


class Challenge(NamedTuple):
    """A challenge of an authentication field: a scheme and its parameters."""

    scheme: str
    parameters: dict[str, str]  # by name in lower case, unquoted


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Return the challenges of all WWW-Authenticate or Proxy-Authenticate fields, each up to a syntax error."""
    challenges: list[Challenge] = []
    for value in values:
        position, is_first = 0, True
        while (element := _element(value, position)) is not None:
            position = element.end()
            if element["scheme"]:
                challenges.append(Challenge(element["scheme"].lower(), {}))
            elif is_first:
                break
            else:
                challenges[-1].parameters.setdefault(element["name"].lower(), _unquoted(element["value"]))
            is_first = False
    return challenges


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def _quoted(value: str) -> str:
    """Return text as a quoted string (RFC 9110 section 5.6.4)."""
    return '"' + value.replace("\\", r"\\").replace('"', r"\"") + '"'
