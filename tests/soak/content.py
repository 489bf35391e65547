"""What the server sends for each number, and the client expects: known to both, held by neither."""

from __future__ import annotations

LARGEST = 8192


def body_of(number: int) -> bytes:
    """The number, over and over, up to a length of its own; never empty."""
    word = b"%d." % number
    size = number * 2654435761 % LARGEST + 1
    return (word * (size // len(word) + 1))[:size]
