"""``httpconn download``."""

import sys
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, TextIO

import click

from ..api.outcomes import Saved
from ..connection import HTTPConnection
from ..core import digests, mediatypes
from ..core.items import Item as Wanted
from . import manifests, options
from .connecting import connected, header_fields, make_connection
from .ending import EPILOG, one_line_errors
from .items import Item, ItemReader
from .output import Command, create_folder, is_stream, open_output
from .summary import Summary

CONCURRENCY = 16


def _on_existing(flag: str, value: str, help_text: str) -> Callable[[Any], Any]:
    return click.option(f"--{flag}", "existing", flag_value=value, help=help_text)


@click.command(cls=Command, epilog=EPILOG, short_help="Download URLs to files.")
@click.argument("urls", metavar="[URL]...", nargs=-1)
@options.output("File to write, for one URL")
@options.path("-d", "--folder", help="Folder for the files, which are named after their URLs.")
@options.create_dirs
@click.option(
    "-J", "--remote-header-name", is_flag=True, help="Use the file name from the server (Content-Disposition)."
)
@options.input_file("File with a URL, or a URL and a path, per line.")
@click.option(
    "--manifest",
    multiple=True,
    callback=options.once,
    metavar="FILE|URL",
    help="Checksum list, JSON lines or model index: download its missing or changed files; - is standard input.",
)
@click.option(
    "--base-url", metavar="URL", help="URL of the folder with the files. Default: the folder of the manifest's own URL."
)
@options.concurrency(CONCURRENCY, "Number of simultaneous downloads.")
@_on_existing("refresh", "refresh", "Download an existing file if the server has another version (default).")
@_on_existing("overwrite", "replace", "Download and replace existing files.")
@_on_existing("skip-existing", "skip", "Keep existing files, without a request.")
@click.option("--no-remote-time", is_flag=True, help="Do not set the modification time of files to Last-Modified.")
@click.option(
    "--digest",
    type=options.digest,
    metavar="ALGORITHM:HEX",
    help="Expected digest of the file, such as sha256:HEX (one URL only).",
)
@click.option(
    "--mirror",
    "mirrors",
    metavar="URL",
    multiple=True,
    help="Another URL of the same file; needs --digest; may be repeated.",
)
@options.expect_type("expect_types", "Expected media type of the files, such as application/*; may be repeated.")
@options.number(
    "--segments",
    most=64,
    help_text="Number of connections per file. Default: up to 16 for a large file, if more connections are faster.",
)
@options.env_option(
    "--limit-rate",
    type=options.rate,
    metavar="SIZE",
    help="Maximum bytes per second of all downloads together, such as 500K or 2M.",
)
@click.option(
    "--no-resume", is_flag=True, help="Start from the first byte, and remove the partial file after a failure."
)
@options.jsonl
@options.quiet
@options.with_options
def download(
    urls: tuple[str, ...],
    output: Path | None,
    folder: Path | None,
    create_dirs: bool,
    remote_header_name: bool,
    input_files: tuple[TextIO, ...],
    manifest: str | None,
    base_url: str | None,
    concurrency: int,
    existing: str | None,
    no_remote_time: bool,
    digest: str | None,
    mirrors: tuple[str, ...],
    expect_types: tuple[str, ...],
    segments: int | None,
    limit_rate: int | None,
    no_resume: bool,
    jsonl: bool,
    quiet: bool,
    shared: dict[str, Any],
) -> None:
    """Download each URL to a file, which appears when it is complete.

    An existing file is downloaded again only if the server has another version. With --manifest, an existing file is
    kept if it has the right digest, and otherwise replaced. A URL that fails does not stop the command; the exit code
    is that of the first failure.
    """
    if manifest is not None or base_url is not None:
        limits = {"concurrency": concurrency, "segments": segments, "max_bytes": shared["max_bytes"]}
        source = manifest, base_url, folder
        sys.exit(manifests.download(*source, shared, limit_rate, limits, quiet=quiet, jsonl=jsonl))
    _check(urls, input_files, output, digest, mirrors, server_names=remote_header_name)
    call: dict[str, Any] = {"extra_headers": header_fields(shared), "max_bytes": shared["max_bytes"]}
    if output is not None and is_stream(output):
        if folder or jsonl or mirrors:
            raise click.UsageError("-o - and -o PIPE cannot be combined with -d, --jsonl or --mirror")
        _stream(urls[0], output, digest, expect_types, shared, limit_rate, call)
        return
    call |= {
        "resume": not no_resume,
        "segments": segments,
        "expect_type": expect_types or None,
        "existing": _existing(existing, remote_header_name),
    }
    call |= {"remote_time": not no_remote_time, "filename": "server" if remote_header_name else None}
    given: dict[str, Any] = {"url": urls[0] if len(urls) == 1 else None, "resumes": not no_resume}
    with connected(shared, quiet=quiet, bandwidth=limit_rate, **given) as (connection, display):
        reader = ItemReader(output, folder, server_names=remote_header_name, create_folders=create_dirs)
        if folder is not None:
            _require_folder(folder, create_dirs)
        reader.read_arguments(urls)
        for input_file in input_files:
            reader.read_list(input_file)
        summary = Summary(display, json=jsonl, skip_existing=call["existing"] == "skip")
        call["progress"] = None if display is None else summary.progress
        with closing(_saved(connection, reader.items, digest, mirrors, concurrency, call)) as results:
            for saved in results:
                summary.add(saved, reader.items[saved.index].source)
        code = summary.end()
    sys.exit(code)


