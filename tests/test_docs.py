"""README and documentation: every Python example runs, every public name has its reference.

The blocks of one page run in order, in one namespace and one empty folder. Two hosts are replaced by servers of this
process: ``https://example.com`` by a plain one, ``https://internal.example.com`` by one with a certificate
signed by the authority in ``company.pem``; ``http://127.0.0.1:8000`` is the tutorial's own site.
``http://proxy.example.com:3128`` is replaced by a real proxy, and ``proxy.example.com:8080`` by one that requires
``user:pass``. A block may await, as in a notebook.
A ``text`` block directly after a Python block is the output of that block.
Functions named ``test_...`` are called at the end of their page.
"""

from __future__ import annotations

import ast
import asyncio
import gzip
import inspect
import io
import json
import os
import pkgutil
import re
import runpy
import shutil
import struct
import subprocess
import tomllib
import zipfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import fsspec
import pytest

import httpconn
from httpconn.cli import EXIT_CODES, INTERRUPTED
from httpconn.filesystem import HTTPConnFileSystem
from httpconn.testing import Received, Step
from tests.servers.application import pattern
from tests.servers.files import Served, cut, instead
from tests.servers.proxies import ProxyServer
from tests.servers.scripted import Script, ScriptedServer, Stall, in_turn, response
from tests.servers.tls import Certificates

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "httpconn"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"python", "text", "console", "sh"}
FENCE = re.compile(r"^```(?P<language>\S*)(?: [^\n]*)?\n(?P<text>.*?)^```$", re.M | re.S)
OUTPUT = re.compile(r"\s*^```text\n(?P<text>.*?)^```$", re.M | re.S)
MIB = 1024 * 1024
Answering = Callable[[Received], bytes | Sequence[Step]]


@dataclass(frozen=True)
class Example:
    """A Python block, the line before its first one, and what it prints, if the page says so."""

    line: int
    source: str
    output: str | None


def examples(page: str) -> Iterator[Example]:
    for fence in FENCE.finditer(page):
        if fence["language"] == "python":
            output = OUTPUT.match(page, fence.end())
            yield Example(page.count("\n", 0, fence.start("text")), fence["text"], output and output["text"])


def echo(request: Received) -> bytes:
    names = {name.decode(): value.decode() for name, value in request.headers}
    return response(headers={"Content-Type": "application/json"}, body=json.dumps(names).encode())


def unless_expired(served: Served) -> Answering:
    """A signed URL, as an object store takes it; one that was made for 0 seconds has expired."""

    def respond(request: Received) -> bytes | Sequence[Step]:
        return refused() if "X-Amz-Expires=0" in request.target.decode() else served(request)

    return respond


def refused() -> bytes:
    return response(403, {"Content-Type": "application/xml"}, b"<Error><Message>Request has expired</Message></Error>")


def receive_order(request: Received) -> bytes:
    seen = {"method": request.method, "type": request.header("content-type"), "bytes": len(request.body)}
    return response(headers={"Content-Type": "application/json"}, body=json.dumps(seen).encode())


EVENTS = b'event: price\ndata: {"apple": 1.3}\n\n: a comment\ndata: bye\n\n'


@cache
def books() -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("verne.txt", "Twenty Thousand Leagues")
        archive.writestr("wells.txt", pattern(2 * MIB))
    return packed.getvalue()


@cache
def bomb() -> bytes:
    return gzip.compress(bytes(32 * MIB))


