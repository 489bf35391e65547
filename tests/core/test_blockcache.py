"""The block cache: reads return the bytes of the file, and memory is bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core import blockcache
from httpconn.core.blockcache import BlockCache

CONTENT = bytes(range(251)) * 4


@pytest.fixture(autouse=True, scope="module")
def _small():
    """Read ahead after few bytes, in small requests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blockcache, "READ_AHEAD_AFTER", 50)
        patch.setattr(blockcache, "AHEAD_REQUEST", 40)
        yield


def bounded_cache(size, connections):
    return BlockCache(len(CONTENT), size, 8, connections)


def read(blocks, offset, end, asked):
    pieces = []
    while offset < end:
        piece = blocks.at(offset)
        if piece is None:
            claim = blocks.claim(offset, end, None)
            first, last = claim.first, claim.last
            assert first <= offset <= last < len(CONTENT)
            assert first % blocks.size == 0
            asked.append((first, last))
            claim.content = CONTENT[first : last + 1]
            blocks.release(claim)
            assert sum(map(len, blocks._held.values())) <= most_bytes(blocks)
        else:
            pieces.append(bytes(piece[: end - offset]))
            offset += len(pieces[-1])
    return b"".join(pieces)


def most_bytes(blocks):
    return blocks._max_blocks * blocks.size + blocks._max_ahead


@given(
    size=st.integers(1, 300),
    most=st.integers(2, 8),
    reads=st.lists(st.tuples(st.integers(0, len(CONTENT)), st.integers(0, 500)), max_size=20),
)
def test_reads_return_the_bytes_of_the_file(size, most, reads):
    blocks = BlockCache(len(CONTENT), size, most)
    for offset, count in reads:
        end = min(offset + count, len(CONTENT))
        assert read(blocks, offset, end, []) == CONTENT[offset:end]


@given(size=st.integers(1, 300), most=st.integers(2, 8), step=st.integers(1, 300))
def test_sequential_reads_request_each_byte_once(size, most, step):
    blocks, asked = BlockCache(len(CONTENT), size, most), []
    for offset in range(0, len(CONTENT), step):
        read(blocks, offset, min(offset + step, len(CONTENT)), asked)
    assert sum(last - first + 1 for first, last in asked) == len(CONTENT)


def test_sequential_reads_double_the_request():
    blocks, asked = BlockCache(1000, 10, 16), []
    for offset in range(0, 1000, 10):
        read(blocks, offset, offset + 10, asked)
    assert [last - first + 1 for first, last in asked[:5]] == [20, 30, 50, 90, 90]


def test_random_reads_request_only_their_blocks():
    blocks, asked = BlockCache(1000, 10, 16), []
    for offset in (500, 100, 905, 300):
        read(blocks, offset, offset + 10, asked)
    assert asked == [(500, 509), (100, 109), (900, 919), (300, 309)]


def test_the_least_recently_used_block_is_removed_first():
    blocks = BlockCache(1000, 10, 2)
    for first in (0, 100):
        blocks.keep(first, CONTENT[first : first + 10])
    assert blocks.at(0) is not None
    blocks.keep(200, CONTENT[200:210])
    assert blocks.at(100) is None
    assert blocks.at(5) == CONTENT[5:10]


@given(
    size=st.integers(1, 40),
    connections=st.integers(2, 4),
    steps=st.lists(st.tuples(st.integers(0, len(CONTENT)), st.integers(0, 300), st.integers(0, 3)), max_size=30),
)
def test_reading_ahead_is_bounded_and_correct(size, connections, steps):
    blocks, offset = bounded_cache(size, connections), 0
    for position, count, claims in steps:
        offset = position if count % 3 == 0 else offset
        end = min(offset + count, len(CONTENT))
        while offset < end:
            requests = blocks.plan_ahead(offset, end)
            assert 0 <= requests <= connections + 1
            ahead = [claim for _ in range(claims) if (claim := blocks.claim_ahead(None)) is not None]
            for claim in ahead:
                assert claim.last - offset < (connections + 1) * max(size, blockcache.AHEAD_REQUEST) + 2 * size
                claim.content = CONTENT[claim.first : claim.last + 1]
                blocks.release(claim)
            read(blocks, offset, min(blocks.block_end(offset), end), [])
            offset = min(blocks.block_end(offset), end)
        assert not blocks._claims


def test_sequential_reads_are_read_ahead_once_each():
    blocks, asked = bounded_cache(10, 3), []
    for offset in range(0, len(CONTENT), 10):
        blocks.plan_ahead(offset, offset + 10)
        while (claim := blocks.claim_ahead(None)) is not None:
            asked.append((claim.first, claim.last))
            claim.content = CONTENT[claim.first : claim.last + 1]
            blocks.release(claim)
        read(blocks, offset, min(offset + 10, len(CONTENT)), asked)
    assert sum(last - first + 1 for first, last in asked) == len(CONTENT)
    assert max(last - first + 1 for first, last in asked) == blockcache.AHEAD_REQUEST
