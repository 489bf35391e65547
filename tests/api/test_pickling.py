"""Pickling of connection objects: the pickle holds the options, and the receiver opens its own connections."""

from __future__ import annotations

import copy
import gc
import multiprocessing
import pickle
import ssl

import httpx
import pytest

from httpconn import (
    AccessPolicy,
    HTTPConnection,
    InvalidRequest,
    Limits,
    Pinned,
    RateLimit,
    RedirectPolicy,
    RetryPolicy,
    Timeouts,
    global_http_connection,
)
from tests import pickled
from tests.servers.scripted import response

PIN = "sha256/47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="


def over(value):
    return pickle.loads(pickle.dumps(value))


@pytest.mark.parametrize(
    "option",
    [
        AccessPolicy.public_internet(denied_hosts=["*.example.com"], allowed_networks=["10.0.0.0/8"]),
        Limits(max_connections=3),
        Pinned(PIN, ca=False),
        RateLimit(2.5, burst=3),
        RedirectPolicy(safe_headers={"X-Trace"}),
        RetryPolicy(attempts=7, statuses={500}),
        Timeouts(connect=1.5, total=None),
    ],
)
def test_options_pickle(option):
    assert over(option) == option


def test_the_pickle_holds_the_options(scripted):
    server = scripted(response(body=b"ok"))
    options = {"user_agent": "worker/1", "headers": {"X-Team": "blue"}, "limits": Limits(max_bytes=2)}
    with HTTPConnection(event_hooks={"request": [pickled.hook]}, **options) as made, over(made) as other:
        assert other.get_bytes(server.url) == b"ok"
    request = server.requests[0]
    assert (b"User-Agent", b"worker/1") in request.headers
    assert (b"X-Team", b"blue") in request.headers


def test_the_pickle_holds_the_original_values_of_options(scripted):
    server = scripted(response(body=b"ok"))
    headers, hooks, rates = httpx.Headers({"X-Team": "blue"}), {"request": [pickled.hook]}, [RateLimit(1e6)]
    with HTTPConnection(headers=headers, event_hooks=hooks, rate_limit=rates) as made:
        headers["X-Team"] = "red"
        hooks["request"].append(print)
        rates.append("none")
        with over(made) as other:
            other.get_bytes(server.url)
    assert server.requests[0].header("X-Team") == "blue"


def test_a_subclass_keeps_its_attributes(scripted):
    server = scripted(response(body=b"ok"))
    with over(pickled.Tenant("blue")) as other:
        other.get_bytes(server.url)
        assert other.team == "blue"
    assert (b"X-Team", b"blue") in server.requests[0].headers


def test_defaults_stay_defaults():
    """A default timeout does not limit downloads. The same timeout given by the caller does."""
    made = over(HTTPConnection())
    assert made._calls.file_timeouts.total is None
    assert over(HTTPConnection(timeout=Timeouts()))._calls.file_timeouts.total == Timeouts().total


def test_no_connection_is_shared(scripted):
    server = scripted(response(body=b"ok"))
    with HTTPConnection() as made:
        made.get_bytes(server.url)
        with over(made) as other, copy.copy(made) as copied:
            other.get_bytes(server.url)
            copied.get_bytes(server.url)
            assert server.connections == 3


def test_the_global_connection_can_be_pickled():
    assert over(global_http_connection) is not global_http_connection


class Branded(HTTPConnection):
    def __init__(self, **options):
        super().__init__(user_agent="brand/1", **options)


def test_a_subclass_with_other_arguments_can_be_pickled(scripted):
    server = scripted(response(body=b"ok"))
    with over(Branded(trust_env=False)) as made:
        made.get_bytes(server.url)
    assert type(made) is Branded
    assert (b"User-Agent", b"brand/1") in server.requests[0].headers


@pytest.mark.parametrize(
    ("name", "option"),
    [
        ("verify", ssl.create_default_context()),
        ("event_hooks", {"request": [lambda request: None]}),
        ("resolver", lambda host, port: ["127.0.0.1"]),
        ("transport", httpx.MockTransport(lambda request: httpx.Response(200))),
        ("async_transport", httpx.MockTransport(lambda request: httpx.Response(200))),
    ],
)
def test_the_error_names_the_option_that_cannot_be_pickled(name, option):
    with pytest.raises(InvalidRequest, match=f"this {name}= cannot be pickled"):
        pickle.dumps(HTTPConnection(**{name: option}))


def test_a_spawned_process_fetches_with_it(scripted):
    server = scripted(response(body=b"ok"))
    context = multiprocessing.get_context("spawn")
    responses, theirs = context.Pipe(duplex=False)
    with HTTPConnection(headers={"X-Team": "blue"}) as made:
        made.get_bytes(server.url)
        process = context.Process(target=pickled.fetch, args=(made, server.url, theirs))
        process.start()
    assert responses.poll(30)
    assert responses.recv() == b"ok"
    process.join(200)
    assert process.exitcode == 0
    assert all((b"X-Team", b"blue") in request.headers for request in server.requests)


def test_an_unpickled_connection_closes_without_a_warning(scripted):
    # Each task of multiprocessing's Pool.map(connection.get_json, ...) has its own.
    server = scripted(response(body=b"{}"))
    with HTTPConnection() as made:
        assert over(made.get_json)(server.url) == {}
    gc.collect()
    server.wait_for(lambda: server.open_connections == 0)
