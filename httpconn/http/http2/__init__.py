"""HTTP/2 for clients, without I/O (RFC 9113)."""

from __future__ import annotations

from .connection import HTTP2Connection
from .messages import Section
from .streams import Stream

__all__ = ["HTTP2Connection", "Section", "Stream"]
