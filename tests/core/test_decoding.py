"""Content codings: the same bytes for any chunks, errors for incomplete bodies, and bounded memory."""

from __future__ import annotations

import gzip
import os
import struct
import subprocess
import sys
import tracemalloc
import zlib
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib import import_module
from itertools import cycle, product
from types import ModuleType

import brotli
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core import decoding
from httpconn.core.decoding import PIECE, ZSTD, offered
from httpconn.errors import DecodingError

zstd: ModuleType = import_module(ZSTD)

decoder_for = partial(decoding.decoder_for, on_intermediate=lambda _: None)

ALL = frozenset({"gzip", "deflate", "br", "zstd"})
BODY = b"Eggs, spam and eggs. " * 12
MIB = 1024 * 1024


def raw_deflate(data: bytes) -> bytes:
    engine = zlib.compressobj(wbits=-15)
    return engine.compress(data) + engine.flush()


def zstd_with_checksum(data: bytes) -> bytes:
    return zstd.compress(data, options={zstd.CompressionParameter.checksum_flag: 1})


def zstd_with_window(log: int, data: bytes) -> bytes:
    engine = zstd.ZstdCompressor(options={zstd.CompressionParameter.window_log: log})
    return engine.compress(data) + engine.flush()


def skippable_frame(data: bytes) -> bytes:
    """RFC 8878 section 3.1.2."""
    return struct.pack("<II", 0x184D2A50, len(data)) + data


Encode = Callable[[bytes], bytes]

ENCODERS: dict[str, tuple[str, Encode]] = {
    "gzip": ("gzip", gzip.compress),
    "x-gzip": ("x-gzip", gzip.compress),
    "zlib": ("deflate", zlib.compress),
    "raw": ("deflate", raw_deflate),
    "br": ("br", brotli.compress),
    "zstd": ("zstd", zstd_with_checksum),
}
single = pytest.mark.parametrize(("coding", "encode"), ENCODERS.values(), ids=ENCODERS)
nested = pytest.mark.parametrize(("inner", "outer"), list(product(ENCODERS, repeat=2)))


def pieces_of(data: bytes, sizes: Sequence[int]) -> Iterator[bytes]:
    """Split data into chunks of these sizes, repeatedly."""
    at = 0
    for size in cycle(sizes):
        if at >= len(data):
            return
        yield data[at : at + size]
        at += size


def decode(coding: str, wire: bytes, sizes: Sequence[int] = (MIB,), limits: Sequence[int] = (PIECE,)) -> bytes:
    decoder = decoder_for(coding, ALL)
    assert decoder is not None
    content, limit = bytearray(), cycle(limits)
    for piece in pieces_of(wire, sizes):
        decoder.feed(piece)
        while taken := decoder.take(most := next(limit)):
            assert len(taken) <= most
            content += taken
    decoder.finish()
    return bytes(content)


def outcome(coding: str, wire: bytes, sizes: Sequence[int] = (MIB,), limits: Sequence[int] = (PIECE,)) -> bytes | str:
    try:
        return decode(coding, wire, sizes, limits)
    except DecodingError as error:
        return str(error)


def test_the_offered_codings_can_be_decoded() -> None:
    assert offered() == "gzip, deflate, br, zstd"


@pytest.mark.parametrize("coding", [None, "", "identity", "Identity, ,IDENTITY", " , "])
@pytest.mark.parametrize(
    "more", ["", ", UTF-8", ", aws-chunked", ", none, binary, 8bit", ", x-foo;q=1", ", null\0" + "x" * 100_000]
)
def test_a_body_without_a_coding_needs_no_decoder(coding: str | None, more: str) -> None:
    assert decoder_for(None if coding is None else coding + more, frozenset()) is None


@single
@pytest.mark.parametrize("body", [b"", b"a", BODY, os.urandom(300_000)], ids=["none", "one", "text", "noise"])
def test_a_body_is_decoded(coding: str, encode: Encode, body: bytes) -> None:
    assert decode(coding, encode(body)) == body
    assert decode(f" ,{coding.upper()} ,identity", encode(body)) == body
    assert decode(f"utf-8,{coding};q=1.0,aws-chunked", encode(body)) == body


