"""Values and options that commands share."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
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


def header(value: str) -> tuple[str, str]:
    """``Name: value``."""
    name, colon, text = value.partition(":")
    if not colon or not name:
        raise click.BadParameter("a header is given as 'Name: value'")  # without the text, which may be a secret
    return name, text.strip()


def with_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """The options that all commands share."""
    options: tuple[Callable[[Any], Any], ...] = (
        click.option("--max-bytes", type=size, metavar="SIZE", help="Refuse anything larger, such as 10M or 1.5GiB."),
        click.option(
            "--retries", type=click.IntRange(0), metavar="N", default=2, show_default=True, help="Further attempts."
        ),
        click.option(
            "--timeout",
            type=click.FloatRange(min=0, min_open=True),
            metavar="SECONDS",
            help="For the whole transfer of each URL.",
        ),
        click.option(
            "-H",
            "--header",
            "headers",
            multiple=True,
            type=header,
            metavar="'NAME: VALUE'",
            help="Send a header; may be repeated.",
        ),
    )
    for option in options:
        command = option(command)
    return command
