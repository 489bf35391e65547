"""Words for people."""

from __future__ import annotations


def megabytes(count: float) -> str:
    """A number of bytes for people."""
    if count < 1000:
        return f"{count:.0f} bytes"
    return f"{count / 1e6:.1f} MB" if count >= 1e5 else f"{count / 1e3:.1f} kB"


def shown(text: str) -> str:
    """Text on one line, in which nothing moves a terminal's cursor or forges a line: what does is escaped."""
    return "".join(char if char.isprintable() else ascii(char)[1:-1] for char in text)
