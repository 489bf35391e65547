"""``httpconn`` and ``python -m httpconn``."""

from __future__ import annotations

import signal
import sys


def main() -> None:
    """Run the command line, or say what it needs."""
    try:
        _import_httpx()
        from .cli import cli
    except KeyboardInterrupt:  # importing takes long enough to be interrupted
        print("httpconn: interrupted", file=sys.stderr)
        sys.exit(128 + signal.SIGINT)
    except ModuleNotFoundError as error:
        if error.name != "click":
            raise
        print("httpconn: the command line needs click and rich: pip install 'httpconn[cli]'", file=sys.stderr)
        sys.exit(2)
    cli(prog_name="httpconn")


def _import_httpx() -> None:
    """Import httpx without its own command line, which imports rich and pygments: a third of the time to start.

    A None in ``sys.modules`` makes an import fail (Python's reference, "The module cache"). httpx can do without.
    """
    if "httpx" in sys.modules:
        return
    sys.modules["httpx._main"] = None  # type: ignore[assignment]
    try:
        import httpx  # noqa: F401
    finally:
        del sys.modules["httpx._main"]


if __name__ == "__main__":
    main()
