"""What a download came to."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Downloaded:
    """A file that is complete, on disk and under its name.

    Attributes:
        path: the file.
        size: its bytes.
        url: where they came from in the end, redacted.
        content_type: what the server calls it, or None.
        validator: the ETag of this version, or its Last-Modified; give it to a later refresh.
        verified: what was found to be right: "length", and the algorithm of a digest. Empty where nothing but the
            end of a connection marked the end of the file.
        digest: the digest that was checked, as ``algorithm:hex``, or None.
        digest_source: who named it: "caller", or the header field in which the server did, such as "repr-digest".
        unchecked: digests that the server announced and nobody could check, as ``field: reason``.
        resumed: bytes that an earlier, broken download had left and this one did not fetch again.
        unmodified: a refresh found the file as it was; it has not been touched.
        attempts: requests that were made, apart from redirects.
        elapsed: seconds that it took.
        connections: most at once that brought parts of the file.
        flushed: whether the content is on the disk. False where the file system cannot flush files: then a crash of the
            machine may cost the file.
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
