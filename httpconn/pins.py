"""Pins: which public keys a server may have."""

from __future__ import annotations

import hashlib
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass

from .core.der import public_key_info
from .errors import InvalidRequest

_PREFIX = "sha256/"


@dataclass(frozen=True, slots=True, init=False)
class Pinned:
    """For ``verify=``: a server's certificate must hold one of these public keys.

    It is checked on the server's own certificate, after the handshake and before a byte of the request is sent, for
    every https server that the connection reaches, directly, by HTTP/2 and through proxies. A server with another key
    is a ``TLSFailed``, which is not tried again. Of http URLs and of a proxy's own certificate it says nothing.

    Args:
        pins: each ``sha256/`` and the base64 of the SHA-256 of the SubjectPublicKeyInfo in DER (RFC 7469 section 2.4);
            any of them will do. Pin two keys at the least, one of them not in use yet.
        ca: who must have signed the certificate besides: what ``verify=`` takes, but no context. With False the key
            alone proves who the server is: names and dates are not checked.

    Raises:
        InvalidRequest: no pin, or one that is not of this form.
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
    """The pin of a certificate in DER; raises ValueError where it is none."""
    return _PREFIX + b64encode(hashlib.sha256(public_key_info(certificate)).digest()).decode("ascii")


def _is_pin(pin: object) -> bool:
    if not isinstance(pin, str) or not pin.startswith(_PREFIX):
        return False
    text = pin.removeprefix(_PREFIX)
    try:
        digest = b64decode(text, validate=True)
    except ValueError:
        return False
    # Base64 has several spellings of one digest, and pins are compared as text.
    return len(digest) == hashlib.sha256().digest_size and b64encode(digest).decode("ascii") == text
