"""Decompression bombs in each offered coding, alone and around each other coding, on each route."""

from __future__ import annotations

from functools import cache
from itertools import product

import pytest

import httpconn
from tests.attacks.bombs import MIB, PACK
from tests.servers.scripted import response

LIMITS = httpconn.Limits(max_bytes=MIB)


@cache
def packed(*codings: str) -> bytes:
    """Return 16 MiB of zeros, encoded with the codings in their order."""
    data = packed(*codings[:-1]) if len(codings) > 1 else bytes(16 * MIB)
    return PACK[codings[-1]](data)


def coded(*codings: str) -> bytes:
    return response(headers={"Content-Encoding": ", ".join(codings)}, body=packed(*codings))


BOMBS = {f"/{'/'.join(codings)}": coded(*codings) for codings in [*product(PACK), *product(PACK, PACK)]}


def test_a_body_that_unpacks_to_more_than_the_limit_is_rejected(aim, outcome):
    target = aim(lambda request: BOMBS[request.path.removeprefix("http://victim.example")], limits=LIMITS)
    for path in BOMBS:
        result = outcome(target.connection, target.url_for(path))
        assert isinstance(result, (httpconn.LimitExceeded, httpconn.DecodingError)), (path, result)


@pytest.mark.parametrize("coding", ["gzip, gzip, gzip", "x-gzip, gzip, br", "gzip, exi", "compress"])
def test_a_coding_that_was_not_requested_is_not_decoded(aim, outcome, coding):
    target = aim(response(headers={"Content-Encoding": coding}, body=packed("gzip")), limits=LIMITS)
    assert isinstance(outcome(target.connection, target.url), httpconn.DecodingError)


@pytest.mark.parametrize("content", [",%41", ";base64,QUJD"])
def test_a_data_url_that_is_too_large_is_not_decoded(content):
    """The memory grows with the URL, which the caller already holds, and not with its content."""
    access = httpconn.AccessPolicy.public_internet(schemes={"http", "https", "data"})
    kind, comma, unit = content.partition(",")
    url = f"data:image/png{kind}{comma}{unit * 2_000_000}"
    with httpconn.HTTPConnection(access=access) as connection:
        for options in ({"max_bytes": 1_000_000}, {"budget": httpconn.ByteBudget(1_000_000)}):
            with pytest.raises(httpconn.LimitExceeded, match="declares"):
                connection.get_bytes(url, **options)
            with pytest.raises(httpconn.LimitExceeded, match="declares"):
                connection.get_response(url, stream=True, **options)
