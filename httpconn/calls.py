"""What the arguments of a method ask for: vetted here, before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from .core.intake import ByteBudget
from .core.requests import RequestSpec
from .errors import InvalidRequest
from .flows.exchange import Call, Rules
from .options import Timeouts

URL = str | httpx.URL
Headers = Mapping[str, str] | None
Timeout = Timeouts | float | None


@dataclass(frozen=True)
class Calls:
    """Makes the calls of one connection object, by its rules and defaults."""

    rules: Rules
    timeouts: Timeouts
    file_timeouts: Timeouts

    def fetch(
        self,
        url: URL,
        timeout: Timeout,
        extra_headers: Headers,
        allow_redirects: bool,
        max_bytes: int | None,
        budget: ByteBudget | None,
        *,
        floor: bool = True,
    ) -> Call:
        """For an answer that is held in memory, or streamed."""
        spec = self.rules.builder.spec(url, extra_headers)
        limit = self.rules.limits.max_bytes if max_bytes is None else max_bytes
        times = self.timeouts if timeout is None else timeout
        return self._call(spec, times, limit, budget, follow=allow_redirects, floor=floor)

    def file(
        self, url: URL, timeout: Timeout, extra_headers: Headers, max_bytes: int | None, budget: ByteBudget | None
    ) -> Call:
        """For a file, which is wanted as it is and has no limit but its call's own."""
        spec = self.rules.builder.unencoded(url, extra_headers)
        times = self.file_timeouts if timeout is None else timeout
        return self._call(spec, times, max_bytes, budget, follow=True, floor=True)

    def _call(
        self,
        spec: RequestSpec,
        timeout: Timeouts | float,
        max_bytes: int | None,
        budget: ByteBudget | None,
        *,
        follow: bool,
        floor: bool,
    ) -> Call:
        require(budget=(budget, ByteBudget | None), allow_redirects=(follow, bool))
        if max_bytes is not None and (isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 0):
            raise InvalidRequest("max_bytes must be a number of bytes, 0 or more")
        return Call(spec, self.rules, Timeouts.of(timeout), follow, max_bytes, budget, floor)


def require(**given: tuple[object, Any]) -> None:
    """Refuse an option of another type where it is given, rather than where it is first used."""
    for name, (value, kind) in given.items():
        if not isinstance(value, kind):
            raise InvalidRequest(f"{name} cannot be of the type {type(value).__name__}")
