"""Files with the format of a content coding, such as ``data.csv.gz``."""

from collections.abc import Iterable

from .decoding import codings_of

_GZIP = (".gz", ".tgz", ".svgz")
_COMPRESS = (".z", ".taz")
_SUFFIXES = {
    "gzip": _GZIP,
    "x-gzip": _GZIP,
    "compress": _COMPRESS,
    "x-compress": _COMPRESS,
    "br": (".br",),
    "zstd": (".zst", ".zstd", ".tzst"),
}


def is_own_format(content_encoding: str | None, names: Iterable[str]) -> bool:
    """Return whether the coding of a body is the format of the file that has one of the names."""
    # Some servers add "Content-Encoding: gzip" to a file that is stored as ``.gz``, whatever the request accepts. The
    # published size and digest describe the bytes as sent. Formats such as ``.bz2`` and ``.xz`` are not content
    # codings.
    codings = codings_of(content_encoding)
    suffixes = _SUFFIXES.get(codings[0], ()) if len(codings) == 1 else ()
    return any(name.lower().endswith(suffixes) for name in names)
