"""``httpconn`` and ``python -m httpconn``."""

import signal
import sys

from .importing import import_httpx, without_collection


def main() -> None:
    """Run the command line, or print which packages it needs."""
    try:
        with without_collection():
            import_httpx()
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


if __name__ == "__main__":
    main()
