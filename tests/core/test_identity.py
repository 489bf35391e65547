"""The key of a resource does not depend on the signature of its URL."""

from __future__ import annotations

import pytest

from httpconn.core.identity import resource_key
from httpconn.core.urls import vet

PLAIN = "https://example.com/file"


def key(url: str) -> str:
    return resource_key(vet(url))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (f"{PLAIN}#a", f"{PLAIN}#b"),
        (PLAIN, "HTTPS://user:secret@EXAMPLE.com:443/file"),
        (f"{PLAIN}?sig=a&id=1", f"{PLAIN}?id=1&sig=b"),
        (
            f"{PLAIN}?X-Amz-Signature=a&X-Amz-Date=1&X-Amz-Credential=c&X-Amz-Expires=9&versionId=1",
            f"{PLAIN}?X-Amz-Signature=b&X-Amz-Date=2&X-Amz-Credential=c&X-Amz-Expires=9&versionId=1",
        ),
        (f"{PLAIN}?Expires=1&Signature=a&Key-Pair-Id=b", f"{PLAIN}?Expires=2&Signature=c&Key-Pair-Id=d"),
        (f"{PLAIN}?sv=1&sr=b&se=a&sig=b", f"{PLAIN}?sv=1&sr=b&se=c&sig=d"),
    ],
)
def test_urls_that_differ_in_their_signature_have_one_key(one: str, other: str) -> None:
    assert key(one) == key(other)


@pytest.mark.parametrize(
    "other",
    [
        "http://example.com/file",
        "https://example.com:8443/file",
        "https://www.example.com/file",
        "https://example.com/File",
        "https://example.com/fil%65",
        f"{PLAIN}?id=1",
        f"{PLAIN}?id=2",
        f"{PLAIN}?id=1&id=2",
        f"{PLAIN}?signature_version=1",
        f"{PLAIN}?X-Amz-Other=1",
        f"{PLAIN}?versionId=1&sig=a",
        f"{PLAIN}?token=a",
    ],
)
def test_urls_of_other_resources_have_other_keys(other: str) -> None:
    others = {key(PLAIN), key(f"{PLAIN}?id=3"), key(f"{PLAIN}?versionId=2&sig=a"), key(f"{PLAIN}?token=b")}
    assert key(other) not in others


def test_a_key_is_short_and_reveals_no_secret() -> None:
    assert len(key(f"{PLAIN}?password=secret")) == 16
    assert int(key(PLAIN), 16)
