"""The client side of a SOCKS5 handshake (RFC 1928, RFC 1929), without I/O."""

from collections.abc import Generator
from ipaddress import IPv4Address, ip_address

from ..errors import PROXY_ADVICE, ProxyFailed

Credentials = tuple[bytes, bytes]  # a user name and a password

Handshake = Generator[tuple[bytes, int], bytes, None]

_NO_AUTHENTICATION, _USER_AND_PASSWORD, _NONE_ACCEPTED = 0, 2, 0xFF
_IPV4, _NAME, _IPV6 = 1, 3, 4
_ADDRESS_SIZE = {_IPV4: 4, _IPV6: 16}

# RFC 1928 section 6.
_REPLIES = {
    1: "General SOCKS server failure",
    2: "Connection not allowed by ruleset",
    3: "Network unreachable",
    4: "Host unreachable",
    5: "Connection refused",
    6: "TTL expired",
    7: "Command not supported",
    8: "Address type not supported",
}
_FINAL_REPLIES = {2, 7}


def handshake(host: str, port: int, credentials: Credentials | None) -> Handshake:
    """Run a handshake as a generator, to a host that is an address, or a name for the proxy to resolve.

    The generator yields the bytes to send and the number of bytes to receive next. The caller sends exactly that many
    received bytes into the generator. When it returns, the connection is a tunnel to the host. The handshake consumes
    no byte of the tunnel. Errors contain no credentials.
    """
    methods = [_NO_AUTHENTICATION] if credentials is None else [_NO_AUTHENTICATION, _USER_AND_PASSWORD]
    version, method = yield bytes([5, len(methods), *methods]), 2
    _require_version(version)
    if method == _USER_AND_PASSWORD and credentials is not None:
        yield from _authenticate(*credentials)
    elif method == _NONE_ACCEPTED:
        demand = "requires credentials" if credentials is None else "offers no supported authentication method"
        raise ProxyFailed(f"The SOCKS5 proxy {demand}", retryable=False).advise(PROXY_ADVICE)
    elif method != _NO_AUTHENTICATION:
        raise ProxyFailed("The SOCKS5 proxy chose an authentication method that was not offered", retryable=False)
    yield from _connect(_address(host) + port.to_bytes(2, "big"))


def _authenticate(user: bytes, password: bytes) -> Handshake:
    # RFC 1929 section 2: each length is one byte.
    if not 0 < len(user) < 256 or len(password) > 255:
        raise ProxyFailed(
            "SOCKS5 allows user names of 1 to 255 bytes and passwords of up to 255 bytes", retryable=False
        )
    request = bytes([1, len(user)]) + user + bytes([len(password)]) + password
    _, status = yield request, 2
    if status:
        refused = "The SOCKS5 proxy rejected the user name or the password"
        raise ProxyFailed(refused, retryable=False).advise(PROXY_ADVICE)


def _connect(destination: bytes) -> Handshake:
    version, reply, _, kind = yield b"\x05\x01\x00" + destination, 4
    _require_version(version)
    if reply:
        reason = _REPLIES.get(reply, f"reply code {reply}")
        raise ProxyFailed(f"The SOCKS5 proxy could not connect: {reason}", retryable=reply not in _FINAL_REPLIES)
    # Receive the address that the proxy connects from. The client does not use it, but the reply contains it.
    if kind == _NAME:
        size = (yield b"", 1)[0]
    elif kind in _ADDRESS_SIZE:
        size = _ADDRESS_SIZE[kind]
    else:
        raise ProxyFailed("The SOCKS5 proxy sent an address of an unknown type")
    yield b"", size + 2


def _address(host: str) -> bytes:
    try:
        address = ip_address(host)
    except ValueError:
        name = host.encode("ascii")
        if len(name) > 255:
            raise ProxyFailed("SOCKS5 allows host names of at most 255 bytes", retryable=False) from None
        return bytes([_NAME, len(name)]) + name
    return bytes([_IPV4 if isinstance(address, IPv4Address) else _IPV6]) + address.packed


def _require_version(version: int) -> None:
    if version != 5:
        raise ProxyFailed("The proxy does not speak SOCKS5", retryable=False)
