"""The body for each number, which server and client compute."""

from __future__ import annotations

LARGEST = 8192


def body_of(number: int) -> bytes:
    """Return the repeated number, with a length that depends on it; never empty."""
    word = b"%d." % number
    size = number * 2654435761 % LARGEST + 1
    return (word * (size // len(word) + 1))[:size]
