"""HTTP/2 for clients, without I/O (RFC 9113)."""

from .connection import HTTP2Connection
from .streams import Stream

__all__ = ["HTTP2Connection", "Stream"]
