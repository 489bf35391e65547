"""The public key of a certificate, compared with cryptography."""

from __future__ import annotations

import functools
from contextlib import suppress
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from httpconn.network.pins import public_key_info

KEYS = (
    lambda: rsa.generate_private_key(65537, 2048),
    lambda: ec.generate_private_key(ec.SECP256R1()),
    ed25519.Ed25519PrivateKey.generate,
)


@functools.cache
def key(number):
    return KEYS[number]()


def info_of(certificate):
    public = x509.load_der_x509_certificate(certificate).public_key()
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


@st.composite
def certificates(draw):
    """Generate certificates whose lengths have one, two and three octets."""
    signer = key(draw(st.integers(0, len(KEYS) - 1)))
    alphabet = st.characters(codec="utf-8", exclude_categories=("Cs", "Cc"))
    names = [
        x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, draw(st.text(alphabet, min_size=1, max_size=16)))])
        for _ in range(2)
    ]
    hosts = [x509.DNSName(f"h{number}.example") for number in range(draw(st.integers(1, 100)))]
    builder = x509.CertificateBuilder(issuer_name=names[0], subject_name=names[1], public_key=signer.public_key())
    builder = builder.serial_number(draw(st.integers(1, 2**159 - 1)))
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(
        datetime(draw(st.sampled_from([2030, 2070])), 1, 1, tzinfo=UTC)  # UTCTime, GeneralizedTime
    )
    builder = builder.add_extension(x509.SubjectAlternativeName(hosts), critical=False)
    algorithm = None if isinstance(signer, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(signer, algorithm).public_bytes(Encoding.DER)


@settings(max_examples=50)
@given(certificates())
def test_the_key_is_the_same_as_by_cryptography(certificate):
    assert public_key_info(certificate) == info_of(certificate)


def test_the_certificate_of_a_server(certificates):
    assert public_key_info(certificates.leaf) == info_of(certificates.leaf)


# Counted modulo the length, which is not the same each time: a signature by ECDSA may be a byte shorter.
@settings(max_examples=50)
@given(certificates(), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4))
def test_a_changed_certificate_gives_bytes_of_it_or_ValueError(certificate, changes):
    changed = bytearray(certificate)
    for at, value in changes:
        changed[at % len(changed)] = value
    with suppress(ValueError):
        assert public_key_info(bytes(changed)) in bytes(changed)


@settings(max_examples=50)
@given(certificates(), st.integers(0, 10_000), st.binary(min_size=1, max_size=8))
def test_a_cut_or_longer_certificate_is_refused(certificate, length, more):
    for data in (certificate[: length % len(certificate)], certificate + more):
        with pytest.raises(ValueError, match="certificate"):
            public_key_info(data)


@given(st.binary(max_size=64))
def test_anything_else_is_refused(data):
    with pytest.raises(ValueError, match="certificate"):
        public_key_info(data)


@pytest.mark.parametrize(
    "length",
    [b"\x80", b"\x81\x05", b"\x82\x00\x85", b"\x85\x00\x00\x00\x00\x05", b"\xff"],
    ids=["indefinite", "longer than needed", "leading zero", "too many octets", "reserved"],
)
def test_lengths_that_are_not_der(length):
    with pytest.raises(ValueError, match="length"):
        public_key_info(b"\x30" + length + bytes(200))
