"""The tree of errors: catching, pickling and printing them."""

from __future__ import annotations

import copy
import json
import pickle

import httpx
import pytest

import httpconn
from httpconn import errors

CLASSES = [getattr(errors, name) for name in errors.__all__]
SECOND_BASES = [
    (errors.InvalidRequest, ValueError),
    (errors.InvalidURL, httpx.InvalidURL),
    (errors.AccessDenied, ValueError),
    (errors.ConnectFailed, httpx.ConnectError),
    (errors.TLSFailed, httpx.ConnectError),
    (errors.ReadFailed, httpx.ReadError),
    (errors.WriteFailed, httpx.WriteError),
    (errors.ProxyFailed, httpx.ProxyError),
    (errors.TimedOut, TimeoutError),
    (errors.ConnectTimedOut, httpx.ConnectTimeout),
    (errors.ReadTimedOut, httpx.ReadTimeout),
    (errors.WriteTimedOut, httpx.WriteTimeout),
    (errors.PoolTimedOut, httpx.PoolTimeout),
    (errors.TooSlow, httpx.TimeoutException),
    (errors.DeadlineExceeded, TimeoutError),
    (errors.StatusError, httpx.HTTPStatusError),
    (errors.TooManyRedirects, httpx.TooManyRedirects),
    (errors.ProtocolError, httpx.RemoteProtocolError),
    (errors.DecodingError, httpx.DecodingError),
    (errors.InvalidJSON, ValueError),
    (errors.LimitExceeded, ValueError),
    (errors.StorageError, OSError),
]


def make(kind: type[errors.HTTPConnError]) -> errors.HTTPConnError:
    if issubclass(kind, errors.StatusError):
        request = httpx.Request("GET", "https://user:secret@example.com/?sig=secret", headers={"X-Key": "secret"})
        return kind(httpx.Response(503, headers={"Set-Cookie": "secret"}, request=request, content=b"secret"))
    if issubclass(kind, errors.StorageError):
        return kind("it broke", errno=28)
    return kind("it broke")


@pytest.mark.parametrize("kind", CLASSES)
def test_every_error_is_in_one_tree(kind: type[Exception]) -> None:
    assert issubclass(kind, errors.HTTPConnError)
    assert getattr(httpconn, kind.__name__) is kind


@pytest.mark.parametrize(("kind", "base"), SECOND_BASES)
def test_code_that_catches_the_known_exception_catches_ours(kind: type[Exception], base: type[Exception]) -> None:
    assert issubclass(kind, base)


@pytest.mark.parametrize("kind", [each for each in CLASSES if issubclass(each, errors.TransportError)])
def test_a_transport_error_is_never_a_value_error(kind: type[Exception]) -> None:
    assert not issubclass(kind, ValueError)


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_pickle_with_their_message_and_without_secrets(kind: type[errors.HTTPConnError]) -> None:
    error = make(kind)
    error.url, error.attempts, error.elapsed = "https://example.com/?sig=***", 3, 1.5
    data = pickle.dumps(error)
    again = pickle.loads(data)
    assert type(again) is kind
    assert str(again) == str(error)
    assert (again.url, again.attempts, again.elapsed) == (error.url, 3, 1.5)
    assert (again.retryable, again.fault, again.public_message) == (error.retryable, error.fault, error.public_message)
    assert b"secret" not in data


@pytest.mark.parametrize("kind", CLASSES)
def test_task_queues_can_rebuild_an_error_from_its_arguments(kind: type[errors.HTTPConnError]) -> None:
    error = make(kind)
    again = kind(*json.loads(json.dumps(error.args)))
    assert (str(again), again.args, again.retryable) == (str(error), error.args, error.retryable)


@pytest.mark.parametrize(
    ("error", "names"),
    [
        (errors.AccessDenied("no", reason="port", rule="port 22"), ["reason", "rule"]),
        (errors.ProxyFailed("no", status=407), ["status_code"]),
        (errors.StatusError(httpx.Response(404)), ["status_code", "fault"]),
        (errors.LimitExceeded("no", "budget", 10, 20), ["kind", "limit", "received"]),
        (errors.IntegrityError("no", expected="sha256:a", actual="sha256:b"), ["expected", "actual"]),
        (errors.DiskFull("no", errno=28), ["errno"]),
    ],
)
def test_rebuilt_and_copied_errors_keep_their_attributes(error: errors.HTTPConnError, names: list[str]) -> None:
    for again in (type(error)(*error.args), copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert [getattr(again, name) for name in names] == [getattr(error, name) for name in names]
        assert again.args == error.args
        assert getattr(again, "__notes__", []) == getattr(error, "__notes__", [])


def test_a_status_error_keeps_its_status_across_a_pickle() -> None:
    again = pickle.loads(pickle.dumps(make(errors.StatusError)))
    assert again.status_code == again.response.status_code == 503


def test_a_storage_error_keeps_its_number_across_a_pickle() -> None:
    assert pickle.loads(pickle.dumps(make(errors.DiskFull))).errno == 28


def test_the_message_names_no_attempts_before_a_request_was_sent() -> None:
    error = errors.InvalidURL("no")
    assert str(error) == "no"
    error.attempts, error.url = 2, "https://example.com/"
    assert str(error) == "no [https://example.com/] (2 attempts, 0.00 s)"


@pytest.mark.parametrize(
    ("status", "fault", "retryable"),
    [
        (404, "caller", False),
        (403, "caller", False),
        (429, "upstream", True),
        (500, "upstream", True),
        (304, "upstream", False),
    ],
)
def test_the_status_decides_the_party_at_fault(status: int, fault: str, retryable: bool) -> None:
    error = errors.StatusError(httpx.Response(status, request=httpx.Request("GET", "https://10.0.0.1/?a=b")))
    assert (error.fault, error.retryable) == (fault, retryable)
    assert "10.0.0.1" not in error.public_message
    assert str(status) in error.public_message


@pytest.mark.parametrize("kind", CLASSES)
def test_a_request_that_was_never_made_is_a_runtime_error_as_in_httpx(kind: type[errors.HTTPConnError]) -> None:
    with pytest.raises(RuntimeError):
        _ = kind("x").request if not issubclass(kind, errors.StatusError) else kind(httpx.Response(500)).request


def test_the_reason_phrase_in_the_message_is_short_and_printable() -> None:
    phrase = b"\x1b[31m" + b"x" * 10_000
    message = str(errors.StatusError(httpx.Response(500, extensions={"reason_phrase": phrase})))
    assert message == f"The server responded with 500 ?[31m{'x' * 52}..."
    assert str(errors.StatusError(httpx.Response(500, extensions={"reason_phrase": b""}))).endswith("500")
