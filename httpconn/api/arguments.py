"""The arguments of the methods of HTTPConnection, checked before a request is sent."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal, get_args

from ..core import headers, mediatypes
from ..core.auth import NONE, Auth, Credentials
from ..core.bodycounter import ByteBudget
from ..core.lazymodules import LazyModule
from ..core.rates import Bandwidth
from ..core.requestbuilder import RequestSpec
from ..core.urls import URL, vet
from ..downloads.options import DownloadOptions, OnExisting
from ..errors import InvalidRequest
from ..exchange.rules import Call, Rules
from ..hosts import Hosts
from ..options import MAX_COUNT, RetryPolicy, Timeouts, type_name, whole_number

if TYPE_CHECKING:
    from ..access import AccessPolicy
    from ..core import digests
    from ..core import segments as segmentation
    from ..core.items import Item
    from ..exchange import fetch
    from ..progress import ProgressCallback
else:
    digests, fetch = LazyModule("core.digests"), LazyModule("exchange.fetch")
    segmentation = LazyModule("core.segments")

Headers = Mapping[str, str] | None
Params = Mapping[str, Any] | Sequence[tuple[str, Any]] | None
Timeout = Timeouts | float | None
Retries = RetryPolicy | int | None
Filename = Literal["server"] | None
ExpectType = str | Iterable[str] | None

_EXISTING = get_args(OnExisting)
_MIRRORS = "mirrors= needs digest=, which proves that a mirror holds the same file"


@dataclass(slots=True, eq=False, repr=False)
class CallFactory:
    """A factory of the calls of one connection object, with its rules and defaults.

    Attributes:
        file_timeouts: default timeouts of downloads.
        file_bytes: default limit of a downloaded or remote file in bytes, or None.
    """

    rules: Rules
    timeouts: Timeouts
    hosts: Hosts
    file_timeouts: Timeouts
    file_bytes: int | None = None

    @classmethod
    def of(
        cls, rules: Rules, timeouts: Timeouts, hosts: Hosts, access: AccessPolicy, *, is_default: bool
    ) -> CallFactory:
        """Return a factory. By default, files may take any time and have any size, unless the URLs are untrusted."""
        file_timeouts = replace(timeouts, total=None) if is_default and not access.public else timeouts
        return cls(rules, timeouts, hosts, file_timeouts, rules.limits.max_bytes if access.public else None)

    def fetch(
        self,
        url: URL,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        allow_redirects: bool = True,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        retries: Retries = None,
        accept: ExpectType = None,
    ) -> Call:
        """Return the call for a response in memory or a streamed response."""
        own = NONE if auth is None else self._credentials(auth, url)
        spec = self.rules.builder.spec(url, extra_headers, own)
        limit = self.rules.limits.max_bytes if max_bytes is None else max_bytes
        timeouts = self.timeouts if timeout is None else timeout
        call = self._call(spec, timeouts, limit, budget, retries, allow_redirects)
        return call if accept is None else _accepting(call, accept, extra_headers)

    def sources(
        self, item: Item, timeout: Timeout, extra_headers: Headers, auth: Auth | None, *options: Any
    ) -> Sequence[Call]:
        """Return the calls for an item's URL and mirrors."""
        fields = merged(extra_headers, item.headers)
        first = self.fetch(item.url, timeout, fields, auth, *options)
        calls = [first]
        for url in item.mirrors:
            spec, given = self._mirror(first, url, fields, auth)
            call = replace(first, spec=spec)
            calls.append(_accepting(call, first.accept, given) if first.accept else call)
        return calls

    def _mirror(self, call: Call, url: URL, extra_headers: Headers, auth: Auth | None) -> tuple[RequestSpec, Headers]:
        """Return the request to a mirror, and the header fields of the call that the request contains.

        A mirror on another origin gets neither the header fields nor the credentials of the call.
        """
        safe = None
        if vet(url).origin != call.spec.url.origin:
            extra_headers, auth, safe = None, None, self.rules.redirects.safe_headers
        return self.rules.builder.spec(url, extra_headers, self._credentials(auth, url), safe=safe), extra_headers

    def _credentials(self, auth: Auth | None, url: URL) -> Credentials:
        return self.hosts.of_call(auth, vet(url).origin.host if auth == "netrc" else "")

    def checked(
        self,
        timeout: Timeout,
        extra_headers: Headers,
        auth: Auth | None,
        allow_redirects: bool,
        max_bytes: int | None,
        budget: ByteBudget | None,
        retries: Retries,
        accept: ExpectType = None,
    ) -> tuple[Any, ...]:
        """Check the options of many calls before the first call, and return them. No call has to convert them again."""
        headers.check(extra_headers)
        mediatypes.patterns(accept, "accept")
        self.hosts.of_call(auth, "")
        _check_bounds(max_bytes, budget, allow_redirects)
        timeout = None if timeout is None else Timeouts.of(timeout)
        retries = None if retries is None else RetryPolicy.of(retries)
        return timeout, extra_headers or None, auth, allow_redirects, max_bytes, budget, retries, accept

    def repeated(
        self, timeout: Timeout, extra_headers: Headers, auth: Auth | None, *others: Any
    ) -> Callable[[URL], Call]:
        """Return a function that makes the call for a URL, with the same options for each URL. See :meth:`checked`."""
        follow, max_bytes, budget, retries, accept = others
        if auth is not None or accept is not None:
            return lambda url: self.fetch(url, timeout, extra_headers, auth, *others)
        limit = self.rules.limits.max_bytes if max_bytes is None else max_bytes
        timeouts = self.timeouts if timeout is None else timeout
        checked = self._call(None, timeouts, limit, budget, retries, follow)
        common = checked.rules, checked.timeouts, follow, limit, budget
        return lambda url: Call(self.rules.builder.spec(url, extra_headers), *common)

    def part(
        self,
        url: URL,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        retries: Retries = None,
    ) -> Call:
        """Return the call for the parts or the metadata of a remote file. The request asks for no content coding."""
        builder = self.rules.builder
        spec = builder.unencoded(builder.spec(url, extra_headers, self._credentials(auth, url)))
        return self._call(spec, self.timeouts if timeout is None else timeout, self.file_bytes, None, retries)

    def download(
        self,
        url: URL,
        save_path: str | os.PathLike[str],
        digest: str | None = None,
        size: int | None = None,
        expect_type: ExpectType = None,
        mirrors: Sequence[URL] = (),
        resume: bool = True,
        refresh: bool = False,
        existing: OnExisting | None = None,
        validator: str | None = None,
        remote_time: bool | None = None,
        filename: Filename = None,
        segments: int | None = None,
        timeout: Timeout = None,
        extra_headers: Headers = None,
        auth: Auth | None = None,
        max_bytes: int | None = None,
        budget: ByteBudget | None = None,
        bandwidth: float | None = None,
        retries: Retries = None,
        progress: ProgressCallback | None = None,
        spare: segmentation.SpareConnections | None = None,
    ) -> tuple[Call, DownloadOptions]:
        """Return the call and the options of a download."""
        builder = self.rules.builder
        spec = builder.unencoded(builder.spec(url, extra_headers, self._credentials(auth, url)))
        limit = self.file_bytes if max_bytes is None else max_bytes
        call = self._call(spec, self.file_timeouts if timeout is None else timeout, limit, budget, retries)
        call = call if bandwidth is None else replace(call, bandwidth=bandwidth_of(bandwidth))
        require(resume=(resume, bool), validator=(validator, str | None), remote_time=(remote_time, bool | None))
        require(digest=(digest, str | None), mirrors=(mirrors, list | tuple))
        if progress is not None:
            require(progress=(progress, Callable))
        if segments is not None:
            whole_number("segments", segments, 1, segmentation.MAX_REQUESTED)
        if mirrors and digest is None:
            raise InvalidRequest(_MIRRORS)
        if filename not in (None, "server"):
            raise InvalidRequest('filename must be None or "server"; give any other name as part of the path')
        kept = _on_existing(existing, refresh, filename)
        if validator is not None and kept != "refresh":
            raise InvalidRequest('validator= needs existing="refresh"')
        options = DownloadOptions(
            save_path,
            progress,
            None if digest is None else digests.parse(digest),
            tuple([builder.unencoded(self._mirror(call, each, extra_headers, auth)[0]) for each in mirrors])
            if mirrors
            else (),
            resume,
            kept,
            validator,
            segments,
            kept == "refresh" if remote_time is None else remote_time,
            filename is not None,
            checked_size(size),
            mediatypes.patterns(expect_type),
            spare,
        )
        return call, options

    def _call(
        self,
        spec: Any,
        timeout: Timeouts | float,
        max_bytes: int | None,
        budget: ByteBudget | None,
        retries: Retries,
        follow: bool = True,
    ) -> Call:
        _check_bounds(max_bytes, budget, follow)
        rules = self.rules if retries is None else replace(self.rules, retries=RetryPolicy.of(retries))
        timeouts = timeout if isinstance(timeout, Timeouts) else Timeouts.of(timeout)
        return Call(spec, rules, timeouts, follow, max_bytes, budget)


