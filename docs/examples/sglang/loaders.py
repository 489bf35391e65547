"""SGLang's loaders of images, sounds and videos over httpconn."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from typing import Any

from sglang.srt.utils import common

import httpconn

SECONDS = {"load_image": 3, "get_image_bytes": 3, "load_audio": 5, "load_video": 10}
"""The loaders, and the seconds of an attempt unless REQUEST_TIMEOUT is set, as in SGLang."""

connection = httpconn.HTTPConnection(
    access=httpconn.AccessPolicy.public_internet(),
    limits=httpconn.Limits(max_bytes=256 * 1024 * 1024),
    retries=httpconn.RetryPolicy(timeout_growth=4),
)


def over_httpconn(
    load: Callable[..., Any], seconds: int, fetching: httpconn.HTTPConnection = connection
) -> Callable[..., Any]:
    """Return a loader that fetches URLs by httpconn, and passes the bytes and all other sources to SGLang's loader."""

    @functools.wraps(load)
    def loaded(source: Any, *args: Any, **options: Any) -> Any:
        url = getattr(source, "url", source)  # an ImageData holds its URL
        if isinstance(url, str) and url.lower().startswith(("http://", "https://")):
            attempt = int(os.environ.get("REQUEST_TIMEOUT", seconds))
            source = fetching.get_bytes(url, timeout=httpconn.Timeouts(attempt=attempt, total=300))
        return load(source, *args, **options)

    return loaded


def install(fetching: httpconn.HTTPConnection = connection) -> None:
    """Replace the loaders. Call this before other modules of SGLang import them by name."""
    for name, seconds in SECONDS.items():
        setattr(common, name, over_httpconn(getattr(common, name), seconds, fetching))
