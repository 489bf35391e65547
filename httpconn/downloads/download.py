"""Files: to a partial file beside the target, which takes the target's name once it is whole.

Each attempt asks for what is missing; :func:`httpconn.core.ranges.decide` says what its answer means for what there is.
"""

from __future__ import annotations

import logging
from typing import Any

from ..core import ranges
from ..core.dates import timestamp
from ..core.headers import Fields
from ..core.requestbuilder import RequestSpec
from ..disk.partfile import PartFile
from ..errors import (
    DeadlineExceeded,
    FileChanged,
    HTTPConnError,
    IntegrityError,
    InvalidRequest,
    LimitExceeded,
    ProtocolError,
    RangesRefused,
    StatusError,
    StorageError,
)
from ..exchange.attempts import run_attempts
from ..exchange.requeststate import Call, OpenResponse, RequestState
from ..exchange.responseheads import keep_own_format, range_head
from ..ports.base import Port
from .downloaded import Downloaded
from .downloadstate import Job, Wanted
from .existing import Existing, accepted, version_of
from .locking import claim
from .naming import placed, take_name
from .partial import Partial
from .saving import Saving

logger: logging.Logger = logging.getLogger("httpconn.download")

EXPIRED = frozenset({401, 403})
"""What a signed URL answers once its time is over."""

# No other server could mend these.
_FINAL = (StorageError, LimitExceeded, DeadlineExceeded)
# After these, what there is is of no use to a later download.
_WORTHLESS = (LimitExceeded, IntegrityError)


async def fetch_file(port: Port, call: Call, wanted: Wanted) -> Downloaded:
    """Download to a path; what stood there before stays until the new file is complete and on disk."""
    _require_whole(call.spec)
    try:
        downloaded = await _fetch(port, call, wanted)
    except HTTPConnError as error:
        error.url = error.url or call.spec.url.redacted
        raise
    for hook in call.rules.hooks.download:
        await port.tell(hook, downloaded)
    return downloaded


async def _fetch(port: Port, call: Call, wanted: Wanted) -> Downloaded:
    course = RequestState.of(call, port.now())
    target = await placed(port, wanted, call.spec.url)
    kept = await accepted(port, course, wanted, target)
    if kept is not None:
        return kept
    part = PartFile(target)
    partial = Partial(part, call.spec.url, wanted.digest, wanted.resume)
    try:
        claimed = await claim(port, course.deadline, part, partial.key)
        if claimed.left is not None:
            await port.blocking(partial.take_up, claimed.left)
        existing = claimed.existing
        kept = None if existing is None else await accepted(port, course, wanted, target)
        if kept is not None:
            await port.blocking(partial.discard)
            return kept
        if wanted.digest is not None:
            existing = None  # the file lacks it
        elif existing is None and wanted.existing == "refresh":
            existing = await port.blocking(version_of, target, call.spec.url, wanted.validator)
        return await _Download(Job(port, course, wanted, target, partial), existing).run()
    except BaseException as error:
        await port.clean_up(partial.discard if isinstance(error, _WORTHLESS) else partial.leave)
        raise


def _require_whole(spec: RequestSpec) -> None:
    if any(name.lower() in (b"range", b"if-range") for name, _ in spec.fields):
        raise InvalidRequest("A file is downloaded whole: its Range is httpconn's to set")