def _accepting(call: Call, accept: ExpectType, extra_headers: Headers) -> Call:
    """Return a call that accepts some media types, named in its Accept field."""
    patterns = tuple(sorted(set(mediatypes.patterns(accept, "accept"))))
    spec, given = call.spec, {name.lower() for name in extra_headers or ()}
    if patterns and "accept" not in given:
        spec = spec.with_fields(((b"Accept", ", ".join(patterns).encode("ascii")),))
    return replace(call, spec=spec, accept=patterns)


def content_check(item: Item) -> fetch.ContentCheck | None:
    """Return the check of an item's content in memory, or None for an item without a digest and a size."""
    require(digest=(item.digest, str | None), mirrors=(item.mirrors, list | tuple))
    if item.mirrors and item.digest is None:
        raise InvalidRequest(_MIRRORS)
    if item.digest is None and item.size is None:
        return None
    return fetch.ContentCheck(None if item.digest is None else digests.parse(item.digest), checked_size(item.size))


def checked_size(size: int | None) -> int | None:
    """Check an expected size in bytes, and return it."""
    return None if size is None else whole_number("size", size, 0)


def merged(extra_headers: Headers, own: Headers) -> Headers:
    """Merge the header fields of a call and of an item. The item's fields take precedence."""
    if own is None or extra_headers is None:
        return extra_headers if own is None else own
    replaced = {name.lower() for name, _ in headers.check(own)}
    kept = {name: value for name, value in extra_headers.items() if name.lower().encode() not in replaced}
    return {**kept, **own}


