"""The reorder buffer returns each result once and in order, and counts the pending calls."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from httpconn.exchange.batch import ReorderBuffer


@given(st.integers(1, 8), st.booleans(), st.integers(0, 40), st.randoms(use_true_random=False))
def test_each_result_is_returned_once_and_in_order(size, ordered, count, chance):
    buffer: ReorderBuffer[int] = ReorderBuffer(ordered=ordered)
    begun, under_way, finished, handed_out = 0, [], [], []
    while len(handed_out) < count:
        while begun < count and buffer.pending < size:
            under_way.append(buffer.begin())
            begun += 1
        assert buffer.pending == begun - len(handed_out)
        if buffer.ready:
            handed_out.append(buffer.pop())
        else:
            finished.append(under_way.pop(chance.randrange(len(under_way))))
            buffer.finish(finished[-1], finished[-1])
    assert handed_out == (list(range(count)) if ordered else finished)
    assert not buffer.pending
