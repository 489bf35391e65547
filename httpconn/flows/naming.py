"""A file under the name that its server gives it, where the caller asked for that."""

from __future__ import annotations

import errno
import os
from pathlib import Path

from ..core.identity import key_of
from ..core.names import safe_name
from ..core.urls import VettedURL
from ..disk.targets import check_folder, check_target
from ..errors import StorageError
from ..lazy import field
from ..ports.base import Port
from .course import Answer
from .job import Job, Wanted


async def placed(port: Port, wanted: Wanted, url: VettedURL) -> Path:
    """The target; while only the server knows it, one that stands for the resource in the folder."""
    if not wanted.server_names:
        return await port.blocking(check_target, wanted.save_path)
    return await port.blocking(check_folder, wanted.save_path) / key_of(url)


async def take_name(job: Job, answer: Answer, url: VettedURL) -> None:
    """Have the file appear under the name that an answer, or else its URL, gives.

    Raises:
        StorageError: something has that name.
    """
    if not job.wanted.server_names or job.name is not None:
        return
    job.name = safe_name(field(answer.response, "content-disposition"), url)
    job.target = job.target.with_name(job.name)
    if await job.port.blocking(os.path.lexists, job.target):
        raise StorageError(f"{os.strerror(errno.EEXIST)}: {job.target}", errno=errno.EEXIST)
