"""Which package may import which, and why."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import NamedTuple

import pytest

PACKAGE = Path(__file__).parent.parent / "httpconn"
STDLIB_OF_THE_WORLD = {"socket", "ssl", "time", "random", "threading", "asyncio", "select", "selectors"}
WORLD = {"anyio", "trio", "sniffio", "httpcore", "httptools", "h11", "h2", *STDLIB_OF_THE_WORLD}

NO_IO = WORLD | {"httpx"}
IN_THREADS = WORLD - {"threading"}


class Rule(NamedTuple):
    """What a package or module may import.

    Attributes:
        inside: packages and modules of httpconn.
        outside: top-level packages that it must not import.
        reason: why.
    """

    inside: str
    outside: set[str]
    reason: str


RULES: dict[str, Rule] = {
    "errors": Rule("errorbase", WORLD, "every package raises errors, so they depend on nothing else"),
    "errorbase": Rule("", WORLD, "every package raises errors, so they depend on nothing"),
    "options": Rule("errors", WORLD, "options are values, checked when they are made"),
    "hooks": Rule("errors", NO_IO, "hooks are values"),
    "access": Rule(
        "core.addresses core.dataurls core.hosts core.hostpatterns core.urls core.accesschecks errors options",
        WORLD,
        "a policy decides and dials nothing",
    ),
    "cache": Rule(
        "access core.caching core.memorystore disk.responsestore errors options",
        NO_IO,
        "the options of the cache",
    ),
    "hosts": Rule("core errors network.netrcfile network.proxies network.routes options", NO_IO, "options are values"),
    "stats": Rule("core.counters", NO_IO, "statistics are values"),
    "importing": Rule("", WORLD, "it runs before anything else is imported"),
    "response": Rule("core errors exchange options runtime.port runtime.stepping", WORLD, "a response runs flows"),
    "connection": Rule(
        "access adapters.foreign api cache core errors exchange.rules hooks hosts network.dns network.pins"
        " network.proxies network.tlscontext options stats _version",
        WORLD - {"ssl"},
        "it puts the methods and the options together",
    ),
    "filesystem": Rule(
        "api.opening api.remotefile api.streamedfile core.dates core.links errors filesystem runtime.forking"
        " runtime.threads",
        NO_IO - {"asyncio"},
        "it is built on the public interface",
    ),
    "datasets": Rule(
        "access api.arguments api.outcomes connection core.bodycounter core.mediatypes core.messages core.urls datasets"
        " disk.folders disk.lockfile disk.system errors options runtime.filework runtime.threads _version",
        WORLD - {"anyio", "time", "threading"},
        "it is built on the public interface, and fetches in an event loop",
    ),
    "core": Rule(
        "core errors runtime.forking options access", IN_THREADS, "decisions: no I/O, no clock, no randomness"
    ),
    "exchange": Rule("exchange core errors hooks options runtime.port", WORLD, "flows reach the world by a port"),
    "downloads": Rule(
        "downloads exchange core disk errors hooks options runtime.port progress",
        WORLD,
        "flows reach the world by a port",
    ),
    "disk": Rule(
        "disk core.caching core.locks core.paths errors runtime.forking",
        IN_THREADS | {"httpx"},
        "files know no HTTP",
    ),
    "runtime": Rule("runtime core errors options", {"trio", "httpx"}, "anyio is for trio; waits know no HTTP"),
    "network": Rule(
        "network runtime access core errors options", {"trio"}, "addresses, sockets and TLS know no requests' exchange"
    ),
    "http": Rule("http network runtime core errors options stats", {"trio", "httpx"}, "httpx stays in adapters"),
    "http/http1protocol": Rule("http core errors options", NO_IO, "a protocol without I/O"),
    "http/http1heads": Rule("http core errors options", NO_IO, "a protocol without I/O"),
    "http/http2": Rule("http.http2 core errors options", NO_IO, "a protocol without I/O"),
    "http/pool": Rule("errors http.lease http.placement", NO_IO, "the pool decides without I/O"),
    "http/socks5": Rule("errors", NO_IO, "a protocol without I/O"),
    "adapters": Rule(
        "adapters http network runtime access core errors options stats", {"trio"}, "the borders to httpx and httpx2"
    ),
    "transport": Rule("adapters network.security", WORLD, "public names only"),
    "api": Rule(
        "api adapters downloads exchange http.engine manifest network runtime access core errors hooks hosts options"
        " progress response stats",
        {"trio"},
        "methods hand their arguments to flows, and ports join flows with the engine",
    ),
    "progress": Rule("core.locks errors progress", IN_THREADS | {"httpx"}, "it shows events and knows no downloads"),
    "testing": Rule("testing transport", {"anyio", "trio", "httpx"}, "a server that shares no code with what it tests"),
    "cli": Rule(
        "access api cli connection datasets hosts downloads.manifest core.auth core.digests core.items core.mediatypes"
        " core.paths core.urls core.accesschecks disk.partfile disk.targets downloads.downloaded"
        " errors options progress response importing network.guard _version",
        NO_IO,
        "it is built on the public interface",
    ),
}
# core.messages creates httpx's objects on demand; requests and urls read httpx.URL: value types, no I/O.
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
def test_a_package_imports_only_what_it_may(room: str) -> None:
    rule = RULES[room]
    for path in modules(room):
        for name in imports(path):
            inside = name.removeprefix("httpconn.")
            if inside != name:
                allowed = any(f"{inside}.".startswith(f"{each}.") for each in rule.inside.split())
                assert allowed, f"{path} imports {name}, but {rule.reason}"
            assert name.partition(".")[0] not in rule.outside, f"{path} imports {name}, but {rule.reason}"


def test_every_module_has_a_rule() -> None:
    top = {path.stem for path in PACKAGE.iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()}
    assert top - set(RULES) == {"__init__", "__main__", "_version"}


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
    assert makers == {
        *("core/messages.py", "core/requestbuilder.py", "adapters/messages.py"),
        "adapters/encoding.py",
    }


def test_flows_hold_no_async_generator_and_no_task_group() -> None:
    for path in modules("exchange") + modules("downloads"):
        for function in ast.walk(ast.parse(path.read_text())):
            if isinstance(function, ast.AsyncFunctionDef):
                assert not any(isinstance(node, (ast.Yield, ast.YieldFrom)) for node in ast.walk(function)), path


def test_locks_survive_signal_handlers() -> None:
    # runtime/events.py has no with statement for its lock. Tools for tests need none that survive.
    exempt = {"core/locks.py", "runtime/events.py", "testing/server.py"}
    paths = {path.relative_to(PACKAGE).as_posix(): path.read_text("utf-8") for path in PACKAGE.rglob("*.py")}
    assert {path for path, text in paths.items() if re.search(r"threading\.R?Lock\(", text)} == exempt
