"""Loaded as a plugin of pytest (``-p tests.with_httpx2``): the tests then run on httpx2 in the place of httpx."""

from __future__ import annotations

import httpx2

httpx2.alias_httpx()
