"""The queues of the hosts: the order of the items, and the limits of each host."""

from __future__ import annotations

import random
from collections import Counter, deque

from hypothesis import given
from hypothesis import strategies as st

from httpconn.core.hostqueues import MAX_HOSTS, MAX_TRIES, HostQueues
from httpconn.exchange.batch import READ_AHEAD
from tests.benchmarks.scale import CONCURRENCY, hosts_of, simulate, totals_of


def filled(names: str, limit: int = 100, tries: int = 100) -> HostQueues[str]:
    queues: HostQueues[str] = HostQueues(lambda _: limit, tries, 100)
    for number, name in enumerate(names):
        queues.add(name, number, name)
    return queues


def taken(queues: HostQueues[str]) -> list[int]:
    items = []
    while (item := queues.take()) is not None:
        items.append(item[1])
    return items


def test_without_a_limit_the_items_come_in_order() -> None:
    assert taken(filled("abcabc")) == [0, 1, 2, 3, 4, 5]


def test_a_full_host_is_skipped() -> None:
    queues = filled("aaabab", limit=2)
    assert queues.blocked == 2
    assert taken(queues) == [0, 1, 3, 5]
    queues.leave("a", tries=True)
    assert taken(queues) == [2]


def test_a_host_whose_call_waits_for_the_rate_limit_starts_no_other() -> None:
    queues = filled("aab")
    queues.take()
    queues.hold("a", 1)
    queues.leave("a", tries=True)
    assert taken(queues) == [2]
    queues.hold("a", -1)
    assert queues.enter("a") is True
    assert taken(queues) == [1]


def test_few_calls_wait_for_the_first_connection_to_a_host() -> None:
    queues = filled("a" * MAX_TRIES * 2)
    assert (queues.blocked, queues.untried, queues.ready) == (0, MAX_TRIES, MAX_TRIES)
    assert len(taken(queues)) == MAX_TRIES
    queues.leave("a", tries=True)
    assert len(taken(queues)) == 1
    queues.prove("a")
    assert len(taken(queues)) == MAX_TRIES - 1
    assert queues.enter("a") is False


def test_hosts_without_a_connection_share_a_number_of_tries() -> None:
    queues = filled("abcdab", tries=2)
    assert (queues.untried, queues.ready) == (4, 2)
    assert taken(queues) == [0, 1]
    assert queues.enter("c") is None
    queues.prove("a")
    assert (queues.untried, queues.ready) == (2, 2)
    assert taken(queues) == [2, 4]
    queues.leave("b", tries=True)
    assert taken(queues) == [3]


def test_half_of_the_tries_are_for_hosts_without_a_try() -> None:
    queues = filled("aaaabbbbcde", tries=8)
    assert taken(queues) == [0, 1, 2, 3, 4, 8, 9, 10]
    assert (queues.untried, queues.ready) == (3, 0)
    queues.leave("b", tries=True)
    assert taken(queues) == [5]
    assert queues.enter("c") is None


def test_a_host_has_at_most_as_many_calls_as_workers_while_one_tries() -> None:
    queues: HostQueues[str] = HostQueues(lambda _: 100, 100, 3)
    for number in range(10):
        queues.add("a", number, "")
    assert len(taken(queues)) == 3
    queues.prove("a")
    assert (queues.blocked, queues.ready, taken(queues)) == (0, 0, [])
    queues.leave("a", tries=False)
    assert len(taken(queues)) == 1
    queues.prove("a")
    queues.prove("a")
    assert len(taken(queues)) == 6


def test_without_tries_all_hosts_count_as_connected() -> None:
    queues: HostQueues[str] = HostQueues(lambda _: 100, None, 100)
    for number in range(50):
        queues.add("a", number, "")
    assert len(taken(queues)) == 50


def test_a_host_can_get_a_higher_limit() -> None:
    queues = filled("aaa", limit=1)
    assert taken(queues) == [0]
    queues.prove("a")
    queues.widen("a", 2)
    assert taken(queues) == [1]


def test_a_call_that_continues_comes_before_new_calls_of_its_host() -> None:
    queues = filled("aaa", limit=1)
    assert queues.take() == ("a", 0, "a", True)
    assert queues.enter("a") is None
    queues.add("a", 0, "again", first=True)
    queues.leave("a", tries=True)
    assert queues.take() == ("a", 0, "again", True)


@given(
    st.lists(st.sampled_from("abcd"), max_size=40),
    st.integers(1, 3),
    st.integers(1, 9),
    st.randoms(use_true_random=False),
)
def test_every_item_is_taken_once(names, limit, tries, chance) -> None:
    queues, running, seen = filled("".join(names), limit, tries), deque[tuple[str, bool]](), []
    while len(seen) < len(names) or running:
        ready, takes = queues.ready, chance.random() < 0.6 or not running
        item = queues.take() if takes else None
        assert not takes or (item is not None) == (ready > 0)
        if item is None:
            assert running
            running.rotate(chance.randrange(5))
            name, is_try = running.popleft()
            if is_try and chance.random() < 0.5:
                queues.prove(name)
                is_try = False
            queues.leave(name, tries=is_try)
        else:
            running.append((item[0], item[3]))
            seen.append(item[1])
            assert max(Counter(name for name, _ in running).values()) <= limit
            assert sum(is_try for _, is_try in running) <= tries
    assert sorted(seen) == list(range(len(names)))
    assert (queues.queued, queues.blocked, queues.untried) == (0, 0, 0)


def test_the_number_of_known_hosts_is_limited() -> None:
    queues: HostQueues[str] = HostQueues(lambda _: 100, 100, 100)
    for number in range(3 * MAX_HOSTS):
        queues.add(str(number), number, "")
        assert queues.take() is not None
        queues.leave(str(number), tries=True)
    assert len(queues._hosts) <= MAX_HOSTS


def test_the_simulation_of_a_large_job_is_bounded():
    rng = random.Random(1)
    found = [simulate(hosts_of(count, totals_of(1000, 0.5), rng), rng) for count in (4_000, 8_000)]
    assert [(each.urls, each.hosts <= 1000) for each in found] == [(READ_AHEAD * CONCURRENCY, True)] * 2
