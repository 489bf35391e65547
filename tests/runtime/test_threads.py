"""Worker groups of threads: a stopped group starts no more work."""

from __future__ import annotations

import threading

import pytest

from httpconn.api.syncport import WorkerPort
from httpconn.core.deadlines import Deadline
from httpconn.runtime.stepping import run_sync
from httpconn.runtime.threads import Stopped, ThreadChannel, ThreadWorkerGroup


@pytest.fixture
def group():
    made = ThreadWorkerGroup()
    yield made
    made.stop()
    made.join()


async def note(done: list[str], item: str) -> None:
    done.append(item)


async def pass_on(source: ThreadChannel[str], done: list[str]) -> None:
    while True:
        done.append(await source.receive())


def test_workers_run_flows(group):
    channel, done = group.channel(), []
    group.start(pass_on, channel, done)
    channel.send("one")
    group.start(note, done, "two")
    while len(done) < 2:
        threading.Event().wait(0.001)
    assert sorted(done) == ["one", "two"]


def test_a_stopped_group_starts_no_worker(group):
    done: list[str] = []
    group.stop()
    with pytest.raises(Stopped):
        group.start(note, done, "late")
    assert not done


def test_a_worker_that_starts_during_the_stop_does_nothing(group, monkeypatch):
    done: list[str] = []
    start = threading.Thread.start

    def stop_and_start(thread):
        group.stop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", stop_and_start)
    group.start(note, done, "late")
    group.join()
    assert not done


def test_queued_items_are_left_after_the_stop(group):
    channel, done = group.channel(), []
    for item in "abc":
        channel.send(item)
    group.stop()
    with pytest.raises(Stopped):
        run_sync(pass_on(channel, done))
    assert not done


def test_the_stop_wakes_all_waiting_workers(group):
    channels = [group.channel() for _ in range(3)]
    for channel in channels:
        group.start(pass_on, channel, [])
    group.stop()
    group.join()
    assert not [thread for thread in threading.enumerate() if thread.name == "httpconn-worker"]


def test_a_stopped_worker_does_not_wake_other_waiters(group):
    port = WorkerPort(None, group, owned=False)
    event = port.make_event()
    group.stop()
    with pytest.raises(Stopped):
        run_sync(port.wait(event, Deadline()))
    assert not event.is_set()
