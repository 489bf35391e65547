"""Several downloads of one target: the first one runs, the others wait for it and use its file."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import trio

from httpconn import Timeouts, errors
from httpconn.core.digests import parse
from httpconn.core.identity import resource_key
from httpconn.core.urls import vet
from httpconn.disk.partfile import STALE, PartFile, Sidecar, Transfer
from httpconn.downloads.download import fetch_file
from httpconn.downloads.downloaded import Downloaded
from httpconn.downloads.options import DownloadOptions
from httpconn.runtime.stepping import run_sync
from tests.exchange.scripted_port import Reply, ScriptedPort, call

URL = "https://example.com/file"
BODY = b"content"
DIGEST = parse(f"sha256:{hashlib.sha256(BODY).hexdigest()}")
NOTE = Sidecar(url=URL, key=resource_key(vet(URL)), validator='"v1"', total=len(BODY))
RUNNERS = {"sync": run_sync, "asyncio": asyncio.run, "trio": lambda flow: trio.run(lambda: flow)}
WHOLE = Reply(200, {"ETag": '"v1"', "Content-Length": str(len(BODY))}, [BODY])


class Waiting(ScriptedPort):
    """A port that calls a function while the flow waits."""

    def __init__(self, meanwhile: Callable[[], object], *replies: Reply) -> None:
        super().__init__(*replies)
        self._meanwhile = meanwhile

    async def sleep(self, seconds: float) -> None:
        await super().sleep(seconds)
        if len(self.slept) == 5:
            self._meanwhile()


@pytest.fixture
def owner(tmp_path: Path) -> Iterator[PartFile]:
    """Another running download of the same target."""
    part = PartFile(tmp_path / "file")
    part.open()
    part.publish(Transfer(NOTE.key, NOTE.total, NOTE.validator))
    part.checkpoint(NOTE)
    part.write([BODY])
    yield part
    part.discard()


@pytest.fixture(params=RUNNERS)
def download(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[..., Downloaded]:
    def run(port: ScriptedPort, *, url: str = URL, timeouts: Timeouts = Timeouts(), **wanted: object) -> Downloaded:  # noqa: B008 - frozen
        flow = fetch_file(port, call(url, timeouts=timeouts), DownloadOptions(tmp_path / "file", **wanted))  # type: ignore[arg-type]
        return RUNNERS[request.param](flow)

    return run


def test_another_downloads_file_is_used_if_it_is_current(download, owner):
    port = Waiting(owner.commit, Reply(304, {"ETag": '"v1"'}))
    result = download(port)
    assert port.requests[0].headers["If-None-Match"] == '"v1"'
    assert (result.unmodified, result.size, result.path.read_bytes()) == (True, len(BODY), BODY)
    assert port.slept == sorted(port.slept)


def test_a_server_that_ignores_conditions_shows_the_version_by_its_fields(download, owner):
    port = Waiting(owner.commit, WHOLE)
    assert download(port).unmodified
    assert port.exchanges[0].received == 0


def test_another_downloads_file_with_the_digest_needs_no_request(download, owner):
    port = Waiting(owner.commit)
    result = download(port, digest=DIGEST)
    assert (result.unmodified, result.verified, port.requests) == (True, {"sha256"}, [])


def test_another_downloads_file_of_another_url_is_replaced(download, owner):
    port = Waiting(owner.commit, WHOLE)
    assert not download(port, url="https://example.com/other").unmodified
    assert "If-None-Match" not in port.requests[0].headers


def test_another_downloads_file_with_another_digest_is_replaced(download, owner):
    port = Waiting(owner.commit, Reply(body=[b"another"]))
    result = download(port, digest=parse(f"md5:{hashlib.md5(b'another').hexdigest()}"))
    assert result.path.read_bytes() == b"another"
    assert "If-None-Match" not in port.requests[0].headers


def test_a_file_that_changed_meanwhile_is_downloaded(download, owner):
    port = Waiting(owner.commit, Reply(200, {"ETag": '"v2"'}, [b"newer"]))
    assert download(port).path.read_bytes() == b"newer"


def test_another_downloads_partial_file_is_resumed(download, owner):
    def give_up():
        owner.checkpoint(replace(NOTE, total=2 * len(BODY), committed=len(BODY)))
        owner.close()

    length = 2 * len(BODY)
    told = {"ETag": '"v1"', "Content-Range": f"bytes {len(BODY)}-{length - 1}/{length}"}
    result = download(Waiting(give_up, Reply(206, told, [BODY])))
    assert (result.resumed, result.path.read_bytes()) == (len(BODY), BODY + BODY)


def test_an_old_file_is_not_the_result_of_a_failed_download(download, owner, tmp_path):
    (tmp_path / "file").write_bytes(b"old one")
    port = Waiting(owner.discard, WHOLE)
    assert not download(port).unmodified
    assert (tmp_path / "file").read_bytes() == BODY


def test_waiting_ends_at_the_deadline(download, owner):
    port = Waiting(lambda: None)
    with pytest.raises(errors.DeadlineExceeded):
        download(port, timeouts=Timeouts(total=20))
    assert port.clock == 1020.0
    assert owner.commit().read_bytes() == BODY


def test_waiting_ends_if_the_owner_is_idle_for_an_hour(owner, tmp_path):
    port = ScriptedPort()
    began = port.now()
    with pytest.raises(errors.StorageError):
        run_sync(fetch_file(port, call(URL, timeouts=Timeouts(total=None)), DownloadOptions(tmp_path / "file")))
    assert STALE < port.now() - began < STALE + 10
