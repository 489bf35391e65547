"""SGLang's loaders over httpconn, against real servers."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import pytest
from sglang.srt.utils import common

import httpconn
from docs.examples.sglang.loaders import SECONDS, install
from httpconn.testing import ScriptedServer, Stall, in_turn, redirect, response


@pytest.fixture
def fetching(monkeypatch: pytest.MonkeyPatch) -> Iterator[httpconn.HTTPConnection]:
    """The loaders over a connection that may reach the servers of the tests."""
    for name in SECONDS:
        monkeypatch.setattr(common, name, getattr(common, name))
    with httpconn.HTTPConnection(retries=httpconn.RetryPolicy(timeout_growth=9, backoff=0)) as made:
        install(made)
        yield made


@pytest.mark.parametrize("name", SECONDS)
def test_a_url_reaches_the_loader_as_bytes(fetching, name: str) -> None:
    with ScriptedServer(in_turn(redirect("/b"), response(body=b"media"))) as server:
        assert getattr(common, name)(server.url, 1, option=2) == (name, b"media", (1,), {"option": 2})


def test_image_data_holds_its_url(fetching) -> None:
    with ScriptedServer(response(body=b"media")) as server:
        assert common.load_image(SimpleNamespace(url=server.url, detail="auto"))[1] == b"media"


@pytest.mark.parametrize("source", [b"bytes", "data:image/png;base64,aGk=", "file:///a.png", "a.png"])
def test_other_sources_stay_with_sglang(fetching, source: object) -> None:
    assert common.load_image(source)[1] is source


def test_the_variable_limits_an_attempt(fetching, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REQUEST_TIMEOUT", "1")
    with ScriptedServer(in_turn([Stall()], response(body=b"media"))) as server:
        assert common.load_audio(server.url)[1] == b"media"


def test_an_error_status_is_an_error_for_each_loader(fetching) -> None:
    with ScriptedServer(response(404)) as server:
        for name in SECONDS:
            with pytest.raises(httpconn.StatusError):
                getattr(common, name)(server.url)


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1/", "http://169.254.169.254/", "HTTPS://[::1]/", "http://a.com\\@10.0.0.1/"]
)
def test_by_default_only_public_addresses_are_reached(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    for name in SECONDS:
        monkeypatch.setattr(common, name, getattr(common, name))
    install()
    with pytest.raises(httpconn.InvalidRequest):
        common.load_image(url)
