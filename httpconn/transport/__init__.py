"""Transports for any httpx client: ``httpx.Client(transport=HTTPTransport())``."""

from __future__ import annotations

from .pools import AsyncHTTPTransport, HTTPTransport

__all__ = ["AsyncHTTPTransport", "HTTPTransport"]
