"""The connection object of a command, with the shared options."""

import base64
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from itertools import chain
from typing import Any

import click

from ..access import AccessPolicy, access_of
from ..connection import HTTPConnection
from ..hosts import HostOptions
from ..options import Timeouts
from ..progress import ProgressDisplay, rich_progress
from .ending import one_line_errors


def make_connection(shared: Mapping[str, Any], **options: Any) -> HTTPConnection:
    """Return a connection object with the shared options. Raises UsageError if two options conflict."""
    name = shared["access"]
    access = access_of(os.environ) if name is None else AccessPolicy.from_environment(name)
    if shared["insecure"] and shared["cacert"]:
        raise click.UsageError("-k and --cacert cannot be combined: -k does not verify certificates")
    if shared["proxy"] and access.public:
        raise click.UsageError("--proxy needs --access anywhere: httpconn cannot check the addresses behind a proxy")
    if shared["timeout"] is not None or not access.public:
        options["timeout"] = Timeouts(total=shared["timeout"])
    if shared["insecure"] or shared["cacert"]:
        options["verify"] = shared["cacert"] or False
    if shared["verbose"]:
        from . import verbose

        options["event_hooks"] = verbose.HOOKS
    return HTTPConnection(
        access=access,
        retries=shared["retries"],
        proxy=shared["proxy"],
        user_agent=shared["user_agent"],
        auth="netrc" if shared["netrc"] else None,
        hosts=_host_options(shared),
        **options,
    )


@contextmanager
def connected(
    shared: Mapping[str, Any], *, quiet: bool, url: str | None = None, resumes: bool = False, **options: Any
) -> Iterator[tuple[HTTPConnection, ProgressDisplay | None]]:
    """Provide a connection object and a display of progress, and turn errors into a line and an exit code."""
    hint = "; run the same command to resume, if the server supports it" if resumes else ""
    with (
        one_line_errors(url, interrupted=f"interrupted{hint}"),
        make_connection(shared, **options) as connection,
        nullcontext(None) if quiet or shared["verbose"] else rich_progress() as display,
    ):
        yield connection, display


def _host_options(shared: Mapping[str, Any]) -> dict[str, HostOptions]:
    fields: dict[str, dict[str, str]] = {}
    for host, name, value in shared["host_headers"]:
        fields.setdefault(host.lower(), {})[name] = value
    tokens = {host.lower(): token for host, token in shared["host_tokens"]}
    return {host: HostOptions(headers=fields.get(host), auth=tokens.get(host)) for host in {**fields, **tokens}}


def header_fields(shared: Mapping[str, Any]) -> dict[str, str]:
    fields = dict(chain.from_iterable(shared["headers"]))
    if shared["user"] is None:
        return fields
    credentials = base64.b64encode(shared["user"].encode("utf-8", "surrogateescape")).decode("ascii")
    return {"Authorization": f"Basic {credentials}", **fields}
