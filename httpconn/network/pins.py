"""Pinned public keys of servers."""

import hashlib
import os
from base64 import b64decode, b64encode
from dataclasses import dataclass

from ..core.der import public_key_info
from ..errors import InvalidRequest

_PREFIX = "sha256/"


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
