"""The types of option values, and the options that several commands share."""

import functools
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from ..core import digests, mediatypes
from ..core.auth import Bearer
from ..core.paths import checked_file_path
from ..errors import InvalidRequest

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_PREFIXES = " kmgt"
_MAX_SECONDS = 2_000_000
_MAX_RETRIES = 1_000_000


def size(value: str) -> int:
    """Return the number of bytes in a size such as 500, 10M (10,000,000) or 1.5GiB (powers of 1024)."""
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is not a size, such as 500, 10M or 1.5GiB")
    power = _PREFIXES.index(match[2].lower() or " ")
    whole, _, decimals = match[1].partition(".")
    unit: int = (1024 if match[3] else 1000) ** power
    return int(whole + decimals) * unit // int(10 ** len(decimals))


class WholeNumber(click.IntRange):
    """A type of option values: whole numbers in a range."""

    name = "whole number"


class Seconds(click.FloatRange):
    """A type of option values: seconds."""

    name = "number of seconds"

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        number = super().convert(value, param, context)
        return number if number == number else self.fail("must be a number", param, context)


def rate(value: str) -> int:
    """Return the number of bytes in a size other than 0."""
    if number := size(value):
        return number
    raise click.BadParameter("must be more than 0")


def _checked_by(parse: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return a type of option values that the library parses; its error becomes a BadParameter."""

    def value(text: str) -> Any:
        try:
            return parse(text)
        except InvalidRequest as error:
            raise click.BadParameter(error.message) from error

    return value


digest: Callable[[str], str] = _checked_by(lambda text: str(digests.parse(text)))
_output: Callable[[str], Path] = _checked_by(checked_file_path)
media_type: Callable[[str], str] = _checked_by(lambda text: mediatypes.patterns(text)[0])


def header(value: str) -> list[tuple[str, str]]:
    """Return a header field ``Name: value``, or those of ``@FILE``, which keeps secrets out of the process list."""
    if not value.startswith("@"):
        return [_field(value)]
    return [_field(line) for line in _content_of(value[1:]).split("\n") if line.strip()]


class ListFile(click.File):
    """A type of option values: a list in UTF-8, with or without a byte order mark; - is standard input."""

    def __init__(self) -> None:
        super().__init__("r", "utf-8-sig", "surrogateescape")

    def convert(self, value: Any, param: click.Parameter | None, context: click.Context | None) -> Any:
        _require_input(value)
        return super().convert(value, param, context)


def _require_input(path: str) -> None:
    if path == "-" and sys.stdin is None:
        raise click.BadParameter("standard input is closed")


def _content_of(path: str) -> str:
    _require_input(path)
    try:
        with click.open_file(path, encoding="utf-8-sig") as file:
            return str(file.read())
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", "the file is not UTF-8")
        raise click.BadParameter(f"cannot read {path!r}: {reason}") from error


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
    token = os.environ.get(name) if kind == "env" else _content_of(name)
    if token is None:
        raise click.BadParameter(f"the environment variable {name} is not set")
    try:
        return host, Bearer(token.strip())
    except InvalidRequest as error:
        raise click.BadParameter(f"{name}: {error.message}") from None


def user(value: str) -> str:
    if ":" not in value:
        raise click.BadParameter("must be USER:PASSWORD")  # without the value, which may be a secret
    return value


Option = Callable[[Any], Any]  # a decorator that adds an option to a command


def env_option(*names: str, **attributes: Any) -> Option:
    """Return an option that an environment variable can set, such as HTTPCONN_TIMEOUT for ``--timeout``."""
    variable = f"HTTPCONN{names[-1][1:].replace('-', '_').upper()}"
    return click.option(*names, envvar=variable, show_envvar=True, **attributes)


create_dirs: Option = click.option("--create-dirs", is_flag=True, help="Create missing folders of the output path.")
jsonl: Option = click.option("--jsonl", is_flag=True, help="Print one line of JSON per URL, as each finishes.")
quiet: Option = click.option("-q", "--quiet", is_flag=True, help="Print results and errors only.")


def input_file(help_text: str) -> Option:
    return click.option(
        "--input-file",
        "input_files",
        type=ListFile(),
        metavar="FILE",
        multiple=True,
        help=f"{help_text} # starts a comment; - is standard input; may be repeated.",
    )


def once(context: click.Context, option: click.Parameter, values: tuple[str, ...]) -> str | None:
    """Return the value of an option that is declared as ``multiple``, so that no value replaces another one."""
    if len(values) > 1:
        raise click.BadParameter("may be given only once")
    return values[0] if values else None


def number(*names: str, most: int, help_text: str, default: int | None = None) -> Option:
    kind, is_shown = WholeNumber(1, most), default is not None
    return click.option(*names, type=kind, metavar="N", default=default, show_default=is_shown, help=help_text)


def concurrency(default: int, help_text: str) -> Option:
    return number("-j", "--concurrency", most=10_000, help_text=help_text, default=default)


def expect_type(name: str, help_text: str) -> Option:
    return click.option("--expect-type", name, type=media_type, metavar="TYPE", multiple=True, help=help_text)


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the connection options to a command, which receives them as one mapping, ``shared``."""

    @functools.wraps(command)
    def run(**values: Any) -> Any:
        return command(shared={name: values.pop(name) for name in SHARED}, **values)

    return functools.reduce(lambda made, option: option(made), reversed(_SHARED_OPTIONS), run)


def output(help_text: str) -> Option:
    return click.option("-o", "--output", type=_output, metavar="FILE", help=f"{help_text}; - is standard output.")


def path(*names: str, **attributes: Any) -> Option:
    return click.option(*names, type=click.Path(path_type=Path), **attributes)


_SHARED_OPTIONS: tuple[Option, ...] = (
    click.option(
        "-H",
        "--header",
        "headers",
        multiple=True,
        type=header,
        metavar="'NAME: VALUE'",
        help="Header field to send, or @FILE with one per line; may be repeated.",
    ),
    click.option("-A", "--user-agent", metavar="NAME", help="User-Agent to send."),
    click.option(
        "-u", "--user", metavar="USER:PASSWORD", type=user, help="User and password for Basic authentication."
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
    click.option("--netrc", is_flag=True, help="Send the passwords in ~/.netrc, or the file $NETRC, to their hosts."),
    env_option(
        "--timeout",
        type=Seconds(0, _MAX_SECONDS, min_open=True),
        metavar="SECONDS",
        help="Time limit for each URL, retries included. Default: 30 with --access public, otherwise none.",
    ),
    env_option(
        "--retries",
        type=WholeNumber(0, _MAX_RETRIES),
        metavar="N",
        default=2,
        show_default=True,
        help="Number of retries after a failed attempt.",
    ),
    env_option(
        "--max-bytes",
        type=size,
        metavar="SIZE",
        help="Size limit for each URL, such as 10M or 1.5GiB. "
        "Default: 64MiB with --access public; otherwise 1GiB, and for download none.",
    ),
    click.option(
        "--access",
        type=click.Choice(["public", "anywhere"]),
        help="Access policy: public addresses only, or any address. "
        "Default: HTTPCONN_ACCESS; without it, public for dataset without --proxy, otherwise anywhere.",
    ),
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

SHARED = tuple(each.name for each in click.command()(with_options(lambda: None)).params)
"""Names of the connection options."""
