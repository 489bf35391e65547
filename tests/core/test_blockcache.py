"""The block cache: reads return the bytes of the file, and memory is bounded."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from httpconn.core.blockcache import BlockCache

CONTENT = bytes(range(251)) * 4


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
            assert blocks.held_bytes <= most_bytes(blocks)
        else:
            pieces.append(bytes(piece[: end - offset]))
            offset += len(pieces[-1])
    return b"".join(pieces)


def most_bytes(blocks):
    return blocks._max_blocks * blocks.size


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
