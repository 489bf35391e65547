"""The manifest of a command: a file, standard input or a URL."""

import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import click
from click.core import ParameterSource

from ..connection import HTTPConnection
from ..core.urls import URL, vet
from ..downloads.manifest import Manifest
from ..errors import InvalidRequest, InvalidURL
from .connecting import connected, header_fields
from .options import SHARED
from .summary import Summary

_COMBINABLE = frozenset(
    {"manifest", "base_url", "folder", "create_dirs", "concurrency", "segments", "limit_rate", "jsonl", "quiet"}
)


def load(name: str, base: str | None, connection: HTTPConnection, headers: Mapping[str, str]) -> Manifest:
    """Return the manifest at a path or URL; "-" is standard input.

    With ``headers``, an item on another origin than the manifest is an error.
    """
    if name == "-":
        if sys.stdin is None:
            raise InvalidRequest("Standard input is closed")
        return Manifest.parse(sys.stdin.buffer.read(), base_url=base, name="standard input")
    if not name.lower().startswith(("http://", "https://")):
        return Manifest.read(name, base_url=base)
    content = connection.get_bytes(name, extra_headers=headers)
    short = urlsplit(name).path.rpartition("/")[2] or "manifest"
    manifest = Manifest.parse(content, base_url=base or urljoin(name, "."), name=short)
    for index, item in enumerate(manifest) if headers else ():
        # The server of the manifest must not choose who gets a token of the user.
        if _origin(item.url) != _origin(base or name):
            raise InvalidRequest(f"{manifest.where(index)}: another host would get the header fields of -H and -u")
    return manifest


def _origin(url: URL) -> object:
    try:
        return vet(url).origin
    except InvalidURL:  # the download reports it
        return None


def _check_options() -> None:
    """Raise UsageError for an option that cannot be combined with --manifest."""
    context = click.get_current_context()
    for option in context.command.params:
        name = option.name or ""
        is_given = context.get_parameter_source(name) is ParameterSource.COMMANDLINE
        if isinstance(option, click.Option) and option.is_flag:  # several flags can set one parameter
            is_given = is_given and context.params[name] == option.flag_value
        if is_given and name not in (*_COMBINABLE, *SHARED):
            raise click.UsageError(f"--manifest cannot be combined with {option.get_error_hint(context)}")


def download(
    name: str | None,
    base: str | None,
    folder: Path | None,
    shared: Mapping[str, Any],
    rate: int | None,
    call: Mapping[str, Any],
    *,
    quiet: bool,
    jsonl: bool,
) -> int:
    """Download the missing and changed files of the manifest, print the results, and return the exit code."""
    if name is None or folder is None:
        raise click.UsageError("--base-url needs --manifest" if name is None else "--manifest needs -d FOLDER")
    _check_options()
    headers = header_fields(shared)
    with connected(shared, quiet=quiet, resumes=True, bandwidth=rate) as (connection, display):
        manifest, summary = load(name, base, connection, headers), Summary(display, json=jsonl)
        progress = None if display is None else summary.progress
        result = connection.download_all(manifest, folder, extra_headers=headers, progress=progress, **call)
        for saved in result.files:
            summary.add(saved, manifest.where(saved.index))
        return summary.end()
