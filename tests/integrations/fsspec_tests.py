"""fsspec's own tests of its HTTP filesystem, over httpconn's.

Args: a folder that holds a source distribution of fsspec with its tests, and arguments for pytest.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
TESTS = "fsspec/implementations/tests/test_http.py"
WRITES = "The filesystem only reads."
SESSION = "It closes a client of aiohttp, which httpconn does not use."
RIGHT_BYTES = "It expects a ValueError, and httpconn returns the right bytes."
NOT_APPLICABLE = {
    "test_put_file": WRITES,
    "test_pipe_file": WRITES,
    "test_close": SESSION,
    "test_exists_strict": "It expects an error of aiohttp. httpconn raises its StatusError.",
    "test_content_encoding_gzip": "It expects a class of fsspec. httpconn returns a file that can seek.",
    "test_random_access[headers0]": RIGHT_BYTES,
    "test_no_range_support": RIGHT_BYTES,
    "test_policy_arg": "The option size_policy selects between HEAD and GET. httpconn tries both.",
    "test_encoded": "It sets an option of fsspec's filesystem. httpconn encodes a URL where needed.",
}


def main(folder: Path, *args: str) -> int:
    (archive,) = folder.glob("fsspec-*.tar.gz")
    with tarfile.open(archive) as opened:
        opened.extractall(folder, filter="data")
    source = folder / archive.name.removesuffix(".tar.gz")
    tests = folder / "test_http.py"
    tests.write_bytes((source / TESTS).read_bytes())
    path = os.pathsep.join(map(str, (Path(__file__).with_name("fsspec_http"), ROOT)))
    environment = {"PYTHONPATH": path, "TESTED_SOURCE": str(source / "fsspec")}
    skipped = [f"--deselect=test_http.py::{name}" for name in NOT_APPLICABLE]
    own = ["-c", os.devnull, "--rootdir", str(folder), "-p", "no:cacheprovider", "--timeout", "60", "-W", "default"]
    command = [sys.executable, "-m", "pytest", *own, tests.name, *skipped, *args]
    return subprocess.run(command, cwd=folder, env=os.environ | environment, check=False).returncode


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]).absolute(), *sys.argv[2:]))
