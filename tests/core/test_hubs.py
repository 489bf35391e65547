"""What a hub says about a file."""

from __future__ import annotations

import hashlib

import pytest

from httpconn.core.digests import GIT, Expected, hasher
from httpconn.core.hubs import HubFile, hub_file
from httpconn.core.messages import Head

SHA256, SHA1 = "ab" * 32, "cd" * 20
LINKED = Expected("sha256", SHA256, "x-linked-etag")
BLOB = Expected(GIT, SHA1, "etag")


def head(fields: dict[str, str]) -> Head:
    return Head(200, b"OK", b"HTTP/1.1", [], {name.encode(): value.encode() for name, value in fields.items()})


@pytest.mark.parametrize(
    ("heads", "expected"),
    [
        (
            [{"x-linked-etag": f'"{SHA256}"', "x-linked-size": "7", "x-repo-commit": "1", "etag": f'"{SHA1}"'}, {}],
            (LINKED, 7),
        ),
        ([{}, {"x-linked-etag": SHA256.upper()}, {}], (LINKED, None)),
        ([{"x-linked-etag": f'W/"{SHA256}"', "x-linked-size": "many"}], (LINKED, None)),
        ([{"x-linked-etag": f'"{SHA1}"', "x-repo-commit": "1"}], ("x-linked-etag: git-sha1", None)),
        ([{"x-linked-etag": f'"{SHA1}-1"'}], ("x-linked-etag: malformed", None)),
        ([{"x-repo-commit": "1", "etag": f'"{SHA1}"'}], (BLOB, None)),
        ([{"x-repo-commit": "1", "etag": f'W/"{SHA1}"'}, {"etag": '"other"'}], (BLOB, None)),
        ([{"etag": f'"{SHA1}"'}], (None, None)),
        ([{"x-repo-commit": "1"}, {"etag": f'"{SHA1}"'}], (None, None)),
        ([{"x-repo-commit": "1", "etag": f'"{SHA1}-1"'}], (None, None)),
        ([{"x-repo-commit": "1", "etag": f'"{SHA256}"'}], (None, None)),
        ([{"x-linked-size": "7"}, {"x-linked-size": "8"}], (None, 7)),
    ],
)
def test_digest_and_size(heads, expected):
    assert hub_file(list(map(head, heads)), use_etag=True) == HubFile(*expected)


def test_the_etag_of_an_encoded_body_is_not_a_digest():
    assert hub_file([head({"x-repo-commit": "1", "etag": f'"{SHA1}"'})], use_etag=False) == HubFile()


def test_git_hashes_the_size_first():
    actual = hasher(GIT, 5)
    actual.update(b"hello")
    assert actual.hexdigest() == hashlib.sha1(b"blob 5\0hello").hexdigest()
