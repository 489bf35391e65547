"""The rules of a private cache, on a clock that the test sets."""

from __future__ import annotations

from email.utils import formatdate

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core import caching
from httpconn.core.caching import BRIEF, LONGEST, MAX_HEURISTIC, Record, RequestDirectives
from httpconn.core.messages import Head, by_name
from httpconn.core.requestbuilder import RequestSpec
from httpconn.core.urls import vet

NOW = 1_800_000_000.0
DAY = 24 * 3600
ERRORS = [400, 404, 405, 410, 414, 499, 501, 599]
REDIRECTS = [301, 302, 303, 307, 308]


def at(seconds: float) -> str:
    """Return the HTTP date of a time relative to ``NOW``."""
    return formatdate(NOW + seconds, usegmt=True)


def head(status: int = 200, lines: list[tuple[str, str]] | None = None, **fields: str) -> Head:
    """Return the head of a response with these fields."""
    given = lines or [(name.replace("_", "-").title(), value) for name, value in fields.items()]
    raw = [(name.encode(), value.encode("latin-1")) for name, value in given]
    return Head(status, b"", b"HTTP/1.1", raw, by_name(raw))


def kept(status: int = 200, *, asked_at: float = NOW, **fields: str) -> Record | None:
    """Return the record of a response with these fields, or None."""
    return caching.record_of(head(status, **fields), b"body", asked_at, NOW)


def stored(status: int = 200, **fields: str) -> Record:
    record = kept(status, **fields)
    assert record is not None
    return record


def spec(url: str = "http://example.com/", **fields: str) -> RequestSpec:
    header = tuple((name.replace("_", "-").encode(), value.encode()) for name, value in fields.items())
    return RequestSpec(vet(url), header, frozenset())


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
    ({"cache_control": "max-age=0060"}, 60),
    ({"cache_control": "max-age=60", "age": "old"}, 60),
    ({"cache_control": "max-age=60", "age": "-20"}, 60),
    ({"cache_control": "max-age=60", "age": "20.0"}, 60),
    ({"cache_control": "max-age=60", "age": "20, 0"}, 40),
    ({"cache_control": "max-age=60", "age": "0, 20"}, 60),
    ({"cache_control": "max-age=60", "age": "20,20"}, 40),
    ({"cache_control": "max-age=60", "expires": "0"}, 60),
    ({"cache_control": "no-store, must-understand, max-age=60"}, 60),
    ({"cache_control": "max-age=99999999999999999999"}, LONGEST),
    ({"expires": at(60)}, 60),
    ({"expires": at(60), "date": at(0)}, 60),
    ({"expires": at(60), "date": at(-20)}, 60),
    ({"expires": at(80), "date": at(20)}, 60),
    ({"expires": at(60), "date": "yesterday"}, 60),
    ({"last_modified": at(-600)}, 60),
    ({"last_modified": at(-620), "date": at(-20)}, 40),
    ({"last_modified": at(-600), "etag": '"a"'}, 60),
    ({"last_modified": at(-9 * DAY), "cache_control": "private"}, MAX_HEURISTIC * 0.9),
    ({"last_modified": at(-900 * DAY)}, MAX_HEURISTIC),
]

NEVER_FRESH = [
    {"etag": '"a"'},
    {"last_modified": at(0)},
    {"last_modified": at(60)},
    {"last_modified": at(-9_000_000), "cache_control": "max-age=0"},
    {"last_modified": at(-9_000_000), "cache_control": "no-cache"},
    {"last_modified": at(-9_000_000), "expires": "0"},
    {"cache_control": "max-age='60'", "etag": '"a"'},
    {"cache_control": "max-age=60", "age": "99999999999999", "etag": '"a"'},
    {"cache_control": "max-age=60", "age": "70, 0", "etag": '"a"'},
    {"expires": at(60), "date": at(70), "etag": '"a"'},
    {"expires": f"{at(60)}, {at(60)}", "etag": '"a"'},
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
    {"cache_control": "max-age=60", "vary": ", *"},
    {"cache_control": "max-age=60", "vary": "Accept, Cache-Control"},
    {"cache_control": "max-age=60", "set_cookie": "a=b"},
    {"etag": "unquoted"},
    {"expires": at(-60)},
]


@pytest.mark.parametrize(("fields", "seconds"), FRESH_FOR)
def test_a_response_is_fresh_for_its_lifetime(fields: dict[str, str], seconds: int) -> None:
    record = kept(**fields)
    assert record is not None
    assert caching.is_fresh(record, NOW)
    assert caching.is_fresh(record, NOW + seconds - 1) or seconds == LONGEST
    assert not caching.is_fresh(record, NOW + seconds)


