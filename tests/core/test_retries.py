"""Retries: the errors that are retried, the wait, and the budget of a host."""

from __future__ import annotations

import threading

import httpx
import pytest

from httpconn import HTTPConnError, RetryPolicy, errors
from httpconn.core import retries
from httpconn.core.messages import Origin, Request
from httpconn.core.retries import MAX_EARNED, MAX_HOSTS, RATE, RESERVE, RetryBudget

PASSING = {
    *(
        "TransportError",
        "ConnectFailed",
        "Disconnected",
        "ReadFailed",
        "WriteFailed",
        "ProxyFailed",
        "TimedOut",
        "ConnectTimedOut",
    ),
    *("ReadTimedOut", "WriteTimedOut", "PoolTimedOut", "TooSlow", "StreamReset", "TruncatedBody"),
    "UnexpectedContent",
}
FINAL = {
    *(
        "HTTPConnError",
        "InvalidRequest",
        "InvalidURL",
        "MalformedRequest",
        "AccessDenied",
        "TLSFailed",
        "QueueFull",
        "DeadlineExceeded",
    ),
    *("ResponseError", "TooManyRedirects", "RedirectRefused", "ProtocolError", "RangesRefused", "DecodingError"),
    *("InvalidJSON", "LimitExceeded", "HeaderTooLarge", "IntegrityError", "FileChanged", "StorageError", "DiskFull"),
}
TWICE = RetryPolicy(attempts=2)


def test_every_error_has_a_decision() -> None:
    assert PASSING | FINAL | {"StatusError"} == set(errors.__all__)


@pytest.mark.parametrize("name", sorted(PASSING))
def test_a_transient_error_is_retried_while_attempts_are_left(name: str) -> None:
    error = getattr(errors, name)("x")
    assert retries.why_final(TWICE, error, 1) is None
    assert retries.why_final(TWICE, error, 2) == "no attempt is left"
    assert retries.why_final(TWICE, error, 3) == "no attempt is left"


@pytest.mark.parametrize("name", sorted(FINAL))
@pytest.mark.parametrize("attempt", [1, 2])
def test_a_permanent_error_is_not_retried(name: str, attempt: int) -> None:
    assert retries.why_final(TWICE, getattr(errors, name)("x"), attempt) == f"{name} is final"


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 410, 416, 501, 505, 508, 511, 519, 528])
def test_permanent_statuses_are_not_retried(status: int) -> None:
    error = errors.StatusError(httpx.Response(status))
    assert retries.why_final(TWICE, error, 1) == f"status {status} is final"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, *range(520, 528)])
def test_transient_statuses_are_retried(status: int) -> None:
    error = errors.StatusError(httpx.Response(status))
    assert retries.why_final(TWICE, error, 1) is None
    assert retries.why_final(TWICE, error, 2) == "no attempt is left"


def test_the_policy_names_the_statuses() -> None:
    policy = RetryPolicy(statuses=frozenset({404}))
    assert retries.why_final(policy, errors.StatusError(httpx.Response(404)), 1) is None
    assert retries.why_final(policy, errors.StatusError(httpx.Response(503)), 1)


def sent(method: str, body: object = None, *fields: tuple[bytes, bytes]) -> Request:
    return Request(Origin("https", "example.com", 443), b"/", list(fields), method=method, body=body)


