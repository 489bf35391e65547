"""Ctrl-C in a program that downloads: it takes effect at once, and a second one loses no partial file."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from httpconn.disk.hiddennames import HiddenNames
from httpconn.disk.sidecar import load
from tests.servers.application import pattern
from tests.servers.files import Served, cut
from tests.servers.scripted import Stall

ROOT = Path(__file__).parents[2]
BODY = pattern(2_500_001)
SENT = 1_300_007
COUNT = 3

# Nothing but the clean-up makes a checkpoint. The main thread never takes the signal: a signal that comes just before
# the thread waits is the same to it.
PROGRAM = """
import signal, sys, threading
import httpconn
from httpconn.downloads import saving

saving.CHECKPOINT_EVERY = 3600.0
method, url, folder, count, hidden = *sys.argv[1:4], int(sys.argv[4]), sys.argv[5] == "hidden"
if hidden:
    threading.Thread(target=threading.Event().wait, daemon=True).start()
    signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
seen = set()


def show(progress):
    if progress.received and progress.path not in seen:
        seen.add(progress.path)
        print("received\\n", end="", flush=True)  # in one write: two threads call this


connection = httpconn.HTTPConnection(retries=0, timeout=600, limits=httpconn.Limits(min_speed=0))
if method == "download":
    connection.download(url, f"{folder}/0", progress=show)
elif method == "download_many":
    list(connection.download_many([(url, f"{folder}/{number}") for number in range(count)], progress=show))
else:
    list(connection.get_many([url] * count))
"""


def started(method: str, server, folder: Path, hidden: str = "") -> subprocess.Popen[bytes]:
    """Start a program, and wait until all its transfers have begun."""
    command = [sys.executable, "-c", PROGRAM, method, f"{server.url}/f", str(folder), str(COUNT), hidden]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if method == "get_many":
        server.wait_for(lambda: len(server.requests) == COUNT)
    else:
        for _ in range(1 if method == "download" else COUNT):
            assert process.stdout.readline() == b"received\n"
    return process


def stalling() -> Served:
    return Served(BODY, faults=[cut(SENT, Stall())] * COUNT)


@pytest.mark.parametrize("method", ["get_many", "download_many"])
def test_an_interrupt_takes_effect_though_no_worker_moves(scripted, tmp_path, method):
    server = scripted(stalling())
    with started(method, server, tmp_path, "hidden") as process:
        process.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in process.communicate(timeout=200)[1]
        assert process.returncode == -signal.SIGINT


@pytest.mark.parametrize("method", ["download", "download_many"])
def test_a_second_interrupt_loses_no_partial_file(scripted, tmp_path, method):
    server = scripted(stalling())
    names = [HiddenNames(str(tmp_path / str(number))) for number in range(1 if method == "download" else COUNT)]
    with started(method, server, tmp_path) as process:
        process.send_signal(signal.SIGINT)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=200)
    for each in names:
        record = load(each.sidecar)
        assert record is not None
        assert 0 < record.sidecar.committed <= SENT
        part = Path(each.part(record.token)).read_bytes()[: record.sidecar.committed]
        assert part == BODY[: record.sidecar.committed]
