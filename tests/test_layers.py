"""Who may import whom: read from the imports, so that a shortcut between rooms does not go unseen."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "httpconn"
STDLIB_OF_THE_WORLD = {"socket", "ssl", "time", "random", "threading", "asyncio", "select", "selectors"}
WORLD = {"anyio", "trio", "sniffio", "httpcore", "httptools", "h11", "h2", *STDLIB_OF_THE_WORLD}

# Room: (rooms of the package that it may import, outside packages that it must not).
RULES: dict[str, tuple[set[str], set[str]]] = {
    "errors": (set(), WORLD),
    "options": ({"errors"}, WORLD),
    "hooks": ({"errors"}, WORLD | {"httpx"}),
    "checked": (set(), WORLD | {"httpx"}),
    "access": ({"checked", "core.addresses", "core.hosts", "core.urls", "errors", "options"}, WORLD),
    "cache": ({"access", "core.caching", "core.memory", "disk.answers", "errors", "options"}, WORLD | {"httpx"}),
    "stats": ({"core.counts"}, WORLD | {"httpx"}),
    "forking": (set(), WORLD | {"httpx"}),
    "stepping": (set(), WORLD | {"httpx"}),
    "starting": (set(), WORLD),
    "pins": ({"core.der", "errors"}, WORLD | {"httpx"}),
    "disk": ({"disk", "core.caching", "errors", "forking"}, WORLD - {"threading"} | {"httpx"}),
    "downloaded": (set(), WORLD | {"httpx"}),
    "progress": ({"errors", "progress"}, WORLD - {"threading"} | {"httpx"}),
    "http": ({"core", "errors", "http", "options"}, WORLD | {"httpx"}),
    "http/http2": ({"core", "errors", "http.http2", "options"}, WORLD | {"httpx"}),
    "core": ({"core", "errors", "forking", "options", "access"}, WORLD - {"threading"}),
    "flows": (
        {"flows", "core", "hooks", "errors", "options", "ports.base", "disk", "downloaded", "progress"},
        WORLD,
    ),
    "transport": (
        {"transport", "adapters", "access", "checked", "forking", "errors", "http", "options", "pins", "stats"}
        | {"stepping", "core.addresses", "core.headers", "core.hosts", "core.httpx2", "core.messages"}
        | {"core.proxies", "core.urls"},
        {"trio"},
    ),
    "adapters": (
        {"adapters", "transport", "access", "core.httpx2", "core.messages", "errors", "options", "stats", "stepping"},
        {"trio"},
    ),
    "response": ({"core", "flows", "errors", "stepping", "ports.base"}, WORLD),
    "calls": ({"core", "flows", "errors", "options", "progress"}, WORLD),
    "face": ({"calls", "flows", "ports", "stepping"}, WORLD),
    "fetching": ({"calls", "core", "face", "flows", "options", "response", "stepping"}, WORLD),
    "downloading": ({"calls", "core", "downloaded", "face", "flows", "options", "progress"}, WORLD),
    "fetched": ({"core.urls", "downloaded", "errors"}, WORLD),
    "results": ({"errors", "flows.many", "ports.tasks", "ports.threads", "stepping"}, WORLD | {"httpx"}),
    "many": (
        {"calls", "core", "errors", "face", "fetched", "flows", "ports", "progress", "results"},
        WORLD | {"httpx"},
    ),
    "pickling": ({"errors"}, WORLD | {"httpx"}),
    "lines": ({"downloaded", "errors", "fetched"}, WORLD | {"httpx"}),
    "remotefile": ({"core", "flows"}, WORLD - {"threading"} | {"httpx"}),
    "opening": ({"calls", "core", "errors", "face", "flows", "options", "remotefile"}, WORLD | {"httpx"}),
    "filesystem": ({"errors", "remotefile"}, WORLD | {"httpx"}),
    "testing": ({"testing"}, {"anyio", "trio", "httpx"}),
    "connection": (
        {"access", "adapters", "calls", "core", "downloading", "errors", "fetching", "flows", "hooks", "options"}
        | {"_version", "ports", "cache", "many", "opening", "pickling", "pins", "stats"}
        | {"transport.names", "transport.proxies", "transport.tls"},
        WORLD - {"ssl"},
    ),
    "cli": (
        {
            "access",
            "checked",
            "cli",
            "connection",
            "core.digests",
            "disk.partfile",
            "disk.targets",
            "downloaded",
            "errors",
        }
        | {"fetched", "hooks", "lines", "options", "progress", "response", "results", "_version"}
        | {"starting", "transport.explaining"},
        WORLD | {"httpx"},
    ),
    "ports": (
        {
            "ports",
            "access",
            "adapters",
            "core",
            "forking",
            "hooks",
            "transport",
            "errors",
            "options",
            "stats",
            "stepping",
        },
        {"trio"},
    ),
}
# core.messages makes httpx's objects for whoever looks; requests and urls read httpx.URL: value types, no I/O.
HTTPX_IN_CORE = {"messages", "urls"}


def modules(room: str) -> list[Path]:
    path = PACKAGE / room
    return sorted(path.glob("*.py")) if path.is_dir() else [path.with_suffix(".py")]


def imports(path: Path) -> set[str]:
    """Absolute names of all that a module imports; httpconn's own start with ``httpconn.``."""
    found = set()
    package = ("httpconn", *path.relative_to(PACKAGE).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            whole = ".".join(filter(None, [base, node.module]))
            found |= {f"{whole}.{alias.name}" for alias in node.names} if node.level else {whole}
    return found


@pytest.mark.parametrize("room", RULES)
def test_a_room_imports_only_the_rooms_it_may(room: str) -> None:
    allowed, _ = RULES[room]
    for path in modules(room):
        for name in imports(path):
            if name.startswith("httpconn."):
                inside = name.removeprefix("httpconn.")
                assert any(inside == each or inside.startswith(f"{each}.") for each in allowed), f"{path}: {name}"


@pytest.mark.parametrize("room", RULES)
def test_a_room_leaves_the_world_to_ports_and_transport(room: str) -> None:
    _, forbidden = RULES[room]
    for path in modules(room):
        for name in imports(path):
            assert name.partition(".")[0] not in forbidden, f"{path}: {name}"


def test_core_uses_httpx_for_its_value_types_only() -> None:
    users = {path.stem for path in modules("core") if any(name.partition(".")[0] == "httpx" for name in imports(path))}
    assert users <= HTTPX_IN_CORE


def test_requests_are_made_in_one_place() -> None:
    makers = {
        str(path.relative_to(PACKAGE))
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("httpx.Request", "Request")
    }
    assert makers == {"core/messages.py", "core/requests.py", "adapters/messages.py"}


def test_flows_hold_no_async_generator_and_no_task_group() -> None:
    for path in modules("flows"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.AsyncFunctionDef):
                assert not any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function)), path
