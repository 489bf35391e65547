"""Results of many URLs as lines of JSON, for other programs."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Iterator

from .errors import HTTPConnError, StatusError
from .fetched import Fetched


def urls_of(lines: Iterable[str]) -> Iterator[str]:
    """One URL a line; empty lines count for nothing."""
    return (line.strip() for line in lines if line.strip())


def line_of(fetched: Fetched) -> str:
    """What a URL came to, as one JSON object."""
    content = fetched.content
    found = _error(fetched.error) if content is None else _content(content)
    return json.dumps({"url": str(fetched.url), **found})


def _content(content: bytes) -> dict[str, object]:
    """As text where it is UTF-8."""
    size = {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    try:
        return {**size, "text": content.decode("utf-8")}
    except UnicodeDecodeError:
        return {**size, "base64": base64.b64encode(content).decode("ascii")}


def _error(error: HTTPConnError | None) -> dict[str, object]:
    told: dict[str, object] = {"error": type(error).__name__, "message": " ".join(str(error).split())}
    return {**told, "status": error.status_code} if isinstance(error, StatusError) else told