@pytest.mark.parametrize("fields", NEVER_FRESH)
def test_a_response_without_a_lifetime_is_validated_each_time(fields: dict[str, str]) -> None:
    record = kept(**fields)
    assert record is not None
    assert not caching.is_fresh(record, NOW)
    assert caching.conditions(record)


@pytest.mark.parametrize("fields", NOT_KEPT)
def test_a_response_is_not_stored(fields: dict[str, str]) -> None:
    assert kept(**fields) is None


def test_the_duration_of_the_request_is_part_of_the_age() -> None:
    record = kept(cache_control="max-age=60", asked_at=NOW - 30)
    assert record is not None
    assert caching.is_fresh(record, NOW + 29)
    assert not caching.is_fresh(record, NOW + 30)


def test_a_clock_that_was_set_back_makes_no_response_fresh() -> None:
    record = kept(cache_control="max-age=60")
    assert record is not None
    assert not caching.is_fresh(record, NOW - 5)


INVALID_DATES = [
    "0",
    "Fri, 18 Aug 2050 02:01:18 UTC",
    "Fri, 18 Aug 2050 02:01:18 AEST",
    "Fri, 18 Aug 2050 02:01:18 +0000",
    "Fri, 18 Aug 50 02:01:18 GMT",
    "Fri 18 Aug 2050 02:01:18 GMT",
    "Fri, 18  Aug  2050 02:01:18 GMT",
    "Fri, 18-Aug-2050 02:01:18 GMT",
    "Fri, 18 Aug 2050 02.01.18 GMT",
    "Fri, 18 Aug 2050 2:01:18 GMT",
    "Fri, 8 Aug 2050 02:01:18 GMT",
    "18 Aug 2050 02:01:18 GMT",
    "2050-08-18T02:01:18Z",
]


@pytest.mark.parametrize("date", INVALID_DATES)
def test_an_invalid_date_of_expiry_means_expired(date: str) -> None:
    assert not caching.is_fresh(stored(expires=date, etag='"a"', last_modified=at(-9 * DAY)), NOW)


VALID_DATES = [
    "Thu, 18 Aug 2050 02:01:18 GMT",
    "THU, 18 AUG 2050 02:01:18 gmt",
    "Thursday, 18-Aug-50 02:01:18 GMT",
    "Thu Aug 18 02:01:18 2050",
    "Mon Aug  8 02:01:18 2050",
    "Sun, 21 Nov 2286 04:46:39 GMT",
]


@pytest.mark.parametrize("date", VALID_DATES)
def test_all_forms_of_an_http_date_are_read(date: str) -> None:
    assert caching.is_fresh(stored(expires=date), NOW)


class TestStatuses:
    """Responses of each status."""

    @pytest.mark.parametrize("status", [200, 203, 204, 299, *REDIRECTS, *ERRORS])
    def test_with_a_lifetime_are_fresh_for_it(self, status: int) -> None:
        record = stored(status, cache_control="max-age=600")
        assert caching.is_fresh(record, NOW + 599)
        assert not caching.is_fresh(record, NOW + 600)

    @pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 522])
    def test_that_are_transient_are_fresh_for_a_minute(self, status: int) -> None:
        record = stored(status, cache_control="max-age=600")
        assert caching.is_fresh(record, NOW + BRIEF - 1)
        assert not caching.is_fresh(record, NOW + BRIEF)

    @pytest.mark.parametrize("status", [200, 203, 204, 300, 301, 308, 404, 405, 410, 414, 501])
    def test_have_a_heuristic_lifetime(self, status: int) -> None:
        assert caching.is_fresh(stored(status, last_modified=at(-DAY)), NOW)

    @pytest.mark.parametrize("status", [302, 303, 307, 400, 403, 500, 502, 503, 504, 599])
    def test_have_no_heuristic_lifetime(self, status: int) -> None:
        assert kept(status, last_modified=at(-DAY)) is None

    def test_have_a_heuristic_lifetime_if_they_are_public(self) -> None:
        assert caching.is_fresh(stored(599, last_modified=at(-DAY), cache_control="public"), NOW)

    @pytest.mark.parametrize("status", [201, 202])
    def test_are_validated_without_a_heuristic_lifetime(self, status: int) -> None:
        assert not caching.is_fresh(stored(status, last_modified=at(-DAY)), NOW)

    @pytest.mark.parametrize("status", [206, 304])
    def test_of_partial_responses_are_never_stored(self, status: int) -> None:
        assert kept(status, cache_control="max-age=600") is None

    @pytest.mark.parametrize("status", [404, 301])
    def test_other_than_success_are_not_validated(self, status: int) -> None:
        assert kept(status, etag='"a"') is None
        assert caching.conditions(stored(status, etag='"a"', cache_control="max-age=1")) == ()

    def test_that_are_unknown_are_not_stored_with_must_understand(self) -> None:
        assert kept(599, cache_control="max-age=600, must-understand, no-store") is None
        assert kept(599, cache_control="max-age=600, must-understand") is None

    def test_of_errors_keep_the_header_without_the_fields_of_the_connection(self) -> None:
        given = {"connection": "x-hop", "x_hop": "1", "keep_alive": "5", "x_error_code": "Gone\xe9"}
        record = stored(404, cache_control="max-age=600", age="5", **given)
        values = caching.head_of(record, NOW + 3).values
        assert values[b"x-error-code"] == b"Gone\xe9"
        assert values[b"age"] == b"8"
        assert not {b"connection", b"x-hop", b"keep-alive"} & values.keys()

    def test_of_a_redirect_keep_its_location_byte_for_byte(self) -> None:
        lines = [("Cache-Control", "max-age=9"), ("Location", "/jos\xe9"), ("location", "/jos\xe9 ")]
        record = caching.record_of(head(301, lines), b"", NOW, NOW)
        assert record is not None
        assert record.location == b"/jos\xe9"

    def test_of_a_redirect_with_two_locations_are_not_stored(self) -> None:
        lines = [("Cache-Control", "max-age=9"), ("Location", "/a"), ("Location", "/b")]
        assert caching.record_of(head(301, lines), b"", NOW, NOW) is None


