"""A DER parser (ITU-T X.690) that finds the public key of a certificate."""

SEQUENCE, INTEGER, VERSION = 0x30, 0x02, 0xA0

# TBSCertificate up to the key (RFC 5280 section 4.1): serialNumber, signature, issuer, validity, subject.
_BEFORE_THE_KEY = (INTEGER, SEQUENCE, SEQUENCE, SEQUENCE, SEQUENCE)
_MAX_LENGTH_OCTETS = 4


def public_key_info(certificate: bytes) -> bytes:
    """Return the SubjectPublicKeyInfo of a certificate (RFC 5280 section 4.1.2.7) in DER, with tag and length."""
    first, end = _element(certificate, 0, len(certificate), SEQUENCE)
    if end != len(certificate):
        raise ValueError("Bytes follow the certificate")
    at, end = _element(certificate, first, end, SEQUENCE)
    if at < end and certificate[at] == VERSION:
        _, at = _element(certificate, at, end, VERSION)
    for tag in _BEFORE_THE_KEY:
        _, at = _element(certificate, at, end, tag)
    _, after = _element(certificate, at, end, SEQUENCE)
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
