"""The types of option values, and the options that several commands share."""

import functools
import os
import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import chain
from pathlib import Path
from typing import Any, NoReturn

import click

from ..core import digests, mediatypes
from ..core.auth import Bearer
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
    "host_headers",
    "host_tokens",
    "netrc",
    "verbose",
)
"""Names of the connection options of get and download."""


def size(value: str) -> int:
    """Return the number of bytes in a size such as 500, 10M (10,000,000) or 1.5GiB (powers of 1024)."""
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is not a size, such as 500, 10M or 1.5GiB")
    power = _PREFIXES.index(match[2].lower() or " ")
    return int(Fraction(match[1]) * (1024 if match[3] else 1000) ** power)


def rate(value: str) -> int:
    number = size(value)
    if number == 0:
        _fail("must be more than 0")
    return number


def seconds(value: str) -> float:
    try:
        number = float(value)
    except ValueError:
        _fail(f"{value!r} is not a number of seconds")
    if not 0 < number <= _MAX_SECONDS:
        _fail(f"must be more than 0 and at most {_MAX_SECONDS:,} seconds")
    return number


def integer(minimum: int, maximum: int) -> Callable[[str], int]:
    def number(value: str) -> int:
        try:
            integer = int(value)
        except ValueError:
            _fail(f"{value!r} is not an integer")
        if not minimum <= integer <= maximum:
            _fail(f"must be from {minimum} to {maximum:,}")
        return integer

    return number


def _fail(message: str) -> NoReturn:
    raise click.BadParameter(message)


def digest(value: str) -> str:
    """Return a digest in the form ``algorithm:hex``."""
    try:
        return str(digests.parse(value))
    except InvalidRequest as error:
        raise click.BadParameter(error.message) from error


def media_type(value: str) -> str:
    """Return a media type pattern, such as ``image/*``."""
    try:
        (pattern,) = mediatypes.patterns(value)
    except InvalidRequest as error:
        raise click.BadParameter(error.message) from error
    return pattern


def header(value: str) -> list[tuple[str, str]]:
    """Return a header field ``Name: value``, or those of ``@FILE``, which keeps secrets out of the process list."""
    if not value.startswith("@"):
        return [_field(value)]
    try:
        with click.open_file(value[1:], encoding="utf-8") as lines:
            return [_field(line) for line in lines if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "the file is not UTF-8")
        raise click.BadParameter(f"cannot read {value[1:]!r}: {reason}") from error


def _field(line: str) -> tuple[str, str]:
    name, colon, text = line.partition(":")
    if not colon or not name:
        raise click.BadParameter("must be 'NAME: VALUE' or @FILE")  # without the value, which may be a secret
    return name, text.strip()


def host_header(value: str) -> tuple[str, str, str]:
    """Return the host, the name and the value of ``HOST:Name=Value``."""
    place, equals, text = value.partition("=")
    host, _, name = place.rpartition(":")
    if not host or not name or not equals:
        raise click.BadParameter("must be HOST:NAME=VALUE")  # without the value, which may be a secret
    return host, name, text.strip()


def host_token(value: str) -> tuple[str, Bearer]:
    """Return the host and the token of ``HOST=env:NAME`` or ``HOST=file:PATH``."""
    host, _, source = value.partition("=")
    kind, _, name = source.partition(":")
    if not host or kind not in ("env", "file") or not name:
        raise click.BadParameter("must be HOST=env:VARIABLE or HOST=file:PATH")
    try:
        token = os.environ.get(name) if kind == "env" else Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "the file is not UTF-8")
        raise click.BadParameter(f"cannot read {name!r}: {reason}") from error
    if token is None:
        raise click.BadParameter(f"the environment variable {name} is not set")
    try:
        return host, Bearer(token.strip())
    except InvalidRequest as error:
        raise click.BadParameter(f"{name}: {error.message}") from None


def _merged(
    _context: click.Context, _option: click.Parameter, values: Iterable[list[tuple[str, str]]]
) -> dict[str, str]:
    return dict(chain.from_iterable(values))


