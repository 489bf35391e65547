"""The rules of a private cache, on a clock that the test sets."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core import caching
from httpconn.core.caching import LONGEST, Question, Record
from httpconn.core.requests import RequestSpec
from httpconn.core.urls import vet

NOW = 1_800_000_000.0
ANY = Question("key", LONGEST)


def at(seconds: float) -> str:
    """An HTTP date, so many seconds from now."""
    return formatdate(NOW + seconds, usegmt=True)


def kept(*, asked_at: float = NOW, now: float = NOW, **fields: str) -> Record | None:
    """What is kept of an answer with these fields."""
    header = {name.replace("_", "-"): value for name, value in fields.items()}
    return caching.record_of(header.get, b"body", asked_at, now)


def asks(**fields: str) -> Question | None:
    header = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in fields.items())
    return caching.question(RequestSpec(vet("http://example.com/"), header, frozenset()))


FRESH_FOR = [
    ({"cache_control": "max-age=60"}, 60),
    ({"cache_control": 'max-age="60"'}, 60),
    ({"cache_control": "Max-Age = 60 , public"}, 60),
    ({"cache_control": "max-age=60, max-age=9000"}, 60),
    ({"cache_control": 'x="a, max-age=9000", max-age=60'}, 60),
    ({"cache_control": "private, max-age=60, s-maxage=9000"}, 60),
    ({"cache_control": "max-age=60", "expires": at(9000)}, 60),
    ({"cache_control": "max-age=60", "age": "20"}, 40),
    ({"cache_control": "max-age=60", "date": at(-20)}, 40),
    ({"cache_control": "max-age=60", "date": at(-20), "age": "10"}, 40),
    ({"cache_control": "max-age=60", "date": at(-10), "age": "20"}, 40),
    ({"cache_control": "max-age=60", "date": at(300)}, 60),
    ({"cache_control": "max-age=60", "date": "yesterday"}, 60),
    ({"cache_control": "max-age=60", "age": "old"}, 60),
    ({"cache_control": "max-age=99999999999999999999"}, LONGEST),
    ({"expires": at(60)}, 60),
    ({"expires": at(60), "date": at(0)}, 60),
    ({"expires": at(60), "date": at(-20)}, 60),
    ({"expires": at(80), "date": at(20)}, 60),
]

NEVER_FRESH = [
    {"etag": '"a"'},
    {"last_modified": at(-9_000_000)},
    {"cache_control": "no-cache, max-age=60", "etag": '"a"'},
    {"cache_control": 'no-cache="set-cookie", max-age=60', "etag": '"a"'},
    {"cache_control": "max-age=0", "etag": '"a"'},
    {"cache_control": "max-age=-1", "etag": '"a"'},
    {"cache_control": "max-age=1.5", "etag": '"a"'},
    {"cache_control": "max-age", "etag": '"a"'},
    {"cache_control": "max-age=soon", "expires": at(60), "etag": '"a"'},
    {"cache_control": "max-age=60", "age": "60", "etag": '"a"'},
    {"expires": "0", "etag": '"a"'},
    {"expires": at(-1), "etag": '"a"'},
]

NOT_KEPT = [
    {},
    {"cache_control": "public"},
    {"cache_control": "no-store, max-age=60"},
    {"cache_control": "max-age=60, NO-STORE"},
    {"cache_control": "max-age=60", "vary": "*"},
    {"cache_control": "max-age=60", "vary": "accept, *"},
    {"cache_control": "max-age=60", "set_cookie": "a=b"},
    {"etag": "unquoted"},
    {"expires": at(-60)},
]


@pytest.mark.parametrize(("fields", "seconds"), FRESH_FOR)
def test_an_answer_is_fresh_for_so_long(fields: dict[str, str], seconds: int) -> None:
    record = kept(**fields)
    assert record is not None
    assert caching.is_fresh(record, ANY, NOW)
    assert caching.is_fresh(record, ANY, NOW + seconds - 1) or seconds == LONGEST
    assert not caching.is_fresh(record, ANY, NOW + seconds)


@pytest.mark.parametrize("fields", NEVER_FRESH)
def test_an_answer_is_asked_about_each_time(fields: dict[str, str]) -> None:
    record = kept(**fields)
    assert record is not None
    assert not caching.is_fresh(record, ANY, NOW)
    assert caching.conditions(record)


@pytest.mark.parametrize("fields", NOT_KEPT)
def test_an_answer_is_not_kept(fields: dict[str, str]) -> None:
    assert kept(**fields) is None


def test_the_time_that_the_answer_took_is_part_of_its_age() -> None:
    record = kept(cache_control="max-age=60", asked_at=NOW - 30)
    assert record is not None
    assert caching.is_fresh(record, ANY, NOW + 29)
    assert not caching.is_fresh(record, ANY, NOW + 30)


def test_a_clock_that_was_set_back_makes_nothing_fresh() -> None:
    record = kept(cache_control="max-age=60")
    assert record is not None
    assert not caching.is_fresh(record, ANY, NOW - 5)


@pytest.mark.parametrize(
    ("fields", "oldest"),
    [
        ({}, LONGEST),
        ({"Cache_Control": "max-age=10"}, 10),
        ({"Cache_Control": "no-cache"}, 0),
        ({"cache_control": "max-age=soon"}, 0),
        ({"Pragma": "no-cache"}, 0),
    ],
)
def test_a_caller_says_how_old_an_answer_may_be(fields: dict[str, str], oldest: float) -> None:
    asked = asks(**fields)
    assert asked is not None
    assert asked.oldest == oldest


@pytest.mark.parametrize(
    "fields",
    [{"Cache_Control": "no-store"}, {"range": "bytes=0-"}, {"If_None_Match": "*"}, {"If_Modified_Since": at(0)}],
)
def test_a_caller_asks_the_server_alone(fields: dict[str, str]) -> None:
    assert asks(**fields) is None


def test_the_order_and_case_of_names_do_not_matter() -> None:
    assert asks(Accept="a", X_Key="b") == asks(x_key="b", accept="a")
    assert asks(Accept="a") != asks(Accept="A")


class TestA304:
    """What it says of the answer that there is."""

    def confirmed(self, record: Record | None, **fields: str) -> Record | None:
        assert record is not None
        header = {name.replace("_", "-"): value for name, value in fields.items()}
        return caching.validated(record, header.get, NOW + 100, NOW + 100)

    def test_makes_it_fresh_again(self) -> None:
        record = self.confirmed(kept(etag='"a"', cache_control="max-age=60"), etag='"a"')
        assert record is not None
        assert caching.is_fresh(record, ANY, NOW + 159)
        assert not caching.is_fresh(record, ANY, NOW + 160)

    def test_says_how_long_from_now_on(self) -> None:
        record = self.confirmed(kept(etag='"a"', cache_control="max-age=60"), cache_control="max-age=5")
        assert record is not None
        assert not caching.is_fresh(record, ANY, NOW + 105)

    def test_makes_no_past_date_fresh(self) -> None:
        record = self.confirmed(kept(etag='"a"', expires=at(60)))
        assert record is not None
        assert not caching.is_fresh(record, ANY, NOW + 100)

    def test_leaves_the_type_of_the_body_as_it_was(self) -> None:
        record = self.confirmed(kept(etag='"a"', content_type="text/plain"), content_type="text/html")
        assert record is not None
        assert record.fields["content-type"] == "text/plain"

    @pytest.mark.parametrize(("ours", "theirs"), [('"a"', 'W/"a"'), ('W/"a"', '"a"')])
    def test_may_name_the_version_weakly(self, ours: str, theirs: str) -> None:
        assert self.confirmed(kept(etag=ours), etag=theirs) is not None

    def test_of_another_version_confirms_nothing(self) -> None:
        assert self.confirmed(kept(etag='"a"'), etag='"b"') is None


@pytest.mark.parametrize(
    ("ruled", "after", "may"),
    [
        ("max-age=10, stale-if-error=60", 69, True),
        ("max-age=10, stale-if-error=60", 70, False),
        ("max-age=10", 11, False),
        ("max-age=10, stale-if-error=60, must-revalidate", 11, False),
        ("no-cache, stale-if-error=60", 1, False),
    ],
)
def test_an_answer_stands_in_for_a_server_that_fails(ruled: str, after: int, may: bool) -> None:
    record = kept(cache_control=ruled, etag='"a"')
    assert record is not None
    assert caching.stands_in(record, NOW + after) is may


@given(st.dictionaries(st.sampled_from([*caching.KEPT, "age", "vary"]), st.text(max_size=40)), st.text(max_size=40))
def test_no_header_breaks_the_rules(header: dict[str, str], directives: str) -> None:
    header["cache-control"] = directives
    record = caching.record_of(header.get, b"", NOW, NOW)
    if record is not None:
        caching.is_fresh(record, ANY, NOW + 1)
        caching.stands_in(record, NOW + 1)
        caching.conditions(record)
        caching.validated(record, header.get, NOW, NOW)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 20_000))
def test_an_answer_is_fresh_exactly_until_its_age_is_its_lifetime(lifetime: int, age: int, later: int) -> None:
    record = kept(cache_control=f"max-age={lifetime}", age=str(age), etag='"a"')
    assert record is not None
    assert caching.is_fresh(record, ANY, NOW + later) is (age + later < lifetime)
