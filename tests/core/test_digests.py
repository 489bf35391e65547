"""Digests from the caller and from response headers."""

from __future__ import annotations

import base64
import hashlib
from contextlib import suppress

import blake3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core import digests
from httpconn.core.digests import Announced, Expected
from httpconn.errors import InvalidRequest

DATA = b"content"
BUILT_IN = [name for name in digests.SIZES if name != "blake3"]


def encoded(algorithm: str, data: bytes = DATA) -> str:
    return base64.b64encode(hashlib.new(algorithm, data).digest()).decode()


def announced(*, partial: bool = False, **fields: str) -> Announced:
    return digests.announced({name.replace("_", "-"): value for name, value in fields.items()}.get, partial=partial)


@pytest.mark.parametrize("algorithm", BUILT_IN)
def test_a_digest_has_an_algorithm_and_hexadecimal_digits(algorithm):
    value = hashlib.new(algorithm, DATA).hexdigest()
    expected = Expected(algorithm, value, "caller")
    assert digests.parse(f"{algorithm}:{value}") == expected
    assert digests.parse(f" {algorithm.upper()} : {value.upper()} ") == expected
    assert str(expected) == f"{algorithm}:{value}"


def test_blake3_needs_its_package():
    expected = digests.parse(f"blake3:{blake3.blake3(DATA).hexdigest()}")
    made = digests.hasher("blake3")
    made.update(DATA)
    assert made.hexdigest() == expected.value


def test_algorithm_names_may_have_a_hyphen():
    assert digests.parse("sha-256:" + "0" * 64).algorithm == "sha256"


@pytest.mark.parametrize(
    "text",
    ["", ":", "sha256", "sha256:", "sha256:xyz", "sha256:" + "0" * 63, "sha3:00", "0" * 64, None, 3, b"sha256:"],
)
def test_an_invalid_digest_is_refused_before_a_request_is_sent(text):
    with pytest.raises(InvalidRequest):
        digests.parse(text)


@pytest.mark.parametrize("algorithm", BUILT_IN)
def test_a_hash_is_computed_in_chunks(algorithm):
    made = digests.hasher(algorithm)
    made.update(DATA[:3])
    made.update(DATA[3:])
    assert made.hexdigest() == hashlib.new(algorithm, DATA).hexdigest()


@pytest.mark.parametrize(
    ("fields", "algorithm"),
    [
        ({"repr_digest": f"sha-256=:{encoded('sha256')}:"}, "sha256"),
        ({"repr_digest": f"sha-512=:{encoded('sha512')}:;x=1, sha-256=:{encoded('sha256')}:"}, "sha512"),
        ({"repr_digest": f"sha=:{encoded('sha1')}:"}, "sha1"),
        ({"content_md5": encoded("md5")}, "md5"),
        ({"x_goog_hash": f"md5={encoded('md5')}"}, "md5"),
        ({"x_amz_checksum_sha256": encoded("sha256")}, "sha256"),
        ({"x_amz_checksum_sha1": encoded("sha1"), "x_amz_checksum_type": "FULL_OBJECT"}, "sha1"),
        ({"content_md5": encoded("md5"), "x_amz_checksum_sha256": encoded("sha256")}, "sha256"),
    ],
)
def test_the_strongest_announced_digest_is_expected(fields, algorithm):
    found = announced(**fields)
    assert found.expected is not None
    assert found.expected[:2] == (algorithm, hashlib.new(algorithm, DATA).hexdigest())
    assert found.unchecked == ()


@pytest.mark.parametrize(
    ("fields", "unchecked"),
    [
        ({}, ()),
        ({"repr_digest": "sha-256=:AAAA:"}, ("repr-digest: malformed",)),
        ({"repr_digest": "sha-256=AAAA"}, ("repr-digest: malformed",)),
        ({"repr_digest": "crc32c=:AAAAAA==:"}, ("repr-digest: crc32c",)),
        ({"content_md5": "nonsense!"}, ("content-md5: malformed",)),
        ({"content_md5": "\u00e9"}, ("content-md5: malformed",)),
        ({"x_goog_hash": "crc32c=n03x6A=="}, ("x-goog-hash: crc32c",)),
        ({"x_goog_hash": f"md5={encoded('md5')}", "x_goog_stored_content_encoding": "gzip"}, ()),
        ({"x_amz_checksum_sha256": encoded("sha256") + "-3"}, ("x-amz-checksum-sha256: composite",)),
        (
            {"x_amz_checksum_sha1": encoded("sha1"), "x_amz_checksum_type": "COMPOSITE"},
            ("x-amz-checksum-sha1: composite",),
        ),
        ({"x_amz_checksum_crc64nvme": "AAAAAAAAAAA="}, ("x-amz-checksum-crc64nvme: crc64nvme",)),
    ],
)
def test_digests_that_cannot_be_checked_are_listed(fields, unchecked):
    assert announced(**fields) == Announced(None, unchecked)


def test_in_a_206_only_digests_of_the_whole_file_count():
    part = announced(partial=True, content_md5=encoded("md5"), x_amz_checksum_sha256=encoded("sha256"))
    assert part == Announced(None, ())
    whole = announced(partial=True, repr_digest=f"sha-256=:{encoded('sha256')}:")
    assert whole.expected is not None


@given(st.text())
def test_any_header_is_accepted(value):
    for name in ("repr_digest", "content_md5", "x_goog_hash", "x_amz_checksum_sha256", "x_amz_checksum_type"):
        announced(**{name: value})


@given(st.text())
def test_any_text_is_a_digest_or_refused(text):
    with suppress(InvalidRequest):
        assert digests.parse(text).algorithm in digests.SIZES
