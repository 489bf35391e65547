"""Transports for any httpx client: ``httpx.Client(transport=HTTPTransport())``."""

from ..adapters.httpx import AsyncHTTPTransport, HTTPTransport
from ..adapters.throughhttpx import through_httpx
from ..network.security import Security

__all__ = ["AsyncHTTPTransport", "HTTPTransport", "Security", "through_httpx"]
