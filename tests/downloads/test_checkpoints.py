"""Checkpoints of a running transfer, so that a killed process loses little."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

import pytest

import httpconn
from httpconn.disk.hiddennames import HiddenNames
from httpconn.disk.sidecar import load
from httpconn.downloads import saving
from httpconn.downloads import segmented as segments
from tests.servers.application import pattern
from tests.servers.files import Served, cut
from tests.servers.scripted import Stall

SIZE = 5_000_001
BODY = pattern(SIZE)
SENT = 1_500_007
ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def _often(monkeypatch):
    for module in (saving, segments):
        monkeypatch.setattr(module, "CHECKPOINT_EVERY", 0.02)


def proven(target):
    """Return the bytes that are on disk according to the sidecar."""
    record = load(HiddenNames(str(target)).sidecar)
    return 0 if record is None else sum(end - start for start, end in record.sidecar.ranges)


def wait_for(condition):
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.mark.parametrize("count", [1, 2])
def test_a_stalled_transfer_is_saved_to_its_last_byte(face, connect, scripted, tmp_path, count):
    """A transfer on one connection, or on several, each stalled within a block."""
    served = Served(BODY, faults=[cut(SENT if count == 1 else 300_007, Stall())] * count)
    server, target = scripted(served), tmp_path / "file"
    connection = connect(retries=0)
    future = face.start(connection, "download", f"{server.url}/f", target, segments=count, timeout=60)
    wait_for(lambda: proven(target) == (SENT if count == 1 else count * 300_007))
    part = Path(HiddenNames(str(target)).part(load(HiddenNames(str(target)).sidecar).token)).read_bytes()
    for start, end in load(HiddenNames(str(target)).sidecar).sidecar.ranges:
        assert part[start:end] == BODY[start:end]
    assert not future.done()
    face.close(connection)


def test_a_long_transfer_is_saved_by_bytes_too(face, connect, scripted, tmp_path, monkeypatch):
    monkeypatch.setattr(saving, "CHECKPOINT_EVERY", 3600.0)
    monkeypatch.setattr(saving, "CHECKPOINT_BYTES", 1024 * 1024)
    served = Served(BODY, faults=[cut(SENT, Stall())])
    server, target = scripted(served), tmp_path / "file"
    connection = connect(retries=0)
    face.start(connection, "download", f"{server.url}/f", target, timeout=60)
    wait_for(lambda: proven(target) >= 1024 * 1024)
    face.close(connection)


CHILD = """
import sys, httpconn
httpconn.HTTPConnection(retries=0).download(sys.argv[1], sys.argv[2], timeout=60)
"""


def test_a_process_killed_during_a_stall_loses_no_byte(scripted, tmp_path):
    server, target = scripted(Served(BODY, faults=[cut(SENT, Stall())])), tmp_path / "file"
    command = [sys.executable, "-c", CHILD, f"{server.url}/f", str(target)]
    with subprocess.Popen(command, cwd=ROOT) as process:
        wait_for(lambda: proven(target) == SENT)
        process.kill()
    with httpconn.HTTPConnection() as connection:
        result = connection.download(f"{server.url}/f", target)
    assert server.requests[-1].header("Range") == f"bytes={SENT}-"
    assert (result.resumed, target.read_bytes()) == (SENT, BODY)
    assert list(tmp_path.iterdir()) == [target]