def _on_existing(existing: OnExisting | None, refresh: bool, filename: Filename) -> OnExisting:
    """Return how to handle an existing file. A name from the server must not replace a file."""
    require(refresh=(refresh, bool))
    if existing is None:
        existing = "refresh" if refresh else "error" if filename else "replace"
    if existing not in _EXISTING or (refresh and existing != "refresh"):
        raise InvalidRequest('existing must be "replace", "skip", "refresh" (the same as refresh=True) or "error"')
    if filename is not None and existing not in ("skip", "error"):
        raise InvalidRequest('filename="server" needs existing="skip" or "error": the server must not replace files')
    return existing


def _check_bounds(max_bytes: int | None, budget: ByteBudget | None, follow: bool) -> None:
    if budget is not None or not isinstance(follow, bool):
        require(budget=(budget, ByteBudget | None), allow_redirects=(follow, bool))
    if max_bytes is not None:
        whole_number("max_bytes", max_bytes, 0)


def bandwidth_of(rate: float | None) -> Bandwidth | None:
    """Return the limit for a rate in bytes per second, or None."""
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not 0 < rate <= MAX_COUNT:
        raise InvalidRequest("bandwidth must be a number of bytes per second greater than 0, or None")
    return Bandwidth(rate)


def require(**given: tuple[object, Any]) -> None:
    """Check options, each given with its expected type. Their first use would be too late for a clear error."""
    for name, (value, kind) in given.items():
        if not isinstance(value, kind):
            raise InvalidRequest(f"{name} does not accept a value of type {type_name(value)}")
