"""A synchronous method and its asynchronous version have the same parameters, defaults and types."""

from __future__ import annotations

import inspect

import pytest

import httpconn
from httpconn import HTTPConnection

TWINS = {
    "get_sync_client": "get_async_client",
    "get_response": "get_async_response",
    "request": "async_request",
    "get_bytes": "async_get_bytes",
    "get_text": "async_get_text",
    "get_json": "async_get_json",
    "get_ranges": "async_get_ranges",
    "get_metadata": "async_get_metadata",
    "download": "async_download",
    "download_file": "async_download_file",
    "download_all": "async_download_all",
    "close": "aclose",
}


# These return context managers. The asynchronous iterators also accept asynchronous iterables.
ITERATED = {"get_many": "async_get_many", "download_many": "async_download_many", "open": "async_open"}

# The options of any method.
OPTIONS = {
    option for name in TWINS | ITERATED for option in inspect.signature(getattr(HTTPConnection, name)).parameters
}


@pytest.mark.parametrize(("sync", "awaited"), ITERATED.items())
def test_iterator_methods_have_one_signature(sync: str, awaited: str) -> None:
    one, other = (inspect.signature(getattr(HTTPConnection, name)).parameters.values() for name in (sync, awaited))
    assert [each.replace(annotation=None) for each in one] == [each.replace(annotation=None) for each in other]
    assert list(one)[2:] == list(other)[2:]


@pytest.mark.parametrize(("sync", "awaited"), TWINS.items())
def test_synchronous_and_asynchronous_methods_have_one_signature(sync: str, awaited: str) -> None:
    one, other = getattr(HTTPConnection, sync), getattr(HTTPConnection, awaited)
    assert inspect.signature(one).parameters == inspect.signature(other).parameters
    assert inspect.iscoroutinefunction(other)
    assert not inspect.iscoroutinefunction(one)


@pytest.mark.parametrize(("sync", "awaited"), list(TWINS.items())[1:-1])
def test_synchronous_and_asynchronous_methods_return_the_same(sync: str, awaited: str) -> None:
    one, other = getattr(HTTPConnection, sync), getattr(HTTPConnection, awaited)
    assert inspect.signature(one).return_annotation == inspect.signature(other).return_annotation


@pytest.mark.parametrize("name", [*list(TWINS)[1:-2], *list(TWINS.values())[1:-2], "open", "async_open"])
def test_an_unknown_option_is_an_error(name: str) -> None:
    method = getattr(HTTPConnection(), name)
    declared = inspect.signature(method).parameters
    required = ["http://localhost/" for each in declared.values() if each.default is each.empty]
    for unknown in {"tiemout", "spare", "in_loop"} | OPTIONS - set(declared):
        with pytest.raises(TypeError, match=rf"\.{name}\(\) .*'{unknown}'"):
            method(*required, **{unknown: None}).send(None)


def test_every_public_method_has_an_asynchronous_version() -> None:
    twinless = {"proxy_for", "stats"}  # these wait for nothing
    public = {name for name, _ in inspect.getmembers(HTTPConnection, inspect.isfunction) if name[0] != "_"}
    twins = TWINS | ITERATED
    assert public - twinless == set(twins) | set(twins.values())


def test_every_public_name_is_documented() -> None:
    for name in httpconn.__all__:
        if name not in ("__version__", "global_http_connection", "ProgressCallback"):
            public = getattr(httpconn, name)
            assert vars(public).get("__doc__") if isinstance(public, type) else public.__doc__, name