@pytest.mark.parametrize(
    ("request_", "again"),
    [
        *((sent(method), True) for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE")),
        *((sent(method), False) for method in ("POST", "PATCH", "put")),
        (sent("POST", b"x", (b"idempotency-KEY", b"1")), True),
        (sent("PUT", iter([b"x"])), False),
        (sent("POST", iter([b"x"]), (b"Idempotency-Key", b"1")), False),
    ],
)
def test_a_request_is_retried_if_it_may_be_repeated(request_: Request, again: bool) -> None:
    assert (retries.why_final(TWICE, errors.ReadFailed("x"), 1, request_) is None) is again
    assert retries.why_final(TWICE, errors.ReadFailed("x"), 1, sent("POST"), request_)


def test_the_policy_names_the_methods() -> None:
    assert retries.why_final(RetryPolicy(methods=frozenset({"POST"})), errors.ReadFailed("x"), 1, sent("POST")) is None
    assert retries.why_final(RetryPolicy(methods=frozenset({"POST"})), errors.ReadFailed("x"), 1, sent("GET"))


def test_an_error_can_be_marked_retryable() -> None:
    assert retries.why_final(TWICE, HTTPConnError("x", retryable=True), 1) is None


def test_the_wait_doubles_up_to_its_maximum_with_jitter() -> None:
    policy = RetryPolicy(backoff=1.0, backoff_max=5.0)
    assert [retries.backoff(policy, attempt, None, 1.0) for attempt in (1, 2, 3, 4, 10_000)] == [1, 2, 4, 5, 5]
    assert retries.backoff(policy, 3, None, 0.25) == 1.0
    assert retries.backoff(RetryPolicy(backoff=0), 3, None, 1.0) == 0


def test_retry_after_is_obeyed_or_ends_the_call() -> None:
    assert retries.backoff(RetryPolicy(), 1, 7.0, 0.5) == 7.0
    assert retries.backoff(RetryPolicy(max_retry_after=5), 1, 7.0, 0.5) is None
    assert retries.backoff(RetryPolicy(obey_retry_after=False), 1, 7.0, 0.5) == 0.25


def test_without_jitter_the_full_wait_is_used() -> None:
    assert retries.backoff(RetryPolicy(backoff=1.0, jitter=False), 2, None, 0.25) == 2.0


@pytest.mark.parametrize(
    ("value", "date", "seconds"),
    [
        ("0", None, 0.0),
        ("120", None, 120.0),
        (" 7 ", None, 7.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", None, 90.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", "Thu, 01 Jan 1970 00:01:30 GMT", 10.0),
        ("Thu, 01 Jan 1970 00:00:05 GMT", None, 0.0),
        ("Thu, 01 Jan 1970 00:01:40 GMT", "nonsense", 90.0),
        (None, None, None),
        ("soon", None, None),
        ("-5", None, None),
        ("1.5", None, None),
        ("٣", None, None),
        ("", None, None),
        ("9" * 400, None, 999_999_999_999.0),
    ],
)
def test_retry_after_in_both_forms(value: str | None, date: str | None, seconds: float | None) -> None:
    assert retries.retry_after(value, date, 10.0) == seconds


def spent(retry_budget: RetryBudget, host: str, now: float) -> int:
    count = 0
    while retry_budget.take(host, now):
        count += 1
    return count


def test_a_failing_host_gets_few_retries() -> None:
    retry_budget = RetryBudget()
    assert spent(retry_budget, "down", 1000.0) == RESERVE
    assert spent(retry_budget, "down", 1001.0) == RATE
    assert spent(retry_budget, "down", 5000.0) == RESERVE


def test_each_host_has_a_budget_of_its_own() -> None:
    retry_budget = RetryBudget()
    spent(retry_budget, "down", 1000.0)
    assert retry_budget.take("up", 1000.0)


def test_calls_add_retries() -> None:
    retry_budget = RetryBudget()
    for _ in range(100):
        retry_budget.earn("host", 0.25)
    assert spent(retry_budget, "host", 1000.0) == RESERVE + 25


def test_no_retry_is_refused_if_three_of_ten_calls_fail_once() -> None:
    retry_budget, earned = RetryBudget(), RetryPolicy().budget
    assert earned is not None
    for number in range(2000):
        retry_budget.earn("host", earned)
        assert number % 10 > 2 or retry_budget.take("host", 1000.0)


def test_the_number_of_earned_retries_is_limited() -> None:
    retry_budget = RetryBudget()
    for _ in range(3 * int(MAX_EARNED)):
        retry_budget.earn("host", 1.0)
    assert spent(retry_budget, "host", 1000.0) == RESERVE + MAX_EARNED


def test_a_stopped_clock_adds_no_retries() -> None:
    retry_budget = RetryBudget()
    spent(retry_budget, "host", 1000.0)
    assert not retry_budget.take("host", 990.0)


def test_the_number_of_known_hosts_is_limited() -> None:
    retry_budget = RetryBudget()
    spent(retry_budget, "first", 1000.0)
    for number in range(MAX_HOSTS):
        retry_budget.take(str(number), 1000.0)
    assert len(retry_budget._budgets) <= MAX_HOSTS
    assert retry_budget.take("first", 1000.0)


def test_threads_share_a_budget() -> None:
    retry_budget, taken = RetryBudget(), []
    threads = [threading.Thread(target=lambda: taken.append(spent(retry_budget, "host", 1000.0))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert RESERVE <= sum(taken) < 2 * RESERVE


def test_many_other_hosts_do_not_reset_the_budget_of_a_failing_host() -> None:
    retry_budget = RetryBudget()
    spent(retry_budget, "down", 1000.0)
    for number in range(2 * MAX_HOSTS):
        retry_budget.earn(f"host{number}", 0.2)
    assert not retry_budget.take("down", 1000.0)
