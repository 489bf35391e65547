"""``httpconn check``."""

import json
import os
import sys
from dataclasses import asdict

import click

from ..access import AccessPolicy
from ..core.accesschecks import Checked, CheckedAddress
from ..errors import HTTPConnError
from ..network.guard import explained
from ..progress import printable
from .ending import exit_code, one_line_errors, print_error
from .output import Command, print_line


@click.command(cls=Command, short_help="Explain whether an access policy allows a URL.")
@click.argument("urls", metavar="URL...", nargs=-1, required=True)
@click.option(
    "--access",
    type=click.Choice(["public", "anywhere"]),
    default="public",
    show_default=True,
    help="Access policy: public addresses only, or any address.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON per URL.")
def check(urls: tuple[str, ...], access: str, as_json: bool) -> None:
    """Explain whether an access policy allows each URL and the current addresses of its host.

    The command resolves the host, and sends no request.

    The exit code is that of the first URL that is not allowed.

    \b
    Exit codes:
      0  allowed
      1  denied
      4  the host has no address
      5  the resolver timed out
    """
    with one_line_errors():
        codes = [_explain(AccessPolicy.from_environment(access), url, as_json) for url in urls]
    sys.exit(next(filter(None, codes), 0))


def _explain(access: AccessPolicy, url: str, as_json: bool) -> int:
    """Print the decision on a URL, and return its exit code."""
    try:
        checked = explained(access, url)
    except HTTPConnError as error:
        print_error(error)
        return exit_code(error)
    # no-color.org; without these variables, click uses colors on a terminal only
    color = False if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" else None
    print_line(json.dumps(asdict(checked)) if as_json else _as_text(checked), color=color)
    return 0 if checked.allowed else 1


def _as_text(checked: Checked) -> str:
    addresses = [f"  {_line(each.address, each)}" for each in checked.addresses]
    return "\n".join([_line(checked.url, checked), *addresses])


def _line(text: str, checked: Checked | CheckedAddress) -> str:
    text = printable(text)
    if checked.allowed:
        return f"{text}: {click.style('allowed', fg='green')}"
    return f"{text}: {click.style('denied', fg='red')}, {checked.rule}"