@nested
def test_two_codings_are_removed_in_reverse_order(inner: str, outer: str) -> None:
    (first, encode_first), (second, encode_second) = ENCODERS[inner], ENCODERS[outer]
    assert decode(f"{first}, {second}", encode_second(encode_first(BODY))) == BODY


@pytest.mark.parametrize(
    ("coding", "asked", "words"),
    [
        ("gzip, gzip, gzip", ALL, "3 content codings"),
        ("br,identity,gzip,zstd", ALL, "3 content codings"),
        ("compress", ALL, "compress is not supported"),
        ("gzip, EXI", ALL, "exi is not supported"),
        ("dcb, utf-8", frozenset(), "dcb is not supported"),
        ("br", frozenset({"gzip", "deflate"}), "br was not requested"),
        ("gzip", frozenset({"identity"}), "gzip was not requested"),
        ("X-GZIP", frozenset(), "x-gzip was not requested"),
    ],
)
def test_a_coding_that_is_refused(coding: str, asked: frozenset[str], words: str) -> None:
    with pytest.raises(DecodingError, match=words) as caught:
        decoder_for(coding, asked)
    assert len(str(caught.value)) < 200


@pytest.mark.parametrize(("coding", "asked"), [("x-gzip", "gzip"), ("gzip", "x-gzip"), ("br", "*")])
def test_a_coding_can_be_requested_by_an_alias(coding: str, asked: str) -> None:
    assert decoder_for(coding, frozenset({asked})) is not None


@single
def test_a_body_without_bytes_is_empty(coding: str, encode: Encode) -> None:
    assert decode(coding, b"") == b""
    assert decode(f"{coding}, gzip", b"") == b""


@single
def test_an_outer_coding_without_content_is_truncated(coding: str, encode: Encode) -> None:
    with pytest.raises(DecodingError, match="truncated"):
        decode(f"gzip, {coding}", encode(b""))


@single
def test_a_body_cut_anywhere_is_an_error(coding: str, encode: Encode) -> None:
    wire = encode(BODY)
    for length in range(1, len(wire)):
        for sizes in ((MIB,), (1,)):
            with pytest.raises(DecodingError, match="truncated"):
                decode(coding, wire[:length], sizes)


@nested
def test_a_nested_body_cut_anywhere_is_an_error(inner: str, outer: str) -> None:
    (first, encode_first), (second, encode_second) = ENCODERS[inner], ENCODERS[outer]
    wire = encode_second(encode_first(BODY))
    for length in range(1, len(wire)):
        with pytest.raises(DecodingError, match="truncated"):
            decode(f"{first}, {second}", wire[:length])


@nested
def test_a_truncated_inner_coding_in_a_complete_outer_one_is_an_error(inner: str, outer: str) -> None:
    (first, encode_first), (second, encode_second) = ENCODERS[inner], ENCODERS[outer]
    with pytest.raises(DecodingError, match="truncated"):
        decode(f"{first}, {second}", encode_second(encode_first(BODY)[:-1]))


@single
@pytest.mark.parametrize("sizes", [(MIB,), (1,)], ids=["whole", "bytewise"])
@pytest.mark.parametrize("tail", [b"x", b"\0\0x", b"garbage " * 9000], ids=["one", "padded", "long"])
def test_bytes_after_the_end_are_an_error(coding: str, encode: Encode, sizes: Sequence[int], tail: bytes) -> None:
    with pytest.raises(DecodingError, match=r"bytes follow its end|truncated"):
        decode(coding, encode(BODY) + tail, sizes)


@pytest.mark.parametrize("limit", [1, 10, PIECE])
@pytest.mark.parametrize("sizes", [(MIB,), (1,), (7,)], ids=str)
def test_gzip_members_and_zstd_frames_follow_one_another(sizes: Sequence[int], limit: int) -> None:
    members = [b"", b"one", b"", BODY, os.urandom(1000)]
    assert decode("gzip", b"".join(map(gzip.compress, members)), sizes, (limit,)) == b"".join(members)
    frames = b"".join(zstd_with_checksum(each) + skippable_frame(each) for each in members)
    assert decode("zstd", skippable_frame(b"first") + frames, sizes, (limit,)) == b"".join(members)


