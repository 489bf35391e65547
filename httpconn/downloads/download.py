"""The download of a file: a partial file beside the target, which is renamed to the target when it is complete.

Each attempt requests the missing bytes. :func:`httpconn.core.ranges.decide` decides whether the response continues the
bytes on disk.
"""

import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..core import ranges
from ..core.dates import timestamp
from ..core.filenames import safe_name
from ..core.headers import Fields
from ..core.identity import resource_key
from ..core.paths import checked_file_path
from ..core.requestbuilder import RequestSpec
from ..core.urls import VettedURL
from ..disk.partfile import PartFile
from ..disk.targets import check_folder
from ..errors import (
    FileChanged,
    HTTPConnError,
    InvalidRequest,
    LimitExceeded,
    ProtocolError,
    RangesRefused,
    StatusError,
    UnexpectedContent,
)
from ..exchange.attempts import run_attempts
from ..exchange.requeststate import OpenResponse, RequestState
from ..exchange.responseheads import keep_own_format, range_head
from ..exchange.rules import Call
from ..runtime.port import Port
from .downloaded import Downloaded
from .existing import ExistingFile, accept_existing, look_at, passed, require_free, verification_meter, with_version
from .expectations import hub_file_of, require_size, require_type
from .locking import lock_target
from .options import FINAL, DownloadOptions, DownloadState
from .partial import PartialDownload
from .saving import BodyWriter, unexpected

logger: logging.Logger = logging.getLogger("httpconn.download")

EXPIRED = frozenset({401, 403})  # statuses of a signed URL that has expired

_OWN_FIELDS = frozenset({b"range", b"if-range"})


async def fetch_file(port: Port, call: Call, options: DownloadOptions) -> Downloaded:
    """Download a file. The existing target stays unchanged until the new file is complete and on disk."""
    if not _OWN_FIELDS.isdisjoint([name.lower() for name, _ in call.spec.fields]):
        raise InvalidRequest("A download sets Range and If-Range itself; remove them from the headers")
    try:
        downloaded = await _fetch(port, call, options)
    except HTTPConnError as error:
        error.url = error.url or call.spec.url.redacted
        raise
    for hook in call.rules.hooks.download:
        await port.notify(hook, downloaded)
    return downloaded


async def _fetch(port: Port, call: Call, options: DownloadOptions) -> Downloaded:
    request = RequestState.of(call, port.now())
    target = await _target_path(port, options, call.spec.url)
    accepted = await accept_existing(port, request, options, target)
    if accepted is not None:
        return accepted
    part = PartFile(target, resume=options.resume)
    partial = PartialDownload(part, call.spec.url, options.digest, options.resume, options.size)
    try:
        sidecar, existing = await lock_target(port, request.deadline, part, partial.key)
        if sidecar is not None:
            await port.blocking(partial.resume, sidecar)
        accepted = None if existing is None else await accept_existing(port, request, options, target)
        if accepted is not None:
            await port.blocking(partial.discard)
            return accepted
        if existing is None and options.digest is None and options.existing == "refresh":
            existing = await port.blocking(with_version, target, call.spec.url, options.validator)
        if existing is not None and (options.digest is not None or options.size not in (None, existing.size)):
            existing = None  # the existing file has another digest or size
        name = target.name if options.existing == "error" and not options.server_names else None
        state = DownloadState(port, request, options, target, partial, call.spec, name)
        return await _Download(state, existing).run()
    except BaseException as error:
        # An earlier call had another limit, or none. A later call can have it again and needs the bytes.
        is_useless = isinstance(error, LimitExceeded) and not partial.resumed
        await port.clean_up(partial.drop if is_useless else partial.close)
        raise


async def _target_path(port: Port, options: DownloadOptions, url: VettedURL) -> Path:
    """Return the target. Until the server has named the file, its name is the key of the resource."""
    if not options.server_names:
        return checked_file_path(options.save_path)
    return await port.blocking(check_folder, options.save_path) / resource_key(url)


