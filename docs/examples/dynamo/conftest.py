"""The modules of Dynamo that the adapter imports, if Dynamo is not installed."""

from __future__ import annotations

import importlib.util
import sys
from dataclasses import dataclass
from types import ModuleType
from typing import Any


class HttpClient:
    def __init__(self, config: Any = None) -> None:
        self._config = config


class HttpStatusError(Exception):
    def __init__(self, status: int, message: str, url: str) -> None:
        super().__init__(f"HTTP {status} for {url}: {message}")
        self.status, self.message, self.url = status, message, url


@dataclass(frozen=True)
class UrlValidationPolicy:
    allow_http: bool = False
    allow_private_ips: bool = False


def module(name: str, **content: Any) -> ModuleType:
    made = sys.modules[name] = ModuleType(name)
    made.__dict__.update(content)
    return made


def error(name: str, base: type[Exception] = Exception) -> type[Exception]:
    return type(name, (base,), {})


if importlib.util.find_spec("dynamo") is None:
    http = module("dynamo.common.http", _default=None)
    module("dynamo", common=module("dynamo.common", http=http))
    errors = {name: error(name) for name in ("HttpConnectionError", "HttpTimeoutError")}
    module("dynamo.common.http.base", HttpClient=HttpClient, HttpStatusError=HttpStatusError, **errors)
    module(
        "dynamo.common.http.url_validator",
        UrlValidationPolicy=UrlValidationPolicy,
        UrlValidationError=error("UrlValidationError", ValueError),
    )
