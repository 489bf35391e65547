"""The name of a downloaded file, which the caller or the server chooses."""

from pathlib import Path

from ..core.filenames import safe_name
from ..core.identity import resource_key
from ..core.paths import checked_path
from ..core.urls import VettedURL
from ..disk.targets import check_folder
from ..exchange.requeststate import OpenResponse
from ..runtime.port import Port
from .existing import ExistingFile, look_at, require_free
from .options import DownloadOptions, DownloadState


async def target_path(port: Port, options: DownloadOptions, url: VettedURL) -> Path:
    """Return the target. Until the server has named the file, its name is the key of the resource."""
    if not options.server_names:
        return checked_path(options.save_path)
    return await port.blocking(check_folder, options.save_path) / resource_key(url)


async def choose_name(state: DownloadState, response: OpenResponse, url: VettedURL) -> ExistingFile | None:
    """Set the name of the file from the response or the URL; return an existing file of that name that is kept."""
    state.name = safe_name(response.head.field("content-disposition"), url)
    state.target = state.target.with_name(state.name)
    kept = await state.port.blocking(look_at, state.target) if state.options.existing == "skip" else None
    if kept is None or state.options.size not in (None, kept.size):
        await state.port.blocking(require_free, state.target)
    return kept
