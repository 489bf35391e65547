"""Translation of foreign exceptions. Programming errors pass unchanged."""

from __future__ import annotations

import ssl
import time

import anyio
import httpx
import pytest

from httpconn import errors
from httpconn.adapters.translation import FOREIGN, translate
from httpconn.core.deadlines import Deadline

NEVER = Deadline()

TABLE = [
    (httpx.ConnectTimeout("x"), errors.ConnectTimedOut),
    (httpx.ReadTimeout("x"), errors.ReadTimedOut),
    (httpx.WriteTimeout("x"), errors.WriteTimedOut),
    (httpx.PoolTimeout("x"), errors.PoolTimedOut),
    (httpx.ConnectError("x"), errors.ConnectFailed),
    (httpx.ReadError("x"), errors.ReadFailed),
    (httpx.WriteError("x"), errors.WriteFailed),
    (httpx.CloseError("x"), errors.ReadFailed),
    (httpx.ProxyError("x"), errors.ProxyFailed),
    (httpx.RemoteProtocolError("x"), errors.ProtocolError),
    (httpx.RemoteProtocolError("Server disconnected without sending a response."), errors.ReadFailed),
    (httpx.LocalProtocolError("x"), errors.InvalidRequest),
    (httpx.UnsupportedProtocol("x"), errors.InvalidURL),
    (httpx.InvalidURL("x"), errors.InvalidURL),
    (httpx.DecodingError("x"), errors.DecodingError),
    (httpx.StreamClosed(), errors.ReadFailed),
    (TimeoutError(), errors.TimedOut),
    (ConnectionResetError(), errors.ReadFailed),
    (ssl.SSLError("x"), errors.TLSFailed),
    (anyio.BrokenResourceError(), errors.ReadFailed),
    (anyio.EndOfStream(), errors.ReadFailed),
]


@pytest.mark.parametrize(("foreign", "ours"), TABLE, ids=lambda each: getattr(each, "__name__", repr(each)))
def test_a_foreign_error_is_translated(foreign, ours):
    assert isinstance(foreign, FOREIGN)
    assert type(translate(foreign, NEVER)) is ours
    assert str(translate(foreign, NEVER))


def test_an_error_of_httpconn_is_unchanged():
    error = errors.LimitExceeded("x")
    assert translate(error, NEVER) is error


def test_a_rejected_certificate_in_the_causes_is_found():
    error = httpx.ConnectError("x")
    error.__cause__ = OSError()
    error.__cause__.__cause__ = ssl.SSLCertVerificationError("bad")
    assert isinstance(translate(error, NEVER), errors.TLSFailed)


def test_a_timeout_at_the_deadline_is_the_deadline():
    over = Deadline(time.monotonic(), 5.0)
    assert isinstance(translate(httpx.ReadTimeout("x"), over), errors.DeadlineExceeded)
    assert isinstance(translate(httpx.ReadError("x"), over), errors.ReadFailed)


@pytest.mark.parametrize("mistake", [ZeroDivisionError(), KeyError(), RuntimeError(), AssertionError()])
def test_a_programming_error_is_not_translated(mistake):
    assert not isinstance(mistake, FOREIGN)
