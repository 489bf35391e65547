"""``--verbose``: connections, requests and responses on standard error, without their secrets."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Any

from ..access import AccessPolicy
from ..hooks import RedirectEvent, RetryEvent
from .ending import tell

# Requests: only these show their value, since a list of secrets would never be complete.
_HARMLESS = re.compile(r"host|user-agent|accept.*|connection|range|if-.*|content-(type|length)|cache-control|te", re.I)
_SECRET = re.compile(r".*(auth|cookie|token|secret|key|password|signature|credential|session).*", re.I)
_URLS = frozenset({"location", "content-location", "link", "refresh"})
_URL = re.compile(r"https?://[^\s<>\",;]+", re.I)
_QUERY = re.compile(r"(=)[^&\s]*")


def hooks() -> dict[str, list[Callable[..., Any]]]:
    """Return the event hooks that write what happens."""
    return {"request": [_request], "response": [_response], "retry": [_retry], "redirect": [_redirect]}


def _request(request: Any) -> None:
    if "trace" not in request.extensions:
        request.extensions = {**request.extensions, "trace": _traced}
    path, mark, query = request.url.raw_path.decode("ascii").partition("?")
    shown = _QUERY.sub(r"\1***", query)
    tell(f"> {request.method} {path}{mark}{shown}")
    _fields(">", request.headers.raw, lambda name: not _HARMLESS.fullmatch(name))


def _response(response: Any) -> None:
    tell(f"< {response.http_version} {response.status_code} {response.reason_phrase}".rstrip())
    _fields("<", response.headers.raw, lambda name: bool(_SECRET.fullmatch(name)))


def _fields(mark: str, fields: Iterable[tuple[bytes, bytes]], is_secret: Callable[[str], bool]) -> None:
    for raw_name, value in fields:
        name = raw_name.decode("latin-1")
        tell(f"{mark} {name}: {'***' if is_secret(name) else _shown(name, value.decode('utf-8', 'replace'))}")
    tell(mark)


def _shown(name: str, value: str) -> str:
    """A value; the URLs in it without the values of their queries."""
    value = _URL.sub(lambda match: AccessPolicy.anywhere().check(match[0]).url, value)
    return _QUERY.sub(r"\1***", value) if name.lower() in _URLS and "?" in value else value


def _traced(event: str, info: dict[str, Any]) -> None:
    """An event of httpx's ``trace`` extension."""
    step, _, state = event.rpartition(".")
    words = {"connect_tcp": "connection", "start_tls": "TLS handshake"}.get(step.rpartition(".")[2])
    if words is not None:
        tell(f"* {words} {state}{_details(info)}")


def _details(info: dict[str, Any]) -> str:
    if "host" in info:
        return f": {info['host']}:{info['port']}"
    if "server_hostname" in info:
        return f": {info['server_hostname']}"
    return f": {info['exception']}" if "exception" in info else ""


def _retry(event: RetryEvent) -> None:
    tell(f"* attempt {event.attempt} failed, the next one starts in {event.wait:.1f} s: {event.error}")


def _redirect(event: RedirectEvent) -> None:
    tell(f"* redirected to {event.to}")
