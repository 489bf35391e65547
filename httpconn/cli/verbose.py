"""``--verbose``: connections, requests and responses on standard error, without secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

import httpconn

from ..access import AccessPolicy
from .ending import print_message

# Request header fields whose values are printed. A list of the secret ones would never be complete.
_HARMLESS = re.compile(r"host|user-agent|accept.*|connection|range|if-.*|content-(type|length)|cache-control|te", re.I)
_SECRET = re.compile(r".*(auth|cookie|token|secret|key|password|signature|credential|session).*", re.I)
_URLS = frozenset({"location", "content-location", "link", "refresh"})
_URL = re.compile(r"https?://[^\s<>\",;]+", re.I)
_QUERY = re.compile(r"(=)[^&\s]*")


def _request(request: Any) -> None:
    if "trace" not in request.extensions:
        request.extensions = {**request.extensions, "trace": _trace}
    path, mark, query = request.url.raw_path.decode("ascii").partition("?")
    redacted = _QUERY.sub(r"\1***", query)
    print_message(f"> {request.method} {path}{mark}{redacted}")
    _print_fields(">", request.headers.raw, lambda name: not _HARMLESS.fullmatch(name))


def _response(response: Any) -> None:
    print_message(f"< {response.http_version} {response.status_code} {response.reason_phrase}".rstrip())
    _print_fields("<", response.headers.raw, lambda name: bool(_SECRET.fullmatch(name)))


def _print_fields(mark: str, fields: Iterable[tuple[bytes, bytes]], is_secret: Callable[[str], bool]) -> None:
    for raw_name, raw_value in fields:
        name = raw_name.decode("latin-1")
        value = "***" if is_secret(name) else _redacted(name, raw_value.decode("utf-8", "replace"))
        print_message(f"{mark} {name}: {value}")
    print_message(mark)


def _redacted(name: str, value: str) -> str:
    """Return the value of a header field, with redacted URLs."""
    value = _URL.sub(lambda match: AccessPolicy.anywhere().check(match[0]).url, value)
    return _QUERY.sub(r"\1***", value) if name.lower() in _URLS and "?" in value else value


def _trace(event: str, info: dict[str, Any]) -> None:
    """Print an event of httpx's ``trace`` extension."""
    step, _, state = event.rpartition(".")
    subject = {"connect_tcp": "connection", "start_tls": "TLS handshake"}.get(step.rpartition(".")[2])
    if subject is not None:
        print_message(f"* {subject} {state}{_details(info)}")


def _details(info: dict[str, Any]) -> str:
    if "host" in info:
        return f": {info['host']}:{info['port']}"
    if "server_hostname" in info:
        return f": {info['server_hostname']}"
    return f": {info['exception']}" if "exception" in info else ""


def _retry(event: httpconn.RetryEvent) -> None:
    print_message(f"* attempt {event.attempt} failed, the next one starts in {event.wait:.1f} s: {event.error}")


def _redirect(event: httpconn.RedirectEvent) -> None:
    print_message(f"* redirected to {event.to}")


HOOKS: dict[str, list[Callable[..., Any]]] = {
    "request": [_request],
    "response": [_response],
    "retry": [_retry],
    "redirect": [_redirect],
}
"""Event hooks that print each event."""
