"""The ``httpconn`` command, which imports a command when it is used."""

import io
import sys
from collections.abc import Iterator, Mapping
from importlib import import_module
from typing import Any, ClassVar, cast

import click

from .._version import __version__
from ..importing import without_collection
from .ending import EPILOG, one_line_errors
from .output import Command


class Commands(Mapping[str, click.Command]):
    """The commands by name."""

    NAMES: ClassVar[tuple[str, ...]] = ("check", "completion", "dataset", "download", "get", "info", "verify")

    def __getitem__(self, name: str) -> click.Command:
        if name not in self.NAMES:
            raise KeyError(name)
        with one_line_errors(), without_collection():  # imports take long enough to be interrupted
            return cast(click.Command, getattr(import_module(f".{name}", __package__), name))

    def __iter__(self) -> Iterator[str]:
        return iter(self.NAMES)

    def __len__(self) -> int:
        return len(self.NAMES)


class Group(Command, click.Group):
    """The command group, which also reads the options of a command."""

    def invoke(self, ctx: click.Context) -> Any:
        with one_line_errors():
            return super().invoke(ctx)


@click.group(
    cls=Group,
    epilog=EPILOG,
    commands=cast(Any, Commands()),  # click only reads it
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.version_option(__version__, prog_name="httpconn", message="%(prog)s %(version)s")
def cli() -> None:
    """Fetch URLs, files and data sets over HTTP."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the mode of standard error: no character is an error