@pytest.mark.parametrize("sizes", [(MIB,), (1,)], ids=["whole", "bytewise"])
@pytest.mark.parametrize("name", ["gzip", "zlib", "raw"])
def test_a_line_end_after_the_body_is_ignored(name: str, sizes: Sequence[int]) -> None:
    coding, encode = ENCODERS[name]
    assert decode(coding, encode(BODY) + b"\r\n", sizes) == BODY
    with pytest.raises(DecodingError):
        decode(coding, encode(BODY) + b"\r\nx", sizes)


@pytest.mark.parametrize("sizes", [(MIB,), (1,)], ids=["whole", "bytewise"])
def test_zero_padding_is_tolerated_after_gzip_alone(sizes: Sequence[int]) -> None:
    assert decode("gzip", gzip.compress(BODY) + bytes(1000), sizes) == BODY
    assert decode("gzip", gzip.compress(BODY) + b"\0\r\n\0", sizes) == BODY
    for coding, encode in (ENCODERS[name] for name in ("zlib", "raw", "br", "zstd")):
        with pytest.raises(DecodingError):
            decode(coding, encode(BODY) + bytes(1000), sizes)


def test_no_member_follows_padding() -> None:
    with pytest.raises(DecodingError):
        decode("gzip", gzip.compress(BODY) + b"\0" + gzip.compress(BODY))


@pytest.mark.parametrize("place", range(1, 9))
def test_the_gzip_trailer_is_compared(place: int) -> None:
    wire = bytearray(gzip.compress(BODY))
    wire[-place] ^= 1
    with pytest.raises(DecodingError, match="gzip body is broken"):
        decode("gzip", bytes(wire))


@pytest.mark.parametrize(("coding", "wire"), [("deflate", zlib.compress(BODY)), ("zstd", zstd_with_checksum(BODY))])
def test_a_wrong_checksum_is_an_error(coding: str, wire: bytes) -> None:
    with pytest.raises(DecodingError, match="is broken"):
        decode(coding, wire[:-1] + bytes([wire[-1] ^ 1]))


def test_a_preset_dictionary_is_refused() -> None:
    engine = zlib.compressobj(zdict=b"spam")
    with pytest.raises(DecodingError):
        decode("deflate", engine.compress(BODY) + engine.flush())


def test_the_zstd_window_is_at_most_8_mib() -> None:
    assert decode("zstd", zstd_with_window(23, BODY)) == BODY
    with pytest.raises(DecodingError):
        decode("zstd", zstd_with_window(24, BODY))


@pytest.mark.parametrize("sizes", [(MIB,), (1,)], ids=["whole", "bytewise"])
def test_the_zstd_window_counts_even_where_the_content_is_small(sizes: Sequence[int]) -> None:
    # RFC 8878 section 3.1.1: a header that declares a window of 128 MiB and 300 bytes of content, in one raw block.
    header = bytes([0x40, (27 - 10) << 3]) + struct.pack("<H", 300 - 256)
    frame = zstd_with_checksum(b"")[:4] + header + struct.pack("<I", 300 << 3 | 1)[:3] + bytes(300)
    with pytest.raises(DecodingError):
        decode("zstd", frame, sizes)


names = st.sampled_from(sorted(ENCODERS))
bodies = st.binary(max_size=300) | st.builds(
    lambda unit, count: unit * count, st.binary(max_size=9), st.integers(0, 999)
)
cuts = st.lists(st.integers(1, 64), min_size=1, max_size=6)


@given(names, names | st.none(), bodies, cuts, cuts)
def test_no_chunking_and_no_limit_changes_a_body(
    inner: str, outer: str | None, body: bytes, sizes: list[int], limits: list[int]
) -> None:
    coding, encode = ENCODERS[inner]
    wire = encode(body)
    if outer is not None:
        second, encode_second = ENCODERS[outer]
        coding, wire = f"{coding}, {second}", encode_second(wire)
    assert decode(coding, wire, sizes, limits) == body


@given(names, bodies, st.data(), cuts, cuts)
def test_no_chunking_and_no_limit_changes_an_error(
    name: str, body: bytes, data: st.DataObject, sizes: list[int], limits: list[int]
) -> None:
    coding, encode = ENCODERS[name]
    wire = bytearray(encode(body))
    place = data.draw(st.integers(0, len(wire) - 1))
    wire[place : place + data.draw(st.integers(0, 2))] = data.draw(st.binary(max_size=3))
    assert outcome(coding, bytes(wire), sizes, limits) == outcome(coding, bytes(wire))


