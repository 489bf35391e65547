"""A file under the name that its server gives it, where the caller asked for that."""

from __future__ import annotations

from pathlib import Path

from ..core.filenames import safe_name
from ..core.identity import resource_key
from ..core.urls import VettedURL
from ..disk.targets import check_folder, check_target
from ..exchange.requeststate import OpenResponse
from ..ports.base import Port
from .downloadstate import Job, Wanted
from .existing import Existing, look_at, require_free


async def placed(port: Port, wanted: Wanted, url: VettedURL) -> Path:
    """The target; while only the server knows it, one that stands for the resource in the folder."""
    if not wanted.server_names:
        return await port.blocking(check_target, wanted.save_path)
    return await port.blocking(check_folder, wanted.save_path) / resource_key(url)


async def take_name(job: Job, answer: OpenResponse, url: VettedURL) -> Existing | None:
    """Have the file appear under the name that an answer, or else its URL, gives.

    Returns:
        The file that has the name already, where the caller wants to keep that one.

    Raises:
        StorageError: something has that name.
    """
    if job.name is not None:
        return None
    if not job.wanted.server_names:
        job.name = job.target.name if job.wanted.existing == "error" else None
        return None
    job.name = safe_name(answer.head.field("content-disposition"), url)
    job.target = job.target.with_name(job.name)
    kept = await job.port.blocking(look_at, job.target) if job.wanted.existing == "skip" else None
    if kept is None:
        await job.port.blocking(require_free, job.target)
    return kept
