"""huggingface_hub over the transports: files, snapshots and the file system."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx2
import huggingface_hub
import pytest
from huggingface_hub import HfFileSystem, hf_hub_download, set_client_factory, snapshot_download
from huggingface_hub.utils import close_session

import httpconn
from httpconn.transport.httpx2 import AsyncHTTPTransport, HTTPTransport
from tests.integrations.hub import COMMIT, FILES, LARGE, REPOSITORY, Hub
from tests.servers.scripted import ScriptedServer, response


@pytest.fixture(autouse=True)
def _clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give its clients the transports, and let its retries not wait."""
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    set_client_factory(lambda: httpx2.Client(transport=HTTPTransport(), follow_redirects=True, timeout=None))
    huggingface_hub.set_async_client_factory(
        lambda: httpx2.AsyncClient(transport=AsyncHTTPTransport(), follow_redirects=True, timeout=None)
    )
    yield
    close_session()


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def server(hub: Hub) -> Iterator[ScriptedServer]:
    with ScriptedServer(hub) as running:
        yield running


@pytest.mark.parametrize("name", FILES)
def test_a_file(server, tmp_path, name):
    path = hf_hub_download(REPOSITORY, name, endpoint=server.url, cache_dir=tmp_path, token="hf_secret")
    assert Path(path).read_bytes() == FILES[name]
    assert server.requests[0].header("Authorization") == "Bearer hf_secret"


def test_a_transfer_that_breaks_is_resumed(hub, server, tmp_path, monkeypatch):
    hub.cuts = 2
    monkeypatch.setattr("huggingface_hub.constants.DOWNLOAD_CHUNK_SIZE", 50_000)  # it resumes after whole chunks
    path = hf_hub_download(REPOSITORY, "weights.bin", endpoint=server.url, cache_dir=tmp_path)
    assert Path(path).read_bytes() == LARGE
    asked = [request.header("Range") for request in server.requests if request.path.startswith("/cdn")]
    assert "bytes=100000-" in asked
    assert "bytes=200000-" in asked


def test_a_snapshot(server, tmp_path):
    folder = Path(snapshot_download(REPOSITORY, endpoint=server.url, cache_dir=tmp_path))
    assert folder.name == COMMIT
    assert {name: (folder / name).read_bytes() for name in FILES} == FILES


def test_the_file_system(server):
    system = HfFileSystem(endpoint=server.url, skip_instance_cache=True)
    assert {entry["name"] for entry in system.ls(REPOSITORY)} == {
        f"{REPOSITORY}/{name}" for name in ("config.json", "weights.bin", "data")
    }
    assert system.cat(f"{REPOSITORY}/config.json") == FILES["config.json"]
    with system.open(f"{REPOSITORY}/config.json", block_size=4) as file:
        file.seek(2)
        assert file.read(6) == FILES["config.json"][2:8]


def test_statuses_are_retried(hub, server):
    hub.failures = 2
    found = huggingface_hub.utils.http_backoff("GET", server.url_for(f"/{REPOSITORY}/resolve/main/config.json"))
    assert found.content == FILES["config.json"]


def test_errors_are_retried_and_raised():
    with ScriptedServer([b""]) as gone:
        url = gone.url
    with pytest.raises(httpx2.ConnectError) as caught:
        huggingface_hub.utils.http_backoff("GET", url, max_retries=2)
    assert isinstance(caught.value.__cause__, httpconn.ConnectFailed)


def test_a_missing_file(server, tmp_path):
    with pytest.raises(huggingface_hub.errors.EntryNotFoundError):
        hf_hub_download(REPOSITORY, "none", endpoint=server.url, cache_dir=tmp_path)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_asynchronous_inference():
    body = b'data: {"choices": [{"index": 0, "delta": {"content": "yes"}}]}\n\ndata: [DONE]\n\n'
    events = response(headers={"Content-Type": "text/event-stream"}, body=body, framing="chunked")
    with ScriptedServer(events) as model:
        async with huggingface_hub.AsyncInferenceClient(base_url=f"{model.url}/v1", api_key="a-key") as client:
            stream = await client.chat_completion([{"role": "user", "content": "Well?"}], stream=True)
            assert [part.choices[0].delta.content async for part in stream] == ["yes"]
