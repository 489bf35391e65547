"""Results of many URLs as lines of JSON, for other programs."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator

from ..api.outcomes import Fetched, Saved
from ..downloads.downloaded import Downloaded
from ..errors import HTTPConnError, StatusError

_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)


def urls_of(lines: Iterable[str]) -> Iterator[str]:
    """The URLs of a list, one a line, without comments and empty lines."""
    return (line for line in map(without_comment, lines) if line)


def without_comment(line: str) -> str:
    """Return a line of a list without its comment: what follows a ``#`` that is the first character or after a space.

    A fragment of a URL stays, since nothing is between it and the URL.
    """
    return _COMMENT.sub("", line).strip()


def line_of(fetched: Fetched) -> str:
    """What a URL came to, as one JSON object."""
    content = fetched.content
    found = _error(fetched.error) if content is None else _content(content)
    return json.dumps({"url": str(fetched.url), **found})


def saved_line(saved: Saved) -> str:
    """What a download came to, as one JSON object."""
    found = _error(saved.error) if saved.downloaded is None else _file(saved.downloaded)
    return json.dumps({"url": str(saved.url), "path": os.fspath(saved.path), **found})


def _file(downloaded: Downloaded) -> dict[str, object]:
    return {
        "size": downloaded.size,
        "verified": sorted(downloaded.verified),
        "digest": downloaded.digest,
        "digest_source": downloaded.digest_source,
        "unchecked": list(downloaded.unchecked),
        "unmodified": downloaded.unmodified,
        "resumed": downloaded.resumed,
        "attempts": downloaded.attempts,
        "seconds": round(downloaded.elapsed, 3),
    }


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
