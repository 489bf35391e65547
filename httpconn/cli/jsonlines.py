"""Lists of URLs as input, and results of many URLs as lines of JSON."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
from collections.abc import Iterator
from typing import TextIO

import httpconn

from ..errors import HTTPConnError, InvalidRequest, StatusError

_COMMENT = re.compile(r"(?:^|\s)#.*", re.DOTALL)


def urls_of(file: TextIO) -> Iterator[str]:
    """Return the URLs of a list with one URL per line, without comments and empty lines."""
    return (line for line in map(without_comment, lines_of(file)) if line)


def lines_of(file: TextIO) -> Iterator[str]:
    """Return the lines of a list. Raises InvalidRequest: the list cannot be read."""
    try:
        yield from file
    except OSError as error:
        raise InvalidRequest(f"Cannot read {name_of(file)}: {error.strerror}") from error


def name_of(file: TextIO) -> str:
    return "standard input" if file.name == "<stdin>" else file.name


def without_comment(line: str) -> str:
    """Return a line without its comment, which begins with a ``#`` at the start of the line or after a space.

    The fragment of a URL is not a comment, because no space precedes it.
    """
    return _COMMENT.sub("", line).strip()


def line_of(fetched: httpconn.Fetched) -> bytes:
    """Return the line for a result. The line has content in UTF-8 as text, and other content as Base64."""
    url, content = {"url": str(fetched.url)}, fetched.content
    if content is None:
        return f"{json.dumps({**url, **_error(fetched.error)})}\n".encode("ascii")
    digest = hashlib.sha256(content).hexdigest()
    values = json.dumps({**url, "size": len(content), "sha256": digest})[:-1].encode("ascii")
    try:
        return b'%b, "text": %b}\n' % (values, json.dumps(content.decode("utf-8")).encode("ascii"))
    except UnicodeDecodeError:
        return b'%b, "base64": "%b"}\n' % (values, base64.b64encode(content))


def saved_line(saved: httpconn.Saved) -> str:
    values = _error(saved.error) if saved.downloaded is None else _file(saved.downloaded)
    return json.dumps({"url": str(saved.url), "path": os.fspath(saved.path), **values})


def _file(downloaded: httpconn.Downloaded) -> dict[str, object]:
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


def _error(error: HTTPConnError | None) -> dict[str, object]:
    values: dict[str, object] = {"error": type(error).__name__, "message": " ".join(str(error).split())}
    return {**values, "status": error.status_code} if isinstance(error, StatusError) else values
