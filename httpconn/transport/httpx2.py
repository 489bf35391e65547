"""Transports for any httpx2 client: ``httpx2.Client(transport=HTTPTransport())``."""

from ..adapters.httpx2 import AsyncHTTPTransport, HTTPTransport
from ..network.security import Security

__all__ = ["AsyncHTTPTransport", "HTTPTransport", "Security"]
