"""``httpconn completion SHELL``."""

import click
from click.shell_completion import BashComplete, FishComplete, ShellComplete, ZshComplete

from .ending import one_line_errors
from .output import Command, print_line

SHELLS: dict[str, type[ShellComplete]] = {"bash": BashComplete, "zsh": ZshComplete, "fish": FishComplete}
VARIABLE = "_HTTPCONN_COMPLETE"  # environment variable by which a shell asks click for completions


@click.command(cls=Command, short_help="Print a completion script for a shell.")
@click.argument("shell", type=click.Choice(list(SHELLS)))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print a script that completes commands and options in SHELL.

    \b
    In bash: eval "$(httpconn completion bash)"
    In zsh:  eval "$(httpconn completion zsh)"
    In fish: httpconn completion fish | source
    """
    with one_line_errors():
        print_line(SHELLS[shell](context.find_root().command, {}, "httpconn", VARIABLE).source())
