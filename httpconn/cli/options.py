"""Values and options that commands share."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import chain
from typing import Any

import click

_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*([kmgt]?)(i?)b?", re.IGNORECASE)
_PREFIXES = " kmgt"


def size(value: str) -> int:
    """Bytes as people write them: 500, 10M (10,000,000), 1.5GiB (of 1024)."""
    match = _SIZE.fullmatch(value.strip())
    if match is None:
        raise click.BadParameter(f"{value!r} is no size, such as 500, 10M or 1.5GiB")
    power = _PREFIXES.index(match[2].lower() or " ")
    return int(Fraction(match[1]) * (1024 if match[3] else 1000) ** power)


def header(value: str) -> list[tuple[str, str]]:
    """``Name: value``, or ``@FILE`` for those of a file, which no list of processes shows."""
    if not value.startswith("@"):
        return [_field(value)]
    try:
        with click.open_file(value[1:], encoding="utf-8") as lines:
            return [_field(line) for line in lines if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise click.BadParameter(f"{value[1:]!r} cannot be read: {getattr(error, 'strerror', 'no UTF-8')}") from error


def _field(line: str) -> tuple[str, str]:
    name, colon, text = line.partition(":")
    if not colon or not name:
        raise click.BadParameter("a header is given as 'Name: value'")  # without the text, which may be a secret
    return name, text.strip()


def _joined(
    _context: click.Context, _option: click.Parameter, given: Iterable[list[tuple[str, str]]]
) -> dict[str, str]:
    return dict(chain.from_iterable(given))


def of_environment(name: str, **attributes: Any) -> Callable[[Any], Any]:
    """An option that a variable of the environment can give."""
    return click.option(name, envvar=f"HTTPCONN{name[1:].replace('-', '_').upper()}", show_envvar=True, **attributes)


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that all commands share."""
    options: tuple[Callable[[Any], Any], ...] = (
        of_environment("--max-bytes", type=size, metavar="SIZE", help="Refuse anything larger, such as 10M or 1.5GiB."),
        of_environment("--retries", type=int, metavar="N", default=2, show_default=True, help="Further attempts."),
        of_environment("--timeout", type=float, metavar="SECONDS", help="For the whole transfer of each URL."),
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
    )
    for option in options:
        command = option(command)
    return command
