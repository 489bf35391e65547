"""The segments of a download: every byte is received exactly once."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core.segments import (
    MAX_AUTOMATIC,
    MIN_REMAINING,
    MIN_SEGMENT,
    STEP,
    Parallelism,
    Segment,
    SegmentPlan,
    merged,
)

MIB = 1024 * 1024
ranges = st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)).map(sorted).map(tuple))


def test_the_first_connection_takes_all_and_others_half_of_the_largest_segment():
    plan = SegmentPlan(16 * MIB, [])
    first = plan.first()
    assert (first.start, first.end) == (0, 16 * MIB)
    second = plan.take()
    assert (second.start, second.end, first.end) == (8 * MIB, 16 * MIB, 8 * MIB)
    plan.advance(second, MIB)
    third = plan.take()
    assert (third.start, third.end, first.end) == (4 * MIB, 8 * MIB, 4 * MIB)


def test_only_segments_that_received_bytes_are_counted():
    plan = SegmentPlan(16 * MIB, [])
    first, second, refused = plan.first(), plan.take(), plan.take()
    assert plan.reserve(first, MIB) == plan.reserve(second, MIB) == MIB
    plan.release(refused)
    plan.release(second)
    plan.reserve(plan.take(), MIB)
    assert plan.used == 2


def test_bytes_that_are_being_received_stay_with_their_segment():
    plan = SegmentPlan(4 * MIB, [])
    first = plan.first()
    assert plan.reserve(first, 3 * MIB) == 3 * MIB
    assert plan.take() is None
    plan.advance(first, 1)
    assert (first.position, first.end) == (1, 4 * MIB)


def test_released_bytes_are_taken_first():
    plan = SegmentPlan(100 * MIB, [])
    first, second = plan.first(), plan.take()
    plan.advance(second, MIB)
    plan.release(second)
    again = plan.take()
    assert (again.start, again.end) == (51 * MIB, 100 * MIB)
    assert plan.done == [(50 * MIB, 51 * MIB)]
    assert first.end == 50 * MIB


def test_a_resumed_download_starts_with_its_gaps():
    plan = SegmentPlan(10, [(0, 2), (5, 7)])
    assert [(each.start, each.end) for each in (plan.first(), plan.take(), plan.take()) if each] == [(2, 5), (7, 10)]
    assert not plan.has_more


@given(ranges)
def test_merged_ranges_hold_the_same_bytes_and_never_touch(given_ranges):
    found = merged(given_ranges)
    assert {byte for start, end in found for byte in range(start, end)} == {
        byte for start, end in given_ranges for byte in range(start, end)
    }
    assert all(one[1] < other[0] for one, other in pairwise(found))


@given(st.integers(1, 40 * MIN_SEGMENT), st.data())
def test_every_byte_is_received_exactly_once(total, data):
    plan = SegmentPlan(total, [])
    seen = bytearray(total // 997 + 1)
    working: list[Segment] = [plan.first()]
    while working:
        segment = data.draw(st.sampled_from(working))
        step = data.draw(st.sampled_from(["go", "go", "go", "join", "break"]))
        if step == "join" and len(working) < 8:
            other = plan.take()
            working += [other] if other else []
        elif step == "break" and len(working) > 1:
            plan.release(segment)
            working.remove(segment)
        elif count := plan.reserve(segment, 3 * MIN_SEGMENT):
            for byte in range(segment.position + -segment.position % 997, segment.position + count, 997):
                seen[byte // 997] += 1
            plan.advance(segment, count)
        else:
            plan.release(segment)
            working.remove(segment)
            other = plan.take()
            working += [other] if other else []
    assert plan.done == [(0, total)]
    assert set(seen[: -(-total // 997)]) == {1}


@pytest.mark.parametrize(
    ("pace", "speed", "rest", "connections"),
    [
        (Parallelism(), 1.0 * MIB, 10 * MIN_REMAINING, STEP),
        (Parallelism(), 1000.0 * MIB, 10 * MIN_REMAINING, 1),  # it is here before more connections are
        (Parallelism(), 1.0, MIN_REMAINING - 1, 1),
        (Parallelism(STEP, 10.0), 20.0, MIN_REMAINING, 2 * STEP),
        (Parallelism(STEP, 10.0), 10.5, MIN_REMAINING, STEP),
        (Parallelism(12, 10.0), 20.0, MIN_REMAINING, MAX_AUTOMATIC),
        (Parallelism(MAX_AUTOMATIC, 10.0), 20.0, MIN_REMAINING, MAX_AUTOMATIC),
        (Parallelism(8, 10.0, is_final=True), 90.0, MIN_REMAINING, 8),
    ],
)
def test_connections_are_added_while_they_raise_the_speed(pace, speed, rest, connections):
    assert pace.after(speed, rest).connections == connections


def test_connections_are_not_added_after_a_step_without_effect():
    assert Parallelism(4, 10.0).after(10.0, MIN_REMAINING).after(100.0, MIN_REMAINING).connections == 4
