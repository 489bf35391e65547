"""Files: to a partial file beside the target, which takes the target's name once it is whole."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ..core.urls import redact
from ..partfile import PartFile, check_target
from ..ports.base import Port
from ..progress import Meter, ProgressCallback
from .body import Blocks, declared
from .exchange import Answer, Call, perform

BLOCK = 1024 * 1024
"""Bytes that are written in one hop: a hop to a worker thread costs as much as copying 64 KiB."""


async def fetch_file(
    port: Port, call: Call, save_path: str | os.PathLike[str], progress: ProgressCallback | None
) -> Path:
    """Download to a path; what stood there before stays until the new file is complete and on disk."""
    target = await port.blocking(check_target, save_path)
    return await perform(port, call, _Save(port, call, target, progress))


@dataclass(slots=True)
class _Save:
    """What is done with each attempt's answer."""

    port: Port
    call: Call
    target: Path
    progress: ProgressCallback | None
    attempt: int = 0

    async def __call__(self, answer: Answer) -> Path:
        answer.require_content()
        self.attempt += 1
        part = PartFile(self.target)
        try:
            await self.port.blocking(part.open)
            meter = await self._write(part, answer)
            path = await self.port.blocking(part.commit)
        except BaseException:
            await self.port.clean_up(part.discard)
            raise
        meter.finish(self.port.now())
        return path

    async def _write(self, part: PartFile, answer: Answer) -> Meter:
        # What a coded body will unpack to is not known before it has.
        size = None if "content-encoding" in answer.response.headers else declared(answer.response)
        if size:
            await self.port.blocking(part.reserve, size)
        meter = self._meter(size)
        blocks = Blocks(answer.body, BLOCK, lambda count: meter.advance(count, self.port.now()))
        while block := await blocks.receive():
            await self.port.blocking(part.write, block)
        await answer.close()
        return meter

    def _meter(self, size: int | None) -> Meter:
        url = redact(self.call.spec.url.url)
        return Meter(self.progress, total=size, url=url, path=self.target, attempt=self.attempt, now=self.port.now())