@given(names, names | st.none(), st.binary(), cuts)
def test_garbage_raises_nothing_but_our_error(inner: str, outer: str | None, garbage: bytes, sizes: list[int]) -> None:
    codings = [ENCODERS[name][0] for name in (inner, outer) if name is not None]
    outcome(", ".join(codings), garbage, sizes)


BOMB = bytes(32 * MIB)
BOMBS: dict[str, tuple[str, bytes]] = {
    "gzip": ("gzip", gzip.compress(BOMB)),
    "deflate": ("deflate", zlib.compress(BOMB)),
    "br": ("br", brotli.compress(BOMB, quality=5)),
    "zstd": ("zstd", zstd.compress(BOMB)),
    "gzip in gzip": ("gzip, gzip", gzip.compress(gzip.compress(BOMB))),
    "gzip in br": ("gzip, br", brotli.compress(gzip.compress(BOMB), quality=5)),
    "zstd in gzip": ("zstd, gzip", gzip.compress(zstd.compress(BOMB))),
    "a bomb of members": ("gzip", gzip.compress(bytes(MIB)) * 32),
}


@pytest.mark.parametrize("limit", [PIECE, 4 * PIECE])
@pytest.mark.parametrize(("coding", "wire"), BOMBS.values(), ids=BOMBS)
def test_a_decompression_bomb_needs_little_memory(coding: str, wire: bytes, limit: int) -> None:
    decoder = decoder_for(coding, ALL)
    assert decoder is not None
    size = 0
    tracemalloc.start()
    try:
        decoder.feed(wire)
        while taken := decoder.take(limit):
            assert len(taken) <= limit
            size += len(taken)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    decoder.finish()
    assert size == len(BOMB)
    assert peak < 2 * MIB


@single
def test_a_limit_of_one_byte_is_kept(coding: str, encode: Encode) -> None:
    assert decode(coding, encode(BODY), limits=(1,)) == BODY


@pytest.mark.parametrize("limit", [0, -1])
def test_a_limit_below_one_is_refused(limit: int) -> None:
    decoder = decoder_for("gzip", ALL)
    assert decoder is not None
    with pytest.raises(ValueError, match="limit"):
        decoder.take(limit)


def in_a_fresh_interpreter(code: str) -> str:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, [os.getcwd(), *sys.path]))}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout.strip()


WITHOUT = """
import sys
sys.modules.update(dict.fromkeys(["brotli", "_zstd", "compression.zstd", "backports.zstd"]))
"""
OLD_BROTLI = """
import sys, types
sys.modules["brotli"] = types.SimpleNamespace(Decompressor=type("Decompressor", (), {"process": None}), error=OSError)
"""
PRINT = "from httpconn.core.decoding import offered, ZSTD; print(offered())"


def test_a_missing_coding_is_not_offered() -> None:
    assert in_a_fresh_interpreter(WITHOUT + PRINT) == "gzip, deflate"


def test_a_brotli_without_a_bound_is_not_offered() -> None:
    assert in_a_fresh_interpreter(OLD_BROTLI + PRINT) == "gzip, deflate, zstd"


def test_offering_zstd_does_not_import_it() -> None:
    code = "from httpconn.core.decoding import ZSTD, offered; import sys; before = ZSTD in sys.modules; offered(); "
    # The standard library of Python 3.14 imports it.
    assert in_a_fresh_interpreter(code + "print(before == (ZSTD in sys.modules))") == "True"


def test_a_coding_that_is_not_installed_names_its_extra() -> None:
    code = """
from httpconn.core.decoding import decoder_for
from httpconn.errors import DecodingError
for coding in ("br", "zstd"):
    try:
        decoder_for(coding, frozenset(), print)
    except DecodingError as error:
        print(error)
"""
    lines = in_a_fresh_interpreter(WITHOUT + code).splitlines()
    brotli, zstd = ("The content coding br is not supported", "The content coding zstd is not supported")
    advice = ": pip install 'httpconn[zstd]'" if sys.version_info < (3, 14) else ""
    assert lines == [f"{brotli}: pip install 'httpconn[brotli]'", f"{zstd}{advice}"]
