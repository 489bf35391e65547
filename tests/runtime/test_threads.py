"""A crew of threads that was stopped does nothing more, whoever still hands it work at that moment."""

from __future__ import annotations

import threading

import pytest

from httpconn.api.syncport import CrewPort
from httpconn.core.deadlines import Deadline
from httpconn.runtime.stepping import run_sync
from httpconn.runtime.threads import Stopped, ThreadChannel, ThreadCrew


@pytest.fixture
def crew():
    made = ThreadCrew()
    yield made
    made.stop()
    made.join()


async def note(done: list[str], item: str) -> None:
    done.append(item)


async def pass_on(source: ThreadChannel[str], done: list[str]) -> None:
    while True:
        done.append(await source.receive())


def test_it_works(crew):
    channel, done = crew.channel(), []
    crew.start(pass_on, channel, done)
    channel.send("one")
    crew.start(note, done, "two")
    while len(done) < 2:
        threading.Event().wait(0.001)
    assert sorted(done) == ["one", "two"]


def test_a_member_that_comes_late_does_not_begin(crew):
    done: list[str] = []
    crew.stop()
    with pytest.raises(Stopped):
        crew.start(note, done, "late")
    assert not done


def test_a_member_that_was_being_started_does_not_begin(crew, monkeypatch):
    done: list[str] = []
    start = threading.Thread.start

    def stop_and_start(thread):
        crew.stop()
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", stop_and_start)
    crew.start(note, done, "late")
    crew.join()
    assert not done


def test_what_is_left_to_do_is_left(crew):
    channel, done = crew.channel(), []
    for item in "abc":
        channel.send(item)
    crew.stop()
    with pytest.raises(Stopped):
        run_sync(pass_on(channel, done))
    assert not done


def test_all_who_wait_are_woken(crew):
    channels = [crew.channel() for _ in range(3)]
    for channel in channels:
        crew.start(pass_on, channel, [])
    crew.stop()
    crew.join()
    assert not [thread for thread in threading.enumerate() if thread.name == "httpconn-crew"]


def test_a_member_that_waits_for_others_is_stopped_without_waking_them(crew):
    port = CrewPort(None, crew, owned=False)
    signal = port.signal()
    crew.stop()
    with pytest.raises(Stopped):
        run_sync(port.wait(signal, Deadline()))
    assert not signal.is_set()
