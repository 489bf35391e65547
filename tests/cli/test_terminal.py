"""Output for people: help, completion, colours, and bars on terminals of any width."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import termios
from pathlib import Path

import click
import pytest

from httpconn.cli import cli
from tests.cli.test_cli import COMMAND, ENVIRONMENT, ROOT, read_terminal, run

PAGE = (ROOT / "docs" / "how-to" / "command-line.md").read_text("utf-8")


def on_terminal(
    *arguments: object, cwd: Path, width: int = 80, height: int = 24, **environment: str
) -> tuple[int, str]:
    """Return the exit code and the output bytes of a real pseudo-terminal."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", height, width, 0, 0))
    own = {name: value for name, value in ENVIRONMENT.items() if name not in ("COLUMNS", "LINES", "NO_COLOR")}
    with subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        cwd=cwd,
        env={**own, "TERM": "xterm-256color", **environment},
        stdout=follower,
        stderr=follower,
    ) as process:
        os.close(follower)
        screen = read_terminal(leader)
        return process.wait(200), screen


@pytest.mark.parametrize("width", [20, 40, 80, 200])
def test_bars_fit_the_terminal(application, tmp_path, width):
    name = "a-name-that-is-longer-than-the-terminal-is-wide"
    code, screen = on_terminal("download", f"{application}/bytes/300000", "-o", name, cwd=tmp_path, width=width)
    assert code == 0
    bars = [line for line in re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", screen).replace("\r", "\n").split("\n") if line]
    # Room for the ^C that the terminal echoes: without it, the bar would wrap.
    assert all(len(line) <= width - len("^C") for line in bars if "verified" not in line)


def test_a_dumb_terminal_gets_lines(application, tmp_path):
    code, screen = on_terminal("download", f"{application}/bytes/300000", cwd=tmp_path, TERM="dumb")
    assert (code, "\x1b" in screen) == (0, False)
    assert "300000: 0.3 MB of 0.3 MB" in screen


@pytest.mark.parametrize(
    ("environment", "coloured"), [({}, True), ({"NO_COLOR": "1"}, False), ({"TERM": "dumb"}, False)]
)
def test_colours_are_for_terminals_that_want_them(tmp_path, environment, coloured):
    _, screen = on_terminal("check", "http://10.0.0.1/", cwd=tmp_path, **environment)
    assert ("\x1b[31m" in screen) is coloured


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_completion(shell):
    done = run("completion", shell)
    assert done.returncode == 0
    assert b"_HTTPCONN_COMPLETE" in done.stdout


def test_a_shell_is_given_the_options_of_a_command():
    environment = {**ENVIRONMENT, "_HTTPCONN_COMPLETE": "bash_complete", "COMP_WORDS": "httpconn download --mi"}
    done = subprocess.run(COMMAND, env={**environment, "COMP_CWORD": "2"}, capture_output=True, timeout=200)
    assert done.stdout == b"plain,--mirror\n"


@pytest.mark.parametrize("name", cli.commands)
@pytest.mark.parametrize("width", [40, 80, 120])
def test_help_fits(name, width):
    command = cli.commands[name]
    context = click.Context(command, info_name=f"httpconn {name}", terminal_width=width)
    text = command.get_help(context)
    prose = [line for line in text.splitlines() if not re.match(r"  +(\d+  |-|In |<)", line)]
    assert max(map(len, prose)) <= max(width, 50)


def test_the_page_documents_each_option_and_no_other():
    table = PAGE.partition("## Options")[2].partition("## Exit codes")[0]
    documented = set(re.findall(r"(?<![\w-])--?[a-zA-Z][\w-]*", "".join(re.findall(r"^\| (.+?) \|", table, re.M))))
    assert documented == {"--help", "-h", "--version"} | {name for option in options() for name in option.opts}


def test_each_variable_that_gives_an_option_is_documented():
    page = (ROOT / "docs" / "reference" / "environment.md").read_text("utf-8")
    documented = dict(re.findall(r"`(HTTPCONN_\w+)` \| `(--[\w-]+)`", page))
    assert documented == {str(option.envvar): option.opts[-1] for option in options() if option.envvar}


def options() -> list[click.Option]:
    each = (option for command in cli.commands.values() for option in command.params)
    return [option for option in each if isinstance(option, click.Option)]