def site() -> Script:
    """What example.com holds."""
    prices = {"apple": 1.2, "pear": 2.5}
    as_json = {"Content-Type": "application/json"}
    return {
        "/": response(body=b"ok"),
        "/notes.txt": response(headers={"Content-Type": "text/plain; charset=utf-8"}, body="Grüße aus Köln".encode()),
        "/prices.json": response(headers=as_json, body=json.dumps(prices).encode()),
        "/rates.json": response(
            headers={**as_json, "Cache-Control": "max-age=60"}, body=json.dumps({"EUR": 1.0, "CHF": 0.93}).encode()
        ),
        "/cat.png": response(headers={"Content-Type": "image/png"}, body=b"\x89PNG\r\n\x1a\n" + pattern(48_000)),
        "/prices.csv": Served(b"fruit,price\napple,1.2\npear,2.5\n"),
        "/books.zip": Served(books()),
        "/model.safetensors": Served(struct.pack("<Q", 24) + b'{"weight": 1, "bias": 2}' + bytes(3 * MIB)),
        "/weights.bin": response(body=pattern(3 * MIB)),
        "/models/weights.bin": unless_expired(Served(pattern(3 * MIB))),
        "/models/large.bin": Served(pattern(3 * MIB), faults=[cut(2 * MIB), instead(refused()), instead(refused())]),
        "/huge.bin": [response(headers={"Content-Length": str(10_000 * MIB)}), Stall()],
        "/bomb.json": response(headers={"Content-Encoding": "gzip"}, body=bomb()),
        "/old.json": response(302, {"Location": "/prices.json"}),
        "/loop": response(302, {"Location": "/loop"}),
        "/missing": response(404),
        "/busy": in_turn(response(503), response(503), response(body=b"at last")),
        "/always-busy": response(503),
        "/later": response(429, {"Retry-After": "3600"}),
        "/stalled": Stall(),
        "/headers": echo,
        "/orders": receive_order,
        "/busy-orders": in_turn(response(503), response(503), response()),
        "/stream": [response(), Stall()],
        "/prices.jsonl": response(body=b'{"fruit": "apple", "price": 1.2}\n{"fruit": "pear", "price": 2.5}\n'),
        "/events": response(headers={"Content-Type": "text/event-stream"}, body=EVENTS),
    }


@pytest.fixture
def hosts(
    tmp_path: Path, certificates: Certificates, proxy_server: ProxyServer, guarded_proxy_server: ProxyServer
) -> Iterator[Mapping[str, str]]:
    """The example hosts, and the servers that replace them."""
    shutil.copy(certificates.files.authority, tmp_path / "company.pem")
    shutil.copy(certificates.files.client, tmp_path / "client.pem")
    for protocol in HTTPConnFileSystem.protocol:  # as the entry points of the installed package do
        fsspec.register_implementation(protocol, HTTPConnFileSystem, clobber=True)
    tutorial = runpy.run_path(str(ROOT / "docs" / "tutorial" / "serve.py"))["SITE"]
    with (
        ScriptedServer(site()) as plain,
        ScriptedServer(site(), tls=certificates.good) as internal,
        ScriptedServer(tutorial) as first,
    ):
        yield {
            "http://127.0.0.1:8000": first.url,
            "https://example.com": plain.url,
            '"example.com": httpconn.HostOptions': '"127.0.0.1": httpconn.HostOptions',
            "httpconns://example.com": plain.url.replace("http://", "httpconn://"),
            "https://internal.example.com": internal.url,
            "http://proxy.example.com:3128": proxy_server.url,
            "proxy.example.com:8080": guarded_proxy_server.bare_url.removeprefix("http://"),
        }
        httpconn.global_http_connection.close()


