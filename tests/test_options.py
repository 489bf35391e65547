"""Options: invalid values are refused when an option is created."""

from __future__ import annotations

import inspect
import math
import threading
from dataclasses import fields
from http import HTTPStatus
from typing import Any

import httpx
import pytest

import httpconn
from httpconn import AccessPolicy, Limits, RateLimit, RedirectPolicy, RetryPolicy, Timeouts, errors

FULL: dict[type[Any], dict[str, Any]] = {
    Timeouts: {},
    Limits: {},
    RetryPolicy: {},
    RedirectPolicy: {},
    RateLimit: {"rate": 1.0},
    AccessPolicy: {},
}
FIELDS = [(kind, each.name, inspect.formatannotation(each.type)) for kind in FULL for each in fields(kind)]
HUGE = 10**5000
NEVER_RIGHT = [math.nan, math.inf, -1, HUGE, -HUGE, "3", b"3", object(), 5j]


def make(kind: type[Any], name: str, value: object) -> Any:
    return kind(**{**FULL[kind], name: value})


def type_name(value: object) -> str:
    """Return the id of a case. Its value can have more digits than Python prints."""
    return type(value).__name__


def of(*types: str) -> list[tuple[type[Any], str]]:
    return [(kind, name) for kind, name, declared in FIELDS if declared.split(" | ")[0] in types]


@pytest.mark.parametrize(("kind", "name", "declared"), FIELDS)
def test_none_is_accepted_where_it_is_declared(kind: type[Any], name: str, declared: str) -> None:
    if declared.endswith("| None"):
        assert getattr(make(kind, name, None), name) is None
        return
    with pytest.raises(errors.InvalidRequest, match=rf"{kind.__name__}\.{name} "):
        make(kind, name, None)


@pytest.mark.parametrize("value", [*NEVER_RIGHT, True, False], ids=type_name)
@pytest.mark.parametrize(("kind", "name"), of("float", "int"))
def test_a_value_that_is_not_a_number_in_range_is_refused(kind: type[Any], name: str, value: object) -> None:
    with pytest.raises(errors.InvalidRequest, match=name):
        make(kind, name, value)


@pytest.mark.parametrize("value", [0, 1, "yes", None])
@pytest.mark.parametrize(("kind", "name"), of("bool"))
def test_a_flag_is_true_or_false(kind: type[Any], name: str, value: object) -> None:
    with pytest.raises(errors.InvalidRequest, match="True or False"):
        make(kind, name, value)


@pytest.mark.parametrize(("kind", "name"), of("float"))
def test_seconds_are_limited_to_what_systems_can_wait(kind: type[Any], name: str) -> None:
    seconds = getattr(make(kind, name, 2e6), name)
    assert seconds <= threading.TIMEOUT_MAX
    with pytest.raises(errors.InvalidRequest, match="at most 2,000,000"):
        make(kind, name, 2.1e6)


@pytest.mark.parametrize(("kind", "name"), of("int"))
def test_a_count_is_whole(kind: type[Any], name: str) -> None:
    with pytest.raises(errors.InvalidRequest, match="whole number"):
        make(kind, name, 1.5)


ZEROS = {
    "max_keepalive_connections",
    "max_bytes",
    "ratio_grace",
    "min_speed",
    "backoff",
    "budget",
    "max_hops",
}


@pytest.mark.parametrize(("kind", "name"), of("float", "int"))
def test_zero_is_accepted_where_it_means_no_limit(kind: type[Any], name: str) -> None:
    if name in ZEROS:
        assert getattr(make(kind, name, 0), name) == 0
        return
    with pytest.raises(errors.InvalidRequest, match="more than 0"):
        make(kind, name, 0)


@pytest.mark.parametrize(
    ("kind", "name", "bad"),
    [
        *((RetryPolicy, "methods", bad) for bad in (5, "GET", b"GET", [5], [None])),
        *((RetryPolicy, "statuses", bad) for bad in (5, "503", b"503", ["503"], [True], [5.0], [[5]], iter([5]))),
        *((RedirectPolicy, "safe_headers", bad) for bad in (5, "X-Key", b"X", [b"X"], [1], [["X"]], iter("X"))),
        *((AccessPolicy, "schemes", bad) for bad in (5, "https", b"https", ["HTTPS"], ["ftp"], [5], [["http"]])),
    ],
)
def test_a_collection_is_of_its_items(kind: type[Any], name: str, bad: object) -> None:
    with pytest.raises(errors.InvalidRequest, match=rf"{kind.__name__}\.{name} "):
        make(kind, name, bad)


def test_collections_are_frozen() -> None:
    assert RetryPolicy(statuses=[429, HTTPStatus.BAD_GATEWAY]).statuses == frozenset({429, 502})  # type: ignore[arg-type]
    assert RedirectPolicy(safe_headers=("X-Key",)).safe_headers == frozenset({"x-key"})  # type: ignore[arg-type]
    schemes = ["https"]
    policy = AccessPolicy(schemes)  # type: ignore[arg-type]
    schemes.append("http")
    assert policy.schemes == frozenset({"https"})


def test_a_rate_that_is_too_low_is_refused() -> None:
    with pytest.raises(errors.InvalidRequest, match=r"RateLimit\.rate"):
        RateLimit(1e-300)


@pytest.mark.parametrize("retries", [-1, -HUGE, HUGE, "3", True, None, 1.0], ids=type_name)
def test_retries_are_a_policy_or_a_count(retries: Any) -> None:
    with pytest.raises(errors.InvalidRequest):
        RetryPolicy.of(retries)


@pytest.mark.parametrize("option", [{"timeout": httpx.Timeout(5)}, {"limits": httpx.Limits()}])
def test_an_option_of_httpx_is_named_with_its_module(option: dict[str, Any]) -> None:
    (value,) = option.values()
    with pytest.raises(errors.InvalidRequest, match=rf" httpx\.{type(value).__name__}$"):
        httpconn.HTTPConnection(**option)


def test_numbers_are_short_forms_of_options() -> None:
    assert Timeouts.of(5).total == 5
    assert RetryPolicy.of(0).attempts == 1
    assert RetryPolicy.of(3).attempts == 4
