"""The requests for several ranges of one file."""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

from ..errors import InvalidRequest
from .segments import merged

GAP = 512  # ranges with at most this many bytes between them share a request, whose header fields are about as long
LARGEST = 4 * 1024 * 1024  # bytes of one request; a larger range is requested in several parts at the same time

Span = tuple[int, int]
Bounds = tuple[int | None, int | None]  # the start and the end of a slice


def checked(ranges: Iterable[Bounds]) -> list[slice]:
    """Return ranges as slices."""
    try:
        slices = [slice(start, end) for start, end in ranges]
        for each in slices:
            each.indices(0)
    except (TypeError, ValueError):
        raise InvalidRequest("Each range must be a pair (start, end) of whole numbers or None") from None
    return slices


def spans(slices: Iterable[slice], total: int) -> list[Span]:
    """Return the offsets of slices in a file of ``total`` bytes, each as (start, end)."""
    offsets = (each.indices(total) for each in slices)
    return [(start, max(start, end)) for start, end, _ in offsets]


def requests(wanted: Iterable[Span]) -> list[Span]:
    """Return the ranges to request, sorted: neighbours merged, and large ranges divided."""
    return [
        (first, min(first + LARGEST, end)) for start, end in merged(wanted, GAP) for first in range(start, end, LARGEST)
    ]


def opening(slices: Iterable[slice]) -> Span:
    """Return the first range to request if the size of the file is not known."""
    known = [(each.start or 0, each.stop) for each in slices if (each.start or 0) >= 0 and each.stop is not None]
    return next(iter(requests(span for span in known if span[0] < span[1])), (0, 1))


def cut_out(span: Span, received: Mapping[int, bytes], starts: Sequence[int]) -> bytes:
    """Return the bytes of a span. ``received`` maps starts to bytes; ``starts`` are the sorted starts."""
    (at, end), parts = span, []
    while at < end:
        start = starts[bisect_right(starts, at) - 1]
        parts.append(received[start][at - start : end - start])
        at += len(parts[-1])
    return parts[0] if len(parts) == 1 else b"".join(parts)
