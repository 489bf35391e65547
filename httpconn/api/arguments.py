"""What the arguments of a method ask for: vetted here, before anything is sent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, get_args

from ..core import digests, headers
from ..core.bandwidth import Bandwidth
from ..core.bodycounter import ByteBudget
from ..core.requestbuilder import RequestSpec
from ..core.segments import MAX_REQUESTED
from ..core.urls import URL
from ..downloads.downloadstate import OnExisting, Wanted
from ..errors import InvalidRequest
from ..exchange.requeststate import Call, Rules
from ..options import MAX_COUNT, RetryPolicy, Timeouts
from ..progress import ProgressCallback

Headers = Mapping[str, str] | None
Timeout = Timeouts | float | None
Retries = RetryPolicy | int | None
Filename = Literal["server"] | None


@dataclass(frozen=True)
class Calls:
    """Makes the calls of one connection object, by its rules and defaults."""

    rules: Rules
    timeouts: Timeouts
    file_timeouts: Timeouts
    file_bytes: int | None = None

    def fetch(
        self,
        url: URL,
        timeout: Timeout,
        extra_headers: Headers,
        allow_redirects: bool,
        max_bytes: int | None,
        budget: ByteBudget | None,
        retries: Retries = None,
        *,
        min_speed: bool = True,
    ) -> Call:
        """For an answer that is held in memory, or streamed."""
        spec = self.rules.builder.spec(url, extra_headers)
        limit = self.rules.limits.max_bytes if max_bytes is None else max_bytes
        times = self.timeouts if timeout is None else timeout
        return self._call(spec, times, limit, budget, retries, follow=allow_redirects, min_speed=min_speed)

    def file(
        self,
        url: URL,
        timeout: Timeout,
        extra_headers: Headers,
        max_bytes: int | None,
        budget: ByteBudget | None,
        retries: Retries = None,
        bandwidth: float | None = None,
    ) -> Call:
        """For a file, which is wanted as it is; it has a limit of its own."""
        spec = self.rules.builder.unencoded(url, extra_headers)
        times = self.file_timeouts if timeout is None else timeout
        limit = self.file_bytes if max_bytes is None else max_bytes
        call = self._call(spec, times, limit, budget, retries, follow=True, min_speed=True)
        return call._replace(bandwidth=bandwidth_of(bandwidth))

    def check(
        self,
        timeout: Timeout,
        extra_headers: Headers,
        allow_redirects: bool,
        max_bytes: int | None,
        budget: ByteBudget | None,
        retries: Retries,
    ) -> None:
        """Refuse options that many calls are to have before the first one."""
        headers.check(extra_headers)
        _check_bounds(max_bytes, budget, allow_redirects)
        if timeout is not None:
            Timeouts.of(timeout)
        if retries is not None:
            RetryPolicy.of(retries)

    def part(self, url: URL, timeout: Timeout, extra_headers: Headers) -> Call:
        """For parts of a file, each of them an answer that is held in memory."""
        spec = self.rules.builder.unencoded(url, extra_headers)
        times = self.timeouts if timeout is None else timeout
        return self._call(spec, times, self.file_bytes, None, None, follow=True, min_speed=True)

    def wanted(
        self,
        call: Call,
        save_path: str | os.PathLike[str],
        digest: str | None,
        mirrors: Sequence[URL],
        extra_headers: Headers,
        resume: bool,
        refresh: bool,
        existing: OnExisting | None,
        validator: str | None,
        remote_time: bool | None,
        filename: Filename,
        segments: int | None,
        progress: ProgressCallback | None,
    ) -> Wanted:
        """What the file of a call is to come to."""
        require(resume=(resume, bool), validator=(validator, str | None), remote_time=(remote_time, bool | None))
        require(digest=(digest, str | None), mirrors=(mirrors, list | tuple))
        if segments is not None and (type(segments) is not int or not 1 <= segments <= MAX_REQUESTED):
            raise InvalidRequest(f"segments must be a whole number from 1 to {MAX_REQUESTED}, or None")
        if mirrors and digest is None:
            raise InvalidRequest("Mirrors need a digest, which says that they hold the same file")
        if filename not in (None, "server"):
            raise InvalidRequest('filename is None or "server"; another name is part of the path')
        kept = _on_existing(existing, refresh, filename)
        if validator is not None and kept != "refresh":
            raise InvalidRequest('A validator needs existing="refresh"')
        return Wanted(
            save_path,
            progress,
            None if digest is None else digests.parse(digest),
            tuple(self._mirror(call, url, extra_headers) for url in mirrors),
            resume,
            kept,
            validator,
            segments,
            kept == "refresh" if remote_time is None else remote_time,
            filename is not None,
        )

    def _mirror(self, call: Call, url: URL, extra_headers: Headers) -> RequestSpec:
        """As for a redirect: the headers of a call stay on the origin of its URL."""
        mirror = self.rules.builder.unencoded(url, None)
        if mirror.url.origin != call.spec.url.origin:
            return mirror
        return self.rules.builder.unencoded(url, extra_headers)

    def _call(
        self,
        spec: RequestSpec,
        timeout: Timeouts | float,
        max_bytes: int | None,
        budget: ByteBudget | None,
        retries: Retries,
        *,
        follow: bool,
        min_speed: bool,
    ) -> Call:
        _check_bounds(max_bytes, budget, follow)
        rules = self.rules if retries is None else replace(self.rules, retries=RetryPolicy.of(retries))
        timeouts = timeout if isinstance(timeout, Timeouts) else Timeouts.of(timeout)
        return Call(spec, rules, timeouts, follow, max_bytes, budget, min_speed)


def _on_existing(existing: OnExisting | None, refresh: bool, filename: Filename) -> OnExisting:
    """Return what happens to a file that is there; the server must not choose which file is replaced."""
    require(refresh=(refresh, bool))
    if existing is None:
        existing = "refresh" if refresh else "error" if filename else "replace"
    if existing not in get_args(OnExisting) or (refresh and existing != "refresh"):
        raise InvalidRequest('existing must be "replace", "skip", "refresh" (the same as refresh=True) or "error"')
    if filename is not None and existing not in ("skip", "error"):
        raise InvalidRequest('filename="server" needs existing="skip" or "error": the server must not replace files')
    return existing


def _check_bounds(max_bytes: int | None, budget: ByteBudget | None, follow: bool) -> None:
    if budget is not None or not isinstance(follow, bool):
        require(budget=(budget, ByteBudget | None), allow_redirects=(follow, bool))
    if max_bytes is not None and (isinstance(max_bytes, bool) or not isinstance(max_bytes, int) or max_bytes < 0):
        raise InvalidRequest("max_bytes must be a number of bytes, 0 or more")


def bandwidth_of(rate: float | None) -> Bandwidth | None:
    """A bound for bodies, in bytes per second."""
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= MAX_COUNT:
        raise InvalidRequest("bandwidth must be a number of bytes per second, more than 0, or None")
    return Bandwidth(rate)


def require(**given: tuple[object, Any]) -> None:
    """Refuse an option of another type where it is given, rather than where it is first used."""
    for name, (value, kind) in given.items():
        if not isinstance(value, kind):
            raise InvalidRequest(f"{name} cannot be of the type {type(value).__name__}")