def substitute(text: str, names: Mapping[str, str]) -> str:
    for name, stands_for in names.items():
        text = text.replace(name, stands_for)
    return text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_examples_of_a_page_run(
    page: Path,
    hosts: Mapping[str, str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, Any] = {"__name__": "__main__"}
    servers = {server: name for name, server in hosts.items()}
    with asyncio.Runner() as runner:
        for example in examples(page.read_text("utf-8")):
            # Empty lines in front, so that a traceback names the line of the page.
            source = "\n" * example.line + substitute(example.source, hosts)
            code = compile(source, page, "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, dont_inherit=True)
            if code.co_flags & inspect.CO_COROUTINE:
                runner.run(eval(code, namespace))
            else:
                exec(code, namespace)
            printed = substitute(capsys.readouterr().out, servers)
            assert example.output is None or printed == example.output, f"{page}, line {example.line}"
    for name, function in list(namespace.items()):
        if name.startswith("test_"):
            function()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_block_of_a_page_escapes_the_runner(page: Path) -> None:
    text = page.read_text("utf-8")
    fences = list(FENCE.finditer(text))
    assert text.count("```") == 2 * len(fences)
    assert all(each["language"] in LANGUAGES or each["language"].startswith("{") for each in fences)
    assert sum(each["language"] == "python" for each in fences) == len(list(examples(text)))


def test_the_second_command_of_the_readme_is_what_ci_runs(tmp_path: Path) -> None:
    page = (ROOT / "README.md").read_text("utf-8")
    _, command = (each["text"].strip() for each in FENCE.finditer(page) if each["language"] == "sh")
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    shutil.copy(ROOT / "README.md", tmp_path)
    python = tmp_path / "bin" / "python3"
    python.parent.mkdir()
    python.write_text('#!/bin/sh\necho "called: $*"\nexit 42\n')
    python.chmod(0o755)
    environment = {**os.environ, "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}
    run = subprocess.run(["bash", tmp_path / ".ci" / "run"], env=environment, capture_output=True, text=True)
    assert f".ci/run: {command}\ncalled: -m venv .venv\n" in run.stdout, run.stderr
    assert run.returncode == 42


def test_the_exit_codes_of_the_command_line_are_documented() -> None:
    table = (ROOT / "docs" / "how-to" / "command-line.md").read_text("utf-8").partition("## Exit codes")[2]
    documented = {int(code): meaning for code, meaning in re.findall(r"^\| (\d+) \| (.+) \|$", table, re.M)}
    own = {code: meaning for _, code, meaning in EXIT_CODES}
    assert documented == own | {0: "success", 1: "another error", INTERRUPTED: "interrupted"}


def test_every_extra_is_documented() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    page = (ROOT / "docs" / "reference" / "extras.md").read_text("utf-8")
    assert re.findall(r"^\| `(\w+)` \|", page, re.M) == sorted(project["optional-dependencies"])


@pytest.mark.parametrize(
    "module", ["", ".datasets", ".errors", ".progress", ".testing", ".transport", ".transport.httpx2"]
)
def test_every_public_name_has_its_reference(module: str) -> None:
    public = pkgutil.resolve_name(f"httpconn{module}")
    reference = "\n".join(page.read_text("utf-8") for page in (ROOT / "docs" / "reference").glob("*.md"))
    documented = [pkgutil.resolve_name(name) for name in re.findall(r"^\.\. auto\w+:: (\S+)$", reference, re.M)]
    assert [name for name in public.__all__ if getattr(public, name) not in documented] == []


@pytest.mark.parametrize("page", ["CONTRIBUTING.md", "docs/explanation/design.md"])
def test_every_path_and_module_of_a_page_for_maintainers_exists(page: str) -> None:
    text = (ROOT / page).read_text("utf-8")
    pictures = re.findall(r"^:file: (\S+)$", text, re.M)
    drawn = "".join(((ROOT / page).parent / picture).read_text("utf-8") for picture in pictures)
    names = re.findall(r"`([^`\s]+)`", FENCE.sub("", text)) + re.findall(r"<text[^>]*>([^<]+)</text>", drawn)
    paths = [word.strip(",") for name in names for word in name.split() if re.fullmatch(r"[\w./-]+(\.\w+|/),?", word)]
    assert len(paths) > 5
    assert [path for path in paths if not is_there(path)] == []


def is_there(name: str) -> bool:
    """Whether a path is in the package or the repository, or a dotted name leads to a module or what it defines.

    Dotted names that do not begin with a package of httpconn are names of other things, such as ``asyncio.timeout``.
    """
    path = next((folder / name for folder in (PACKAGE, ROOT) if (folder / name).exists()), None)
    if path is not None or "/" in name or name.endswith((".py", ".md")):
        return path is not None
    package = name.removeprefix("httpconn.").partition(".")[0]
    if not (PACKAGE / package).is_dir():
        return True
    try:
        pkgutil.resolve_name(f"httpconn.{name.removeprefix('httpconn.')}")
    except (ImportError, AttributeError):
        return False
    return True
