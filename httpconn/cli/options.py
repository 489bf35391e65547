"""Values and options that commands share."""

from __future__ import annotations

import functools
import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import click

from ..core import digests
from ..errors import InvalidRequest

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_PREFIXES = " kmgt"
_MAX_SECONDS = 2_000_000
_MAX_RETRIES = 1_000_000

SHARED = (
    "headers",
    "timeout",
    "retries",
    "max_bytes",
    "access",
    "proxy",
    "cacert",
    "insecure",
    "user",
    "user_agent",
    "verbose",
)
"""Names of the options of get and download that are about connections."""


def size(value: str) -> int:
    """Bytes as people write them: 500, 10M (10,000,000), 1.5GiB (of 1024)."""
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is not a size, such as 500, 10M or 1.5GiB")
    power = _PREFIXES.index(match[2].lower() or " ")
    return int(Fraction(match[1]) * (1024 if match[3] else 1000) ** power)


def rate(value: str) -> int:
    """A size of at least one byte."""
    given = size(value)
    if given == 0:
        _refuse("must be more than 0")
    return given


def seconds(value: str) -> float:
    """A number of seconds."""
    try:
        number = float(value)
    except ValueError:
        _refuse(f"{value!r} is not a number of seconds")
    if not 0 < number <= _MAX_SECONDS:
        _refuse(f"must be more than 0 and at most {_MAX_SECONDS:,} seconds")
    return number


def whole(least: int, most: int) -> Callable[[str], int]:
    """Return the type of a whole number in a range."""

    def number(value: str) -> int:
        try:
            given = int(value)
        except ValueError:
            _refuse(f"{value!r} is not a valid integer")
        if not least <= given <= most:
            _refuse(f"must be from {least} to {most:,}")
        return given

    return number


def _refuse(why: str) -> NoReturn:
    raise click.BadParameter(why)


def digest(value: str) -> str:
    """``algorithm:hex``."""
    try:
        return str(digests.parse(value))
    except InvalidRequest as error:
        raise click.BadParameter(error.message) from error


def header(value: str) -> list[tuple[str, str]]:
    """``Name: value``, or ``@FILE`` for those of a file, which no list of processes shows."""
    if not value.startswith("@"):
        return [_field(value)]
    try:
        with click.open_file(value[1:], encoding="utf-8") as lines:
            return [_field(line) for line in lines if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "it is not UTF-8")
        raise click.BadParameter(f"{value[1:]!r} cannot be read: {reason}") from error


def _field(line: str) -> tuple[str, str]:
    name, colon, text = line.partition(":")
    if not colon or not name:
        raise click.BadParameter("a header is given as 'Name: value'")  # without the text, which may be a secret
    return name, text.strip()


def _joined(
    _context: click.Context, _option: click.Parameter, given: Iterable[list[tuple[str, str]]]
) -> dict[str, str]:
    return dict(chain.from_iterable(given))


def _user(_context: click.Context, _option: click.Parameter, given: str | None) -> str | None:
    if given is not None and ":" not in given:
        raise click.BadParameter("must be USER:PASSWORD")  # without the text, which may be a secret
    return given


def of_environment(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    """An option that a variable of the environment can give."""
    variable = f"HTTPCONN{names[-1][1:].replace('-', '_').upper()}"
    return click.option(*names, envvar=variable, show_envvar=True, **attributes)


access = click.option(
    "--access",
    type=click.Choice(["public", "anywhere"]),
    help="Which addresses may be reached: public is for untrusted URLs. The default is HTTPCONN_ACCESS, or anywhere.",
)
create_dirs = click.option("--create-dirs", is_flag=True, help="Create missing folders of the output.")
jsonl = click.option("--jsonl", is_flag=True, help="Write a line of JSON for each URL, as they finish.")
quiet = click.option("-q", "--quiet", is_flag=True, help="Write nothing but results and errors.")


def input_file(help_text: str) -> Callable[[Any], Any]:
    """The option that names a list of URLs."""
    kind = click.File("r", "utf-8", "surrogateescape")
    return click.option("--input-file", type=kind, metavar="FILE", help=f"{help_text} # starts a comment; - is stdin.")


def concurrency(default: int, help_text: str) -> Callable[[Any], Any]:
    """The option that bounds what is fetched at once."""
    return click.option(
        "-j", "--concurrency", type=whole(1, 10_000), metavar="N", default=default, show_default=True, help=help_text
    )


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of :data:`SHARED`, which the command gets as one mapping, ``shared``."""

    @functools.wraps(command)
    def run(**given: Any) -> Any:
        return command(shared={name: given.pop(name) for name in SHARED}, **given)

    for option in reversed(_shared()):
        run = option(run)
    return run


def _shared() -> tuple[Callable[[Any], Any], ...]:
    return (
        click.option(
            "-H",
            "--header",
            "headers",
            multiple=True,
            type=header,
            callback=_joined,
            metavar="'NAME: VALUE'",
            help="Send a header, or with @FILE those of a file; may be repeated.",
        ),
        click.option("-A", "--user-agent", metavar="NAME", help="Send this User-Agent."),
        click.option("-u", "--user", metavar="USER:PASSWORD", callback=_user, help="Log in with Basic authentication."),
        of_environment("--timeout", type=seconds, metavar="SECONDS", help="Limit the whole transfer of each URL."),
        of_environment(
            "--retries",
            type=whole(0, _MAX_RETRIES),
            metavar="N",
            default=2,
            show_default=True,
            help="Attempts after a failed one.",
        ),
        of_environment("--max-bytes", type=size, metavar="SIZE", help="Refuse anything larger, such as 10M or 1.5GiB."),
        access,
        click.option("--proxy", metavar="URL", help="Use this proxy for everything, such as http://proxy:3128."),
        click.option(
            "--cacert",
            type=click.Path(exists=True, path_type=str),
            metavar="FILE",
            help="Trust the certificate authorities of this PEM file or folder.",
        ),
        click.option("-k", "--insecure", is_flag=True, help="Do not verify the server's certificate."),
        click.option("-v", "--verbose", is_flag=True, help="Show connections, requests and responses."),
    )


def path(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    """An option that names a file or a folder."""
    return click.option(*names, type=click.Path(path_type=Path), **attributes)
