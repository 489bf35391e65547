"""``httpconn check``."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict

import click

from ..access import AccessPolicy
from ..core.accesschecks import Checked, CheckedAddress
from ..errors import HTTPConnError
from ..network.explaining import explained
from ..progress import printable
from .ending import complain, exit_code, one_line_errors
from .output import output_errors


@click.command(short_help="Explain whether a URL may be fetched.")
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@click.option(
    "--access",
    type=click.Choice(["public", "anywhere"]),
    default="public",
    show_default=True,
    help="Which addresses may be reached: public is for untrusted URLs.",
)
@click.option("--json", "as_json", is_flag=True, help="Write a JSON object for each URL, one a line.")
def check(urls: tuple[str, ...], access: str, as_json: bool) -> None:
    """Explain whether an access policy allows each URL, and what its host leads to now. Nothing is fetched.

    The exit code is that of the first URL that is not allowed.

    \b
    Exit codes:
      0  allowed
      1  refused
      4  the host has no address
      5  the resolver took too long
    """
    with one_line_errors():
        codes = [_explain(AccessPolicy.from_environment(access), url, as_json) for url in urls]
    sys.exit(next(filter(None, codes), 0))


def _explain(access: AccessPolicy, url: str, as_json: bool) -> int:
    """Write the verdict on a URL, and return its exit code."""
    try:
        checked = explained(access, url)
    except HTTPConnError as error:
        complain(error)
        return exit_code(error)
    with output_errors():
        click.echo(_as_json(checked) if as_json else _as_text(checked), color=_colours())
    return 0 if checked.allowed else 1


def _as_json(checked: Checked) -> str:
    return json.dumps(asdict(checked))


def _as_text(checked: Checked) -> str:
    addresses = [f"  {_line(each.address, each)}" for each in checked.addresses]
    return "\n".join([_line(checked.url, checked), *addresses])


def _colours() -> bool | None:
    """False where they are not wanted (no-color.org); otherwise click looks whether a terminal is written to."""
    return False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None


def _line(text: str, verdict: Checked | CheckedAddress) -> str:
    """With colours, which click leaves out where no terminal is written to."""
    text = printable(text)
    if verdict.allowed:
        return f"{text}: {click.style('allowed', fg='green')}"
    return f"{text}: {click.style('refused', fg='red')}, {verdict.rule}"
