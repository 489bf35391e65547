"""A comparison of httpconn with other libraries for untrusted URLs, on the same cases; writes a table.

Each library has its own virtual environment and fetches in a child process with the resolver and the network of
``network.py``: no packet leaves the machine. It needs Linux, and pip to install the libraries.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import venv
from collections.abc import Iterable
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

from tests.attacks.bombs import MIB
from tests.comparison.cases import (
    BOMBS,
    DRIPPED,
    FORBIDDEN,
    GOOD,
    TIMEOUT,
    Case,
    bomb_case,
    site,
    went_inside,
    went_inside_undisputed,
)
from tests.comparison.table import Row, write
from tests.servers.scripted import Received, ScriptedServer, response

ROOT = Path(__file__).parents[2]
PATIENCE = 120
STARTS = 5

PACKAGES = {
    "httpconn": ".",
    "advocate": "advocate",
    "drawbridge": "drawbridge",
    "httpx-secure": "httpx-secure",
    "microsoft-antissrf": "microsoft-antissrf",
    "requests-hardened": "requests-hardened",
    "safehttpx": "safehttpx",
    "ssrfguard": "ssrfguard[httpx]",
    "httpx": "httpx",
    "requests": "requests",
}


class Peer(NamedTuple):
    """A library, and the interpreter that can import it."""

    name: str
    python: Path

    @property
    def packages(self) -> Path:
        return next((self.python.parent.parent / "lib").glob("python3*")) / "site-packages"


def installed(name: str, folder: Path) -> Peer | str:
    """Return the library in its own environment, or the reason why it cannot be installed."""
    home = folder / name
    peer = Peer(name, home / "bin" / "python")
    if not peer.python.exists():
        venv.create(home, with_pip=True)
    pip = [str(peer.python), "-m", "pip", "install", "--quiet", PACKAGES[name]]
    done = subprocess.run(pip, cwd=ROOT, capture_output=True, text=True, check=False)
    return peer if done.returncode == 0 else done.stderr.strip().splitlines()[-1]


def run(peer: Peer, server: ScriptedServer, cases: Iterable[Case]) -> dict[str, Any]:
    """Run the cases in one child process; return the results."""
    command = [str(peer.python), "-m", "tests.comparison.child", peer.name, "127.0.0.1", str(server.port), str(TIMEOUT)]
    asked = json.dumps([case._asdict() for case in cases])
    done = subprocess.run(command, cwd=ROOT, input=asked, capture_output=True, text=True, check=True, timeout=PATIENCE)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measured(peer: Peer, server: ScriptedServer) -> Row:
    forbidden = {name: run(peer, server, cases)["cases"] for name, cases in FORBIDDEN.items()}
    good = run(peer, server, GOOD)["cases"]
    bombs = {
        name: run(peer, server, [Case("http://start.example/"), bomb_case(coding)]) for name, coding in BOMBS.items()
    }
    starts = [run(peer, server, [])["start"] for _ in range(STARTS)]
    return Row(
        name=peer.name,
        inside={name: sum(went_inside(each["dialled"]) for each in found) for name, found in forbidden.items()},
        undisputed=sum(went_inside_undisputed(each["dialled"]) for found in forbidden.values() for each in found),
        refused=sum(not each["dialled"] and not each["result"].endswith("bytes") for each in good),
        bombs={name: found["cases"][1]["grown"] // MIB for name, found in bombs.items()},
        dripped=run(peer, server, [DRIPPED])["cases"][0]["seconds"],
        start=median(starts),
        size=size(peer.packages),
    )


def size(packages: Path) -> int:
    """Return the bytes of the installed packages without pip."""
    own = [each for each in packages.iterdir() if not each.name.startswith(("pip", "setuptools", "pkg_resources"))]
    files = (file for each in own for file in ([each] if each.is_file() else each.rglob("*")))
    return sum(file.stat().st_size for file in files if file.is_file() and file.suffix != ".pyc")


def main() -> None:
    parser = argparse.ArgumentParser(prog="tests.comparison", description=__doc__)
    parser.add_argument("--environments", type=Path, required=True, help="where they are made and kept")
    parser.add_argument("--only", nargs="*", choices=PACKAGES, default=list(PACKAGES))
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "benchmarks" / "security.md")
    options = parser.parse_args()
    pages = site()

    def respond(request: Received) -> Any:
        return pages.get(request.path, response(body=b"ok"))

    rows, missing = [], {}
    with ScriptedServer(respond) as server:
        for name in options.only:
            peer = installed(name, options.environments)
            if isinstance(peer, str):
                missing[name] = peer
                continue
            rows.append(measured(peer, server))
            print(rows[-1], file=sys.stderr, flush=True)
    write(options.output, rows, missing)


if __name__ == "__main__":
    main()