class _Download:
    """The questions of one download, and what their answers lead to."""

    def __init__(self, job: Job, existing: Existing | None) -> None:
        self._job = job
        self._port = job.port
        self._course = job.course
        self._partial = job.partial
        self._saving = Saving(job)
        self._spec = job.course.call.spec
        if existing is not None and existing.validator is None and job.wanted.existing != "refresh":
            existing = None  # its modification time is of another clock than the server's
        self._existing = existing
        self._conditions = () if existing is None else existing.conditions
        self._asked: Fields = ()
        self._only_whole = False
        self._asked_anew = False
        self._remade = False

    async def run(self) -> Downloaded:
        """Ask one server after another, until one has given the file."""
        try:
            return await self._run(self._spec, *self._job.wanted.mirrors)
        except HTTPConnError:
            self._saving.fail()
            raise

    async def _run(self, *specs: RequestSpec) -> Downloaded:
        *others, last = specs
        await self._catch_up()
        for spec in others:
            try:
                return await self._fetch(spec)
            except HTTPConnError as error:
                if isinstance(error, _FINAL):
                    raise
                logger.info("The next mirror is asked: %s", error)
            self._partial.change_server()
            self._course.failures = 0
        return await self._fetch(last)

    async def _fetch(self, spec: RequestSpec) -> Downloaded:
        self._spec = self._saving.spec = spec
        while True:
            self._steer()
            downloaded = await run_attempts(self._port, self._course, self._take)
            if downloaded is not None:
                return downloaded
            self._course.failures -= 1  # an answer that leads to another question is no failure

    def _steer(self) -> None:
        """What the next attempt asks for."""
        self._asked = () if self._only_whole else ranges.fields(self._partial.held)
        fields = self._asked if self._partial.received else self._conditions
        self._course.call = self._course.call._replace(spec=self._spec.with_fields(fields))

    async def _take(self, answer: OpenResponse) -> Downloaded | None:
        """The file, or None where another question has to be asked."""
        try:
            if self._existing is not None and not self._partial.received and self._existing.is_meant(answer.head):
                return await self._unmodified(answer, self._existing)
            if 200 <= answer.head.status < 300:
                taken = await take_name(self._job, answer, self._spec.url)
                if taken is not None:
                    return await self._unmodified(answer, taken)
            keep_own_format(answer, self._job.target.name)
            return await self._settle(answer) if await self._judge(answer) else None
        except (FileChanged, RangesRefused) as error:
            self._only_whole = isinstance(error, FileChanged) or self._saving.alone
            self._saving.alone = True  # so it ends, however often the file changes
            await self._ask_again(answer, error.message)
            return None
        except HTTPConnError:
            self._steer()  # another attempt may follow
            raise

    async def _judge(self, answer: OpenResponse) -> bool:
        """Whether the file is complete now."""
        head = answer.head
        if head.status in EXPIRED and self._partial.received and not self._asked_anew:
            self._asked_anew = True  # the URL may lead to one that is freshly signed
            return await self._ask_again(answer, f"the server answered {head.status}")
        match ranges.decide(self._partial.held, range_head(answer, range_requested=bool(self._asked))):
            case ranges.Continue() as part:
                await self._saving.rest(answer, part)
            case ranges.Restart():
                self._only_whole = False
                await self._saving.whole(answer)
            case ranges.Complete():
                await answer.close()
                self._partial.end()
            case ranges.RequestWhole(reason):
                self._only_whole = True
                return await self._ask_again(answer, reason)
            case ranges.Refuse(reason):
                raise ProtocolError(reason)
            case ranges.Fail():
                raise StatusError(answer.without_body)
        return self._partial.is_complete

    async def _ask_again(self, answer: OpenResponse, reason: str) -> bool:
        await answer.close()
        logger.info("%s is asked again: %s", self._spec.url.redacted, reason)
        return False

    async def _settle(self, answer: OpenResponse) -> Downloaded | None:
        """Verify the complete file and put it under its name; one that was pieced together wrongly is fetched anew."""
        await self._catch_up()
        error = self._partial.mismatch()
        if error is None:
            return await self._commit(answer)
        if self._remade or not self._partial.is_pieced:
            await self._port.blocking(self._partial.restart)
            raise error
        self._remade = True
        await self._port.blocking(self._partial.restart)
        logger.info("%s is fetched again: %s", self._spec.url.redacted, error.message)
        return None

    async def _commit(self, answer: OpenResponse) -> Downloaded:
        wanted, head = self._job.wanted, answer.head
        modified = timestamp(head.field("last-modified")) if wanted.remote_time else None
        taken = await take_name(self._job, answer, self._spec.url)
        if taken is not None:
            return await self._unmodified(answer, taken)
        version = ranges.version(head.field("etag"), head.field("last-modified"))
        noted = version if wanted.remote_time or wanted.existing == "refresh" else None
        await self._port.blocking(self._partial.commit, modified, self._job.name, noted)
        self._saving.finish(answer)
        digest = self._partial.digest
        length = {"length"} if self._saving.proven else set()
        return self._downloaded(
            answer,
            self._partial.size,
            verified=frozenset(length if digest is None else {*length, digest.algorithm}),
            digest=None if digest is None else str(digest),
            digest_source=None if digest is None else digest.source,
            unchecked=self._partial.unchecked,
            resumed=self._partial.resumed,
            connections=self._saving.connections,
            flushed=self._partial.flushed,
        )

    async def _unmodified(self, answer: OpenResponse, existing: Existing) -> Downloaded:
        await answer.close()
        await self._port.blocking(self._partial.discard)
        return self._downloaded(answer, existing.size, validator=existing.validator, unmodified=True)

    def _downloaded(self, answer: OpenResponse, size: int, *, validator: str | None = None, **found: Any) -> Downloaded:
        head = answer.head
        version = ranges.version(head.field("etag"), head.field("last-modified"))
        return Downloaded(
            self._job.target,
            size,
            answer.url.redacted,
            content_type=head.field("content-type"),
            validator=version or validator,
            attempts=self._course.attempts,
            elapsed=self._port.now() - self._course.started_at,
            **found,
        )

    async def _catch_up(self) -> None:
        """Hash what the digest has not seen: what an earlier download left, or came before the digest was known."""
        while not self._partial.is_hashed:
            self._course.deadline.check(self._port.now())
            await self._port.blocking(self._partial.catch_up)
