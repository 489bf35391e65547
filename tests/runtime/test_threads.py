"""A crew of threads that was stopped does nothing more, whoever still hands it work at that moment."""

from __future__ import annotations

import threading

import pytest

from httpconn.api.syncport import WorkerPort
from httpconn.core.deadlines import Deadline
from httpconn.runtime.stepping import run_sync
from httpconn.runtime.threads import Stopped, ThreadChannel, ThreadWorkerGroup


@pytest.fixture
def worker_group():
    made = ThreadWorkerGroup()
    yield made
    made.stop()
    made.join()


async def note(done: list[str], item: str) -> None:
    done.append(item)


async def pass_on(source: ThreadChannel[str], done: list[str]) -> None:
    while True:
        done.append(await source.receive())


def test_it_works(group):
    channel, done = group.channel(), []
    group.start(pass_on, channel, done)
    channel.send("one")
    group.start(note, done, "two")
    while len(done) < 2:
        threading.Event().wait(0.001)
    assert sorted(done) == ["one", "two"]


def test_a_member_that_comes_late_does_not_begin(group):
    done: list[str] = []
    group.stop()
    with pytest.raises(Stopped):
        group.start(note, done, "late")
    assert not done


def test_a_member_that_was_being_started_does_not_begin(group, monkeypatch):
    done: list[str] = []
    start = threading.Thread.start

    def stop_and_start(thread):
        group.stop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", stop_and_start)
    group.start(note, done, "late")
    group.join()
    assert not done


def test_what_is_left_to_do_is_left(group):
    channel, done = group.channel(), []
    for item in "abc":
        channel.send(item)
    group.stop()
    with pytest.raises(Stopped):
        run_sync(pass_on(channel, done))
    assert not done


def test_all_who_wait_are_woken(group):
    channels = [group.channel() for _ in range(3)]
    for channel in channels:
        group.start(pass_on, channel, [])
    group.stop()
    group.join()
    assert not [thread for thread in threading.enumerate() if thread.name == "httpconn-worker"]


def test_a_member_that_waits_for_others_is_stopped_without_waking_them(group):
    port = WorkerPort(None, group, owned=False)
    event = port.make_event()
    group.stop()
    with pytest.raises(Stopped):
        run_sync(port.wait(event, Deadline()))
    assert not event.is_set()
