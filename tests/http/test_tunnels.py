"""Any bytes that a proxy sends while a tunnel opens result in a tunnel or an error."""

from __future__ import annotations

import socket
import time

from hypothesis import given
from hypothesis import strategies as st

from httpconn import Proxy, ProxyFailed
from httpconn.core.messages import Origin
from httpconn.errors import ConnectTimedOut
from httpconn.http.tunnels import ConnectTunnel, SocksTunnel
from httpconn.network.stream import SocketStream
from httpconn.options import Limits
from httpconn.runtime.runtimes import BlockingRuntime
from httpconn.runtime.stepping import run_sync

ORIGIN = Origin("https", "origin.example", 443)
LINES = st.sampled_from(
    [
        b"HTTP/1.1 200 OK\r\n",
        b"HTTP/1.1 407 No\r\n",
        b"HTTP/1.0 403\r\n",
        b"HTTP/1.1 101 Switching\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n",
        b"Content-Length: 3\r\n",
        b"Transfer-Encoding: chunked\r\n",
        b'Proxy-Authenticate: Digest nonce="n", realm="r"\r\n',
        b"Proxy-Authenticate: Basic, Digest qop=\r\n",
        b"3\r\nabc\r\n0\r\n\r\n",
        b"\r\n",
        b"\n",
    ]
)
REPLIES = st.sampled_from(
    [b"\x05\x00", b"\x05\x02", b"\x01\x00", b"\x05\x00\x00\x01" + bytes(6), b"\x05\x00\x00\x03\x01"]
)


def opened(tunnel, sent: bytes) -> bool | Exception:
    """Open a tunnel through a proxy that sends these bytes and closes; return the result or the error."""
    ours, theirs = socket.socketpair()
    with theirs:
        theirs.sendall(sent)
        theirs.shutdown(socket.SHUT_WR)
        socket_stream = SocketStream(ours, BlockingRuntime())
        try:
            return run_sync(tunnel.open(socket_stream, time.monotonic() + 20))
        except (ProxyFailed, ConnectTimedOut) as error:
            return error
        finally:
            socket_stream.close()


@given(st.lists(LINES | st.binary(max_size=20), max_size=8).map(b"".join))
def test_any_response_to_connect_opens_a_tunnel_or_is_an_error(sent):
    result = opened(ConnectTunnel(Proxy("http://user:S3CRET@proxy"), ORIGIN, Limits(max_header_bytes=1000)), sent)
    assert isinstance(result, (bool, ProxyFailed))
    assert "S3CRET" not in str(result)
    if result is True:
        assert b" 20" in sent


@given(st.lists(REPLIES | st.binary(max_size=20), max_size=8).map(b"".join))
def test_any_socks_reply_opens_a_tunnel_or_is_an_error(sent):
    result = opened(SocksTunnel(Proxy("socks5h://user:S3CRET@proxy"), ["origin.example"], 443), sent)
    assert result is True or isinstance(result, ProxyFailed)
    assert "S3CRET" not in str(result)