class _Download:
    """The requests of one download, and the steps that their responses lead to."""

    def __init__(self, state: DownloadState, existing: ExistingFile | None) -> None:
        self._state = state
        self._port = state.port
        self._request = state.request
        self._partial = state.partial
        self._writer = BodyWriter(state)
        if existing is not None and existing.validator is None and state.options.existing != "refresh":
            existing = None  # its modification time comes from this machine's clock, not from the server's
        self._existing = existing
        self._conditions = () if existing is None else existing.conditions
        self._held: ranges.ReceivedBytes
        self._facts: ranges.RangeResponse
        self._range_fields: Fields = ()
        self._whole_only = False
        self._uses_if_range = True
        self._has_renewed_url = False
        self._has_restarted = False
        self._has_counted_again = False

    async def run(self) -> Downloaded:
        """Request the file from the URL, and then from each mirror, until one delivers it."""
        try:
            return await self._run(self._state.spec, *self._state.options.mirrors)
        except HTTPConnError:
            self._writer.fail()
            raise

    async def _run(self, *specs: RequestSpec) -> Downloaded:
        *others, last = specs
        if self._partial.resumed:
            await self._hash_all()
            if (finished := await self._commit_proven()) is not None:
                return finished
        for spec in others:
            try:
                return await self._fetch(spec)
            except HTTPConnError as error:
                if isinstance(error, FINAL):
                    raise
                logger.info("The download continues from the next mirror: %s", error)
            self._partial.change_server()
            self._request.failures = 0
        return await self._fetch(last)

    async def _fetch(self, spec: RequestSpec) -> Downloaded:
        self._state.spec = spec
        while True:
            self._prepare_request()
            downloaded = await run_attempts(self._port, self._request, self._handle)
            if downloaded is not None:
                return downloaded
            self._request.failures -= 1  # a response that leads to another request is not a failure

    def _prepare_request(self) -> None:
        """Set the range or the conditions of the next attempt."""
        self._held = held = self._partial.held
        self._range_fields = () if self._whole_only else ranges.fields(held, if_range=self._uses_if_range)
        fields = self._conditions if self._conditions and not held.received else self._range_fields
        spec = self._state.spec.with_fields(fields) if fields else self._state.spec
        if spec is not self._request.call.spec:
            self._request.call = replace(self._request.call, spec=spec)

    async def _handle(self, response: OpenResponse) -> Downloaded | None:
        """Return the result of the download, or None if another request is necessary."""
        try:
            existing = self._existing
            if existing is not None and not self._held.received and existing.is_current(response.head):
                return await self._unmodified(response, existing)
            if 200 <= response.head.status < 300:
                require_type(self._state.options.expect_type, response)
                if (kept := await self._choose_name(response)) is not None:
                    return await self._unmodified(response, kept)
            name = self._state.target.name
            keep_own_format(response, name)
            return await self._verify(response) if await self._receive(response, name) else None
        except (FileChanged, RangesRefused) as error:
            self._whole_only = isinstance(error, FileChanged) or self._writer.single_connection
            self._writer.single_connection = True  # so the download ends, however often the file changes
            await self._request_again(response, error.message)
            return None
        except HTTPConnError as error:
            if not isinstance(error, LimitExceeded):
                await self._port.blocking(self._partial.return_if_unproven)
            self._prepare_request()  # a retry may follow
            raise

    async def _choose_name(self, response: OpenResponse) -> ExistingFile | None:
        """Set the name of the file if the server chooses it; return an existing file of that name that is kept."""
        state, options = self._state, self._state.options
        if state.name is not None or not options.server_names:
            return None
        state.name = safe_name(response.head.field("content-disposition"), state.spec.url)
        state.target = state.target.with_name(state.name)
        kept = await self._port.blocking(look_at, state.target) if options.existing == "skip" else None
        if kept is None or options.size not in (None, kept.size):
            await self._port.blocking(require_free, state.target)
        return kept

    async def _receive(self, response: OpenResponse, name: str) -> bool:
        """Write the body if it is usable; return whether the file is complete."""
        head = response.head
        if head.status in EXPIRED and self._held.received and not self._has_renewed_url:
            self._has_renewed_url = True  # the original URL may redirect to a newly signed one
            return await self._request_again(response, f"the status is {head.status}")
        requested = self._range_fields
        self._facts = facts = range_head(
            response, range_requested=bool(requested), if_range=len(requested) > 1, name=name
        )
        self._keep_existing_from_page(facts)
        decision, size, hub = ranges.decide(self._held, facts), self._state.options.size, hub_file_of(response)
        if isinstance(decision, ranges.Continue | ranges.Whole):
            size = require_size(size, hub.size, facts)
        match decision:
            case ranges.Continue() as part:
                await self._writer.write_range(response, part, hub)
            case ranges.Whole():
                self._whole_only = False
                if self._held.validator not in (None, facts.etag, facts.last_modified):
                    self._count_again()
                await self._writer.write_whole(response, facts, size, hub)
            case ranges.GoBack():
                self._whole_only = False
                await self._port.blocking(self._partial.go_back)
                return await self._request_again(response, "the server again has the version of the earlier bytes")
            case ranges.Complete():
                await response.close()
                self._partial.end()
            case ranges.RequestWhole(reason):
                self._whole_only = True
                return await self._request_again(response, reason)
            case ranges.RequestPlainRange():
                self._uses_if_range = False
                return await self._request_again(response, "the server ignores If-Range")
            case ranges.Suspect(reason):
                raise unexpected(self._state, reason)
            case ranges.Refuse(reason):
                raise ProtocolError(reason)
            case ranges.Fail():
                raise StatusError(response.without_body)
        return self._partial.is_complete

    def _count_again(self) -> None:
        """Count the bytes of a second download as progress. A third one has no progress: it could be endless."""
        if not self._has_counted_again:
            self._has_counted_again = True
            self._request.most_received = 0

    def _keep_existing_from_page(self, facts: ranges.RangeResponse) -> None:
        """Raise an error if a page, such as the one of a captive portal, would replace the existing file."""
        if facts.is_page and self._existing is not None and not self._held.received and facts.status == 200:
            raise UnexpectedContent(
                'The server sent an HTML page. The existing file is kept; existing="replace" replaces it'
            )

    async def _request_again(self, response: OpenResponse, reason: str) -> bool:
        await response.close()
        logger.info("Requesting %s again: %s", self._state.spec.url.redacted, reason)
        return False

    async def _verify(self, response: OpenResponse) -> Downloaded | None:
        """Verify the complete file and commit it. If bytes of several responses do not match, download it once more."""
        if not self._partial.is_hashed:
            await self._hash_all()
        error = self._partial.integrity_error()
        if error is None:
            return await self._commit(response)
        is_final = self._has_restarted or not self._partial.has_several_sources
        await self._port.blocking(self._partial.restart)
        if is_final:
            raise error
        self._has_restarted = True
        self._count_again()
        logger.info("Downloading %s again: %s", self._state.spec.url.redacted, error.message)
        return None

    async def _commit_proven(self) -> Downloaded | None:
        """Commit the bytes of a process that was killed before its commit, if the caller's digest proves them.

        Return None if they are not complete, or if the name or the modification time of the file is the server's.
        """
        options, partial, request = self._state.options, self._partial, self._request
        if options.digest is None or options.server_names or options.remote_time:
            return None
        limit = request.call.max_bytes
        if not partial.is_complete or (limit is not None and partial.size > limit) or partial.integrity_error():
            return None
        return await self._commit(None)

    async def _commit(self, response: OpenResponse | None) -> Downloaded:
        options, version, modified = self._state.options, None, None
        if response is not None:
            if (kept := await self._choose_name(response)) is not None:
                return await self._unmodified(response, kept)
            version = ranges.version(self._facts.etag, self._facts.last_modified)
            modified = timestamp(self._facts.last_modified) if options.remote_time else None
        stored = version if options.remote_time or options.existing == "refresh" else None
        flushed = await self._port.blocking(self._partial.commit, modified, self._state.name, stored)
        self._writer.finish()
        return self._result(
            response,
            self._partial.size,
            **passed(self._partial.digest, length=self._writer.is_length_proven),
            unchecked=self._partial.unchecked,
            resumed=self._partial.resumed,
            connections=self._writer.connections,
            flushed=flushed,
            validator=version,
        )

    async def _unmodified(self, response: OpenResponse, existing: ExistingFile) -> Downloaded:
        await response.close()
        await self._port.blocking(self._partial.discard)
        head = response.head
        version = ranges.version(head.field("etag"), head.field("last-modified"))
        return self._result(response, existing.size, validator=version or existing.validator, unmodified=True)

    def _result(self, response: OpenResponse | None, size: int, **values: Any) -> Downloaded:
        return Downloaded(
            self._state.target,
            size,
            (self._request.call.spec if response is None else response).url.redacted,
            content_type=None if response is None else response.head.field("content-type"),
            attempts=self._request.attempts,
            elapsed=self._port.now() - self._request.started_at,
            **values,
        )

    async def _hash_all(self) -> None:
        """Hash the bytes that the digest does not cover, such as those of an earlier download."""
        partial, state = self._partial, self._state
        meter = verification_meter(self._port, self._request, state.options, state.target, partial.size)
        while not partial.is_hashed:
            self._request.deadline.check(self._port.now())
            hashed = partial.hashed
            await self._port.blocking(partial.hash_more)
            meter.advance(partial.hashed - hashed, self._port.now())