WANTED = [
    ({}, RequestDirectives()),
    ({"Cache_Control": "max-age=10"}, RequestDirectives(max_age=10)),
    ({"Cache_Control": "no-cache"}, RequestDirectives(max_age=0)),
    ({"cache_control": "max-age=soon"}, RequestDirectives(max_age=0)),
    ({"Pragma": "no-cache"}, RequestDirectives(max_age=0)),
    ({"Pragma": "no-store"}, RequestDirectives()),
    ({"Pragma": "no-cache", "Cache_Control": "max-age=10"}, RequestDirectives(max_age=10)),
    ({"Cache_Control": "min-fresh=10"}, RequestDirectives(min_fresh=10)),
    ({"Cache_Control": "min-fresh=soon"}, RequestDirectives(min_fresh=LONGEST)),
    ({"Cache_Control": "max-stale"}, RequestDirectives(max_stale=LONGEST)),
    ({"Cache_Control": "max-stale=10"}, RequestDirectives(max_stale=10)),
    ({"Cache_Control": "max-stale=soon"}, RequestDirectives(max_stale=0)),
    ({"Cache_Control": "Only-If-Cached"}, RequestDirectives(only_if_cached=True)),
    ({"Cache_Control": "no-store"}, RequestDirectives(bypasses=True)),
    ({"range": "bytes=0-"}, RequestDirectives(bypasses=True)),
    ({"If_None_Match": "*"}, RequestDirectives(bypasses=True)),
    ({"If_Modified_Since": at(0)}, RequestDirectives(bypasses=True)),
]


@pytest.mark.parametrize(("fields", "expected"), WANTED)
def test_the_request_header_controls_the_cache(fields: dict[str, str], expected: RequestDirectives) -> None:
    assert caching.request_directives(spec(**fields)) == expected


@pytest.mark.parametrize(
    ("wanted", "control", "after", "usable"),
    [
        (RequestDirectives(max_age=10), "max-age=60", 9, True),
        (RequestDirectives(max_age=10), "max-age=60", 10, False),
        (RequestDirectives(max_age=0), "max-age=60", 0, False),
        (RequestDirectives(min_fresh=20), "max-age=60", 39, True),
        (RequestDirectives(min_fresh=20), "max-age=60", 40, False),
        (RequestDirectives(max_stale=20), "max-age=60", 79, True),
        (RequestDirectives(max_stale=20), "max-age=60", 80, False),
        (RequestDirectives(max_stale=LONGEST), "max-age=60, must-revalidate", 60, False),
        (RequestDirectives(max_stale=LONGEST), "no-cache", 0, False),
    ],
)
def test_a_stored_response_is_used_within_the_directives_of_the_request(
    wanted: RequestDirectives, control: str, after: int, usable: bool
) -> None:
    assert caching.is_usable(stored(cache_control=control, etag='"a"'), wanted, NOW + after) is usable


ALIKE = [
    ({"Accept": "a", "X_Key": "b"}, {"x_key": "b", "accept": "a"}),
    ({}, {"Cache_Control": "no-cache"}),
    ({}, {"Pragma": "no-cache"}),
    ({}, {"traceparent": "00-1", "tracestate": "a=1", "baggage": "b=2"}),
    ({}, {"If_None_Match": '"a"'}),
    ({"Foo": "1,2"}, {"Foo": "1 \t,  2"}),
    ({"Accept_Language": "en, de;q=0.5"}, {"Accept_Language": "EN,DE;q=0.5"}),
    ({"Accept_Encoding": "gzip, br"}, {"Accept_Encoding": "GZip,br"}),
]

