"""Interruptions of a download at any moment: its lock is released, and every partial file is named by another file."""

from __future__ import annotations

import random

import pytest

from httpconn import HTTPConnection
from tests.runtime.test_interruption import interrupted
from tests.servers.files import Served
from tests.torture.storm import left_behind, wait_until

# An interruption can drop a coroutine before its start, or a new socket. Python closes both.
pytestmark = [
    pytest.mark.filterwarnings("ignore:coroutine .* was never awaited:RuntimeWarning"),
    pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"),
]

BODY = random.Random(0).randbytes(100_003)
STEP = 23
"""Number of moments of a download for each one that is tested."""


@pytest.mark.parametrize("existing", [False, True], ids=["new", "replaced"])
def test_a_handler_that_raises_at_any_moment_leaves_nothing_behind(scripted, tmp_path, existing):
    url, target = f"{scripted(Served(BODY)).url}/f", tmp_path / "file"
    with HTTPConnection(retries=0) as connection:
        connection.download(url, tmp_path / "other")
        moment, ran = 1, True
        while ran:
            if not existing:
                target.unlink(missing_ok=True)
            ran = interrupted(lambda: connection.download(url, target), moment)
            wait_until(lambda: not left_behind(target), lambda: f"moment {moment}: {left_behind(target)}")  # noqa: B023
            assert not target.exists() or target.read_bytes() == BODY
            moment += STEP
        connection.download(url, target)
    assert moment > 500
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "other"]