def _user(_context: click.Context, _option: click.Parameter, value: str | None) -> str | None:
    if value is not None and ":" not in value:
        raise click.BadParameter("must be USER:PASSWORD")  # without the value, which may be a secret
    return value


Option = Callable[[Any], Any]  # a decorator that adds an option to a command


def env_option(*names: str, **attributes: Any) -> Option:
    """Return an option that an environment variable can set, such as HTTPCONN_TIMEOUT for ``--timeout``."""
    variable = f"HTTPCONN{names[-1][1:].replace('-', '_').upper()}"
    return click.option(*names, envvar=variable, show_envvar=True, **attributes)


access: Option = click.option(
    "--access",
    type=click.Choice(["public", "anywhere"]),
    help="Access policy; public allows public addresses only. Default: HTTPCONN_ACCESS, or anywhere.",
)
create_dirs: Option = click.option("--create-dirs", is_flag=True, help="Create missing folders of the output path.")
jsonl: Option = click.option("--jsonl", is_flag=True, help="Print one line of JSON per URL, as each finishes.")
quiet: Option = click.option("-q", "--quiet", is_flag=True, help="Print results and errors only.")


def input_file(help_text: str) -> Callable[[Any], Any]:
    kind = click.File("r", "utf-8", "surrogateescape")
    return click.option(
        "--input-file", type=kind, metavar="FILE", help=f"{help_text} # starts a comment; - is standard input."
    )


def concurrency(default: int, help_text: str) -> Callable[[Any], Any]:
    return click.option(
        "-j", "--concurrency", type=integer(1, 10_000), metavar="N", default=default, show_default=True, help=help_text
    )


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options of :data:`SHARED` to a command, which receives them as one mapping, ``shared``."""

    @functools.wraps(command)
    def run(**values: Any) -> Any:
        return command(shared={name: values.pop(name) for name in SHARED}, **values)

    for option in reversed(_SHARED_OPTIONS):
        run = option(run)
    return run


def path(*names: str, **attributes: Any) -> Callable[[Any], Any]:
    return click.option(*names, type=click.Path(path_type=Path), **attributes)


_SHARED_OPTIONS: tuple[Callable[[Any], Any], ...] = (
    click.option(
        "-H",
        "--header",
        "headers",
        multiple=True,
        type=header,
        callback=_merged,
        metavar="'NAME: VALUE'",
        help="Header field to send, or @FILE with one per line; may be repeated.",
    ),
    click.option("-A", "--user-agent", metavar="NAME", help="User-Agent to send."),
    click.option(
        "-u", "--user", metavar="USER:PASSWORD", callback=_user, help="User and password for Basic authentication."
    ),
    click.option(
        "--host-header",
        "host_headers",
        multiple=True,
        type=host_header,
        metavar="HOST:NAME=VALUE",
        help="Header field for one host only, or for *.HOST; may be repeated.",
    ),
    click.option(
        "--host-token",
        "host_tokens",
        multiple=True,
        type=host_token,
        metavar="HOST=SOURCE",
        help="Bearer token for one host only, from env:VARIABLE or file:PATH; may be repeated.",
    ),
    click.option("--netrc", is_flag=True, help="Send the passwords in ~/.netrc or $NETRC to their hosts."),
    env_option("--timeout", type=seconds, metavar="SECONDS", help="Time limit for each URL, retries included."),
    env_option(
        "--retries",
        type=integer(0, _MAX_RETRIES),
        metavar="N",
        default=2,
        show_default=True,
        help="Number of retries after a failed attempt.",
    ),
    env_option("--max-bytes", type=size, metavar="SIZE", help="Size limit for each URL, such as 10M or 1.5GiB."),
    access,
    click.option("--proxy", metavar="URL", help="Proxy for all requests, such as http://proxy:3128."),
    click.option(
        "--cacert",
        type=click.Path(exists=True, path_type=str),
        metavar="FILE",
        help="PEM file or folder with the certificate authorities to trust.",
    ),
    click.option("-k", "--insecure", is_flag=True, help="Do not verify the certificates of servers."),
    click.option("-v", "--verbose", is_flag=True, help="Print connections, requests and responses, without secrets."),
)