APART = [
    ({}, {"Authorization": "Bearer a"}),
    ({"Authorization": "Bearer a"}, {"Authorization": "Bearer A"}),
    ({"Authorization": "Bearer a"}, {"X_Authorization": "Bearer a"}),
    ({"Cookie": "a=b"}, {"Cookie": "a=B"}),
    ({"X_Api_Key": "ab"}, {"X_Api_Key": "a b"}),
    ({"X_Api_Key": '"a, b"'}, {"X_Api_Key": '"a,b"'}),
    ({"Accept": "a"}, {"Accept": "A"}),
    ({"Accept_Language": "en, de"}, {"Accept_Language": "de, en"}),
    ({"Foo": "1"}, {"Foo": "2"}),
    ({"Foo": "1", "Bar": "2"}, {"Foo": "1"}),
]


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_requests_whose_headers_differ_only_in_spelling_share_a_response(
    one: dict[str, str], other: dict[str, str]
) -> None:
    assert caching.key(spec(**one)) == caching.key(spec(**other))


@pytest.mark.parametrize(("one", "other"), APART)
def test_requests_with_different_headers_share_no_response(one: dict[str, str], other: dict[str, str]) -> None:
    assert caching.key(spec(**one)) != caching.key(spec(**other))


def test_requests_with_different_queries_share_no_response() -> None:
    urls = [
        "http://a.example/",
        "https://a.example/",
        "http://a.example/?q=1",
        "http://a.example/?q=2",
        "http://b.example/",
    ]
    assert len({caching.key(spec(url)) for url in urls}) == len(urls)


class TestA304:
    """A 304 response to a validation."""

    def confirmed(self, record: Record | None, **fields: str) -> Record | None:
        assert record is not None
        return caching.validated(record, head(304, **fields), NOW + 100, NOW + 100)

    def test_makes_it_fresh_again(self) -> None:
        record = self.confirmed(kept(etag='"a"', cache_control="max-age=60"), etag='"a"')
        assert record is not None
        assert caching.is_fresh(record, NOW + 159)
        assert not caching.is_fresh(record, NOW + 160)

    def test_can_set_a_new_lifetime(self) -> None:
        record = self.confirmed(kept(etag='"a"', cache_control="max-age=60"), cache_control="max-age=5")
        assert record is not None
        assert not caching.is_fresh(record, NOW + 105)

    def test_with_an_old_date_makes_nothing_fresh(self) -> None:
        record = self.confirmed(kept(etag='"a"', expires=at(60)))
        assert record is not None
        assert not caching.is_fresh(record, NOW + 100)

    def test_keeps_the_content_type(self) -> None:
        record = self.confirmed(kept(etag='"a"', content_type="text/plain"), content_type="text/html")
        assert record is not None
        assert record.fields["content-type"] == "text/plain"

    @pytest.mark.parametrize(("ours", "theirs"), [('"a"', 'W/"a"'), ('W/"a"', '"a"')])
    def test_can_name_the_version_by_a_weak_tag(self, ours: str, theirs: str) -> None:
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
def test_a_stored_response_replaces_the_error_of_a_server(ruled: str, after: int, may: bool) -> None:
    record = kept(cache_control=ruled, etag='"a"')
    assert record is not None
    assert caching.may_replace_error(record, RequestDirectives(), NOW + after) is may
    assert not caching.may_replace_error(record, RequestDirectives(max_age=5), NOW + after)


@given(st.dictionaries(st.sampled_from([*caching.KEPT, "age", "vary"]), st.text(max_size=40)), st.text(max_size=40))
def test_no_header_raises_an_error(header: dict[str, str], directives: str) -> None:
    values = {name.encode(): value.encode() for name, value in {**header, "cache-control": directives}.items()}
    response = Head(200, b"", b"HTTP/1.1", list(values.items()), values)
    record = caching.record_of(response, b"", NOW, NOW)
    if record is not None:
        caching.is_fresh(record, NOW + 1)
        caching.may_replace_error(record, RequestDirectives(), NOW + 1)
        caching.conditions(record)
        caching.validated(record, response, NOW, NOW)
        caching.head_of(record, NOW)


@given(st.integers(0, 10_000), st.integers(0, 10_000), st.integers(0, 20_000))
def test_a_response_is_fresh_until_its_age_equals_its_lifetime(lifetime: int, age: int, later: int) -> None:
    record = kept(cache_control=f"max-age={lifetime}", age=str(age), etag='"a"')
    assert record is not None
    assert caching.is_fresh(record, NOW + later) is (age + later < lifetime)
