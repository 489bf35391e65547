"""The result of a download."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A complete file at its path.

    Attributes:
        path: path of the file.
        size: size in bytes.
        url: URL that the bytes came from after redirects, redacted.
        content_type: Content-Type of the response, or None.
        validator: ETag of this version, or its Last-Modified. A later refresh accepts it.
        verified: checks that the file passed: "length", and the algorithm of a digest. Empty if only the end of the
            connection marked the end of the file.
        digest: the digest that was verified, as ``algorithm:hex``, or None.
        digest_source: source of the digest: "caller", or the response header field, such as "repr-digest".
        unchecked: digests in the response that could not be verified, as ``field: reason``.
        resumed: bytes that were kept from an earlier, interrupted download.
        unmodified: the existing file was current and stays unchanged.
        attempts: number of requests, without redirects.
        elapsed: duration in seconds.
        connections: highest number of simultaneous connections that received bytes.
        flushed: the content is on disk. False if the file system cannot flush files: a crash of the machine can then
            lose the file.
    """

    path: Path
    size: int
    url: str
    content_type: str | None = None
    validator: str | None = None
    verified: frozenset[str] = frozenset()
    digest: str | None = None
    digest_source: str | None = None
    unchecked: tuple[str, ...] = ()
    resumed: int = 0
    unmodified: bool = False
    attempts: int = 0
    elapsed: float = 0.0
    connections: int = 1
    flushed: bool = True
