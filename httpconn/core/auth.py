"""Credentials for servers: tokens, user names and passwords, and authentication flows of httpx."""

from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple, Protocol

from ..errors import InvalidRequest
from .headers import Fields, merge
from .regexes import regex

_TOKEN = regex(r"[!-~]+")
_CONTROL = regex(r"[\x00-\x1f\x7f]")
_SURROGATE = regex("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class Bearer:
    """A bearer token (RFC 6750), such as an API key.

    Args:
        token: printable ASCII characters without a space. ``repr`` does not show the token.

    Raises:
        InvalidRequest: the token contains another character, such as a line break. The message does not quote it.
    """

    token: str = field(repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.token, str) or not _TOKEN.fullmatch(self.token):
            raise InvalidRequest(
                "Bearer: the token must be printable ASCII without spaces and line breaks; strip a token from a file"
            )


class AuthFlow(Protocol):
    """The interface of ``httpx.Auth``."""

    requires_response_body: bool

    def sync_auth_flow(self, request: Any) -> Any:
        """Yield requests, and receive the response to each."""

    def async_auth_flow(self, request: Any) -> Any:
        """Do the same as ``sync_auth_flow``, for asynchronous code."""


Auth = tuple[str, str] | Bearer | AuthFlow | Literal["netrc"]


class Credentials(NamedTuple):
    """Header fields, and an authentication flow that may add fields."""

    fields: Fields = ()
    flow: AuthFlow | None = None


NONE = Credentials()


def credentials_of(auth: Auth | None) -> Credentials:
    """Return the credentials for a value of ``auth=``, other than "netrc". An error does not quote the value."""
    if auth is None:
        return NONE
    if isinstance(auth, Bearer):
        return _authorization(f"Bearer {auth.token}")
    if isinstance(auth, (tuple, list)):
        return _authorization(basic(*checked_pair(auth, "auth"), "auth"))
    is_flow = callable(getattr(auth, "sync_auth_flow", None)) and hasattr(auth, "requires_response_body")
    if isinstance(auth, str | type) or not is_flow:
        raise InvalidRequest(
            'auth must be (user, password), Bearer(token), an httpx.Auth such as DigestAuth, or "netrc"'
        )
    return Credentials(flow=auth)


def checked_pair(auth: Sequence[Any], option: str) -> tuple[str, str]:
    """Return a user name and a password if they are text that UTF-8 can encode."""
    if len(auth) != 2 or not all(isinstance(each, str) for each in auth):
        raise InvalidRequest(f"{option}: the user name and the password must be two str")
    if _SURROGATE.search("".join(auth)):
        raise InvalidRequest(f"{option}: the user name or password has a character that UTF-8 cannot encode")
    return auth[0], auth[1]


def basic(user: str, password: str, option: str) -> str:
    """Return Basic credentials in UTF-8 (RFC 7617)."""
    if ":" in user or _CONTROL.search(user + password):
        raise InvalidRequest(f"{option}: the user name has a colon, or the user name or password a control character")
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode("ascii")


def _authorization(value: str) -> Credentials:
    return Credentials(((b"Authorization", value.encode("ascii")),))


def combine(*layers: Credentials) -> Credentials:
    """Merge credentials. Later ones replace fields of the same name, and any earlier authentication flow."""
    fields, flow = NONE
    for layer in layers:
        if layer.flow is not None or any(name.lower() == b"authorization" for name, _ in layer.fields):
            flow = layer.flow
            fields = tuple(each for each in fields if each[0].lower() != b"authorization")
        fields = merge(fields, layer.fields)
    return Credentials(fields, flow)
