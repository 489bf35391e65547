"""Pinned public keys of servers."""

import hashlib
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass

from ..errors import InvalidRequest

_PREFIX = "sha256/"

# DER (ITU-T X.690).
_SEQUENCE, _INTEGER, _VERSION = 0x30, 0x02, 0xA0

# TBSCertificate up to the key (RFC 5280 section 4.1): serialNumber, signature, issuer, validity, subject.
_BEFORE_THE_KEY = (_INTEGER, _SEQUENCE, _SEQUENCE, _SEQUENCE, _SEQUENCE)
_MAX_LENGTH_OCTETS = 4


@dataclass(frozen=True, slots=True, init=False)
class Pinned:
    """A value for ``verify=`` that requires one of several public keys in the server's certificate.

    The key of the server's own certificate is compared after the TLS handshake, before any byte of the request is
    sent. This applies to every https server, over HTTP/1.1, HTTP/2 and through proxies. A server with another key
    raises ``TLSFailed``, which is not retried. Pins do not apply to http URLs and to the certificate of a proxy.

    Args:
        pins: the accepted keys. Each pin is ``sha256/`` and the base64 of the SHA-256 of the SubjectPublicKeyInfo in
            DER (RFC 7469 section 2.4). Pin at least two keys, one of which is not yet in use.
        ca: the certificate authorities that the certificate must chain to, as for ``verify=``, but not a context.
            False verifies the key alone, and neither the name nor the dates of the certificate.

    Raises:
        InvalidRequest: there are no pins, or a pin has another form.
    """

    pins: frozenset[str]
    ca: bool | str

    def __init__(self, *pins: str, ca: bool | str | os.PathLike[str] = True) -> None:
        if not pins or not all(map(_is_pin, pins)):
            raise InvalidRequest("Pinned: a pin is sha256/ and the base64 of the SHA-256 of a public key")
        if not isinstance(ca, (bool, str, os.PathLike)):
            raise InvalidRequest(f"Pinned: ca must be a bool, a path or 'system', not {type(ca).__name__}")
        object.__setattr__(self, "pins", frozenset(pins))
        object.__setattr__(self, "ca", ca if isinstance(ca, bool) else os.fspath(ca))


def pin_of(certificate: bytes) -> str:
    """Return the pin of a certificate. Raises ValueError: the bytes are not a certificate in DER."""
    return _PREFIX + b64encode(hashlib.sha256(public_key_info(certificate)).digest()).decode("ascii")


def _is_pin(pin: object) -> bool:
    if not isinstance(pin, str) or not pin.startswith(_PREFIX):
        return False
    text = pin.removeprefix(_PREFIX)
    try:
        digest = b64decode(text, validate=True)
    except ValueError:
        return False
    # Base64 can encode one digest in several ways, and pins are compared as text.
    return len(digest) == hashlib.sha256().digest_size and b64encode(digest).decode("ascii") == text


def public_key_info(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a certificate (RFC 5280 section 4.1.2.7) in DER, with tag and length."""
    first, end = _element(certificate, 0, len(certificate), _SEQUENCE)
    if end != len(certificate):
        raise ValueError("Bytes follow the certificate")
    at, end = _element(certificate, first, end, _SEQUENCE)
    if at < end and certificate[at] == _VERSION:
        _, at = _element(certificate, at, end, _VERSION)
    for tag in _BEFORE_THE_KEY:
        _, at = _element(certificate, at, end, tag)
    _, after = _element(certificate, at, end, _SEQUENCE)
    return certificate[at:after]


def _element(data: bytes, at: int, end: int, tag: int) -> tuple[int, int]:
    """Return the start and the end of the content of the element at ``at``."""
    if end - at < 2 or data[at] != tag:
        raise ValueError("The certificate is not in DER")
    first, length = _length(data, at + 1, end)
    if length > end - first:
        raise ValueError("The certificate is truncated")
    return first, first + length


def _length(data: bytes, at: int, end: int) -> tuple[int, int]:
    """Return the end of a length and its value. DER has one form for each length (X.690 section 10.1)."""
    octets = data[at] & 0x7F
    if data[at] < 0x80:
        return at + 1, octets
    if not 0 < octets <= min(_MAX_LENGTH_OCTETS, end - at - 1):
        raise ValueError("The certificate has an element of no valid length")
    first = at + 1 + octets
    length = int.from_bytes(data[at + 1 : first], "big")
    if length < 0x80 or data[at + 1] == 0:
        raise ValueError("The certificate has a length that is not in DER")
    return first, length