def _check(
    urls: tuple[str, ...],
    input_files: tuple[TextIO, ...],
    output: Path | None,
    digest: str | None,
    mirrors: tuple[str, ...],
    *,
    server_names: bool,
) -> None:
    if not urls and not input_files:
        raise click.UsageError("Give a URL, --input-file FILE or --manifest FILE")
    several = len(urls) != 1 or bool(input_files)
    if output and several:
        raise click.UsageError("-o accepts one URL only; use -d FOLDER for several")
    if several and (digest or mirrors):
        raise click.UsageError("--digest and --mirror accept one URL only")
    if mirrors and not digest:
        raise click.UsageError("--mirror needs --digest, which proves that a mirror has the same file")
    if output and server_names:
        raise click.UsageError("-o and -J cannot be combined: either you or the server names the file")


def _existing(flag: str | None, remote_header_name: bool) -> str:
    if not remote_header_name:
        return flag or "refresh"
    if flag not in (None, "skip"):
        raise click.UsageError(
            "-J cannot be combined with --refresh or --overwrite: the server must not choose which file is replaced"
        )
    return "skip"


def _stream(
    url: str,
    output: Path,
    digest: str | None,
    expect_types: tuple[str, ...],
    shared: Mapping[str, Any],
    rate: int | None,
    call: Mapping[str, Any],
) -> None:
    """Write a file to a stream, without resuming. A wrong digest is an error at the end only."""
    expected = None if digest is None else digests.parse(digest)
    actual = None if expected is None else digests.hasher(expected.algorithm)
    options = {**call, "extra_headers": {"Accept-Encoding": "identity", **call["extra_headers"]}}
    with (
        one_line_errors(url),
        make_connection(shared, bandwidth=rate) as connection,
        open_output(output) as out,
        connection.get_response(url, stream=True, **options) as response,
    ):
        response.raise_for_status()
        mediatypes.require(response.headers.get("content-type"), expect_types)
        for block in response.iter_bytes():
            if actual is not None:
                actual.update(block)
            out(block)
        if expected is not None and actual is not None:
            digests.require(expected, actual)


def _require_folder(folder: Path, create: bool) -> None:
    """Check the folder first: a missing folder is one error, and not one error per file."""
    from ..disk.targets import check_folder

    if create:
        create_folder(folder)
    check_folder(folder)


def _saved(
    connection: HTTPConnection,
    items: list[Item],
    digest: str | None,
    mirrors: tuple[str, ...],
    concurrency: int,
    call: dict[str, Any],
) -> Generator[Saved, None, None]:
    """Yield the result of each item, with its index among all items; invalid lines come first."""
    valid = []
    for index, item in enumerate(items):
        if item.error is None:
            valid.append(index)
        else:
            yield Saved(item.url, item.path, index, error=item.error)
    wanted = [Wanted(items[index].url, items[index].path, digest, mirrors=mirrors) for index in valid]
    with connection.download_many(wanted, concurrency=concurrency, **call) as results:
        yield from (replace(saved, index=valid[saved.index]) for saved in results)
