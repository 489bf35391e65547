"""The checks of the project. ``nox`` runs lint, types, docs and tests; the other sessions run by name."""

from __future__ import annotations

import os
import re
import shutil
import sys
from pathlib import Path

import nox

nox.needs_version = ">=2025.5"
nox.options.default_venv_backend = "virtualenv"
nox.options.reuse_venv = "yes"
nox.options.error_on_missing_interpreters = False
nox.options.sessions = ["lint", "types", "docs", "tests"]

PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
# Differences between versions of Python appear on the oldest and the newest, or in these tests.
VERSION_DEPENDENT = [
    "tests/core",
    "tests/disk",
    "tests/api/test_fetch.py",
    "tests/test_import.py",
    "tests/api/test_pickling.py",
    "tests/runtime/test_subinterpreters.py",
]
# The small, fast tests that most mistakes fail.
QUICK = [
    "tests/core",
    "tests/http/http2",
    "tests/http/test_http1protocol.py",
    "tests/exchange",
    "tests/api/test_fetch.py",
    "tests/downloads/test_download.py",
    "tests/test_layers.py",
]

PROJECT = nox.project.load_toml("pyproject.toml")
PACKAGE = ".[brotli,cli,datasets,fsspec,http2,socks,truststore,zstd]"


def show_pyenv_interpreters() -> None:
    """Make all interpreters of pyenv visible. By default, pyenv hides all but the chosen version."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    versions = [path.name for path in (root / "versions").glob("3.*") if re.fullmatch(r"3\.\d+\.\d+t?", path.name)]
    if versions:
        os.environ["PYENV_VERSION"] = ":".join(versions)


show_pyenv_interpreters()
INSTALLED = [version for version in PYTHONS if shutil.which(f"python{version}")]


def minutes(version: str) -> int:
    """Return the minutes of the tests on a version. The versions between run a selection."""
    return 1 if version in INSTALLED[1:-1] else 4


if len(sys.argv) == 1:  # the checks, and not a session by name
    print(f"All checks take about {2 + sum(map(minutes, INSTALLED))} minutes on two quiet cores.", file=sys.stderr)


def install(session: nox.Session, *groups: str) -> None:
    """Install the package with all its extras, and groups of development dependencies."""
    session.install(PACKAGE, *nox.project.dependency_groups(PROJECT, *groups))


def install_proxies(session: nox.Session) -> None:
    """The proxies and HTTP/2 servers of tests/peers, where this is Debian and the user may install them.

    Elsewhere those tests skip.
    """
    programs = {"squid": "squid", "tinyproxy": "tinyproxy", "microsocks": "microsocks", "danted": "dante-server"}
    programs |= {"nghttpd": "nghttp2-server", "haproxy": "haproxy"}
    folders = os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin"))
    missing = [package for program, package in programs.items() if not shutil.which(program, path=folders)]
    if missing and shutil.which("apt-get") and os.geteuid() == 0:
        silent = {"DEBIAN_FRONTEND": "noninteractive"}
        session.run("apt-get", "update", external=True, silent=True, env=silent)
        session.run("apt-get", "install", "-y", *missing, external=True, silent=True, env=silent)


@nox.session
def lint(session: nox.Session) -> None:
    """Format and rules."""
    session.install(*nox.project.dependency_groups(PROJECT, "lint"))
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")


@nox.session
def types(session: nox.Session) -> None:
    """The whole package under mypy; the public interface under pyright."""
    install(session, "types")
    session.run("mypy")
    session.run("mypy", "tests/typing/public_face.py")
    session.run("pyright", "tests/typing/public_face.py", env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"})
    # Without this, pyright asks a package registry whether it is the newest.
    session.run("pyright", "--verifytypes", "httpconn", "--ignoreexternal", env={"PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"})


@nox.session
def docs(session: nox.Session) -> None:
    """The documentation; a warning is an error."""
    install(session, "docs")
    build_pages(session)


@nox.session
def site(session: nox.Session) -> None:
    """The built documentation in Chromium: links, search, narrow screens, contrast, light and dark."""
    install(session, "docs", "site")
    build_pages(session)
    session.run("pytest", "--confcutdir", "tests/site", "tests/site/check_site.py", *session.posargs)


def build_pages(session: nox.Session) -> None:
    """By Sphinx, to ``docs/_build/html``."""
    session.run("sphinx-build", "-W", "--keep-going", "-E", "-b", "html", "docs", "docs/_build/html")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """All tests on the oldest and the newest Python, version-dependent ones between; arguments go to pytest."""
    install(session, "test")
    install_proxies(session)
    selection = session.posargs or (VERSION_DEPENDENT if session.python in INSTALLED[1:-1] else [])
    session.log("This takes about %s minutes on two quiet cores.", minutes(str(session.python)))
    session.run("pytest", "-n", "2", *selection)


@nox.session
def quick(session: nox.Session) -> None:
    """Lint, types and the fast tests, in less than a minute; arguments go to pytest."""
    install(session, "lint", "types", "test")
    session.run("ruff", "format", "--check")
    session.run("ruff", "check")
    session.run("mypy")
    session.run("pytest", "-n", "2", *(session.posargs or QUICK))


@nox.session(python=PYTHONS)
def package(session: nox.Session) -> None:
    """Build the sdist and the wheel, in a folder that may follow ``--``. Test each in an empty environment."""
    session.install("build>=1.2", "twine>=6")
    built = Path(session.posargs[0] if session.posargs else Path(session.create_tmp()) / "built").absolute()
    for old in built.glob("httpconn-*"):
        old.unlink()
    session.run("python", "-m", "build", "--outdir", str(built))
    for archive in sorted(built.glob("httpconn-*")):
        session.run("twine", "check", "--strict", str(archive))
        clean = clean_environment(session, str(archive))
        session.run(clean, "-I", "tests/package/smoke.py", str(archive), external=True)


@nox.session
def sbom(session: nox.Session) -> None:
    """The dependencies of the package with all its extras, as CycloneDX's JSON; a file name may follow ``--``."""
    session.install("cyclonedx-bom>=7")
    target = session.posargs[0] if session.posargs else "sbom.cdx.json"
    clean = clean_environment(session, PACKAGE)
    session.run("cyclonedx-py", "environment", "--output-reproducible", "--output-file", target, clean)


def clean_environment(session: nox.Session, package: str, name: str = "clean") -> str:
    """Install a package in a new environment, and return the path of its interpreter."""
    folder = Path(session.create_tmp()).absolute() / name
    session.run("python", "-m", "venv", "--clear", "--without-pip", str(folder))
    python = str(folder / "bin/python")
    session.run("python", "-m", "pip", "--python", python, "install", "-q", package)
    return python


@nox.session
def httpx2(session: nox.Session) -> None:
    """The tests with httpx2 in place of httpx; arguments go to pytest."""
    install(session, "test")
    # Loaded before pytest imports other plugins.
    aliased = ["-p", "tests.with_httpx2", "-W", "ignore::pytest.PytestAssertRewriteWarning"]
    # These test httpx2 under its own name, beside httpx.
    apart = ["--ignore", "tests/adapters/test_httpx2.py"]
    session.run("python", "-m", "pytest", *aliased, *apart, *session.posargs)


@nox.session
def bench(session: nox.Session) -> None:
    """Measure httpconn and its peers; ``--quick``, ``--only NAME`` and a folder may follow ``--``, or ``datasets``."""
    if session.posargs[:1] == ["datasets"]:
        session.install(".[datasets]", *nox.project.dependency_groups(PROJECT, "bench"))
        peers = [f"--{name}={clean_environment(session, name, name)}" for name in ("img2dataset", "daft")]
        session.run("python", "-m", "tests.benchmarks.datasets", *peers, *session.posargs[1:])
        return
    # Without extras, as the peers are: httpx imports click, rich and pygments where they are installed.
    # urllib3-future, which niquests needs, replaces the urllib3 of requests unless it is built with this variable.
    apart = {"URLLIB3_NO_OVERRIDE": "1"}
    packages = nox.project.dependency_groups(PROJECT, "bench")
    session.install("--no-binary", "urllib3-future", ".", *packages, env=apart)
    session.run("python", "-m", "tests.benchmarks.run", *session.posargs)
    session.install(*nox.project.dependency_groups(PROJECT, "collections"))
    for module in ("calls", "start", "many", "hosts", "segmented", "collections"):
        session.run("python", "-m", f"tests.benchmarks.{module}")


@nox.session
def clusters(session: nox.Session) -> None:
    """Ray Data, Dask and Spark fetch tables of URLs; workers share a rate by Redis; killed workers and drivers.

    Each engine has two local processes: ``num_cpus=2`` of Ray, ``n_workers=2`` of Dask, ``local[2]`` of Spark.
    Spark needs Java 17 or newer, such as default-jre-headless of Debian.
    """
    session.log(f"Ray, Dask and Spark with two local processes each; java: {shutil.which('java')}")
    install(session, "clusters")
    # Ray and Dask cause warnings, and the fixtures of the other tests need packages that are not installed here.
    own = ["--confcutdir", "tests/clusters", "-W", "default", "--timeout", "600"]
    checks = [f"tests/clusters/check_{name}.py" for name in ("ray", "dask", "spark", "redis", "drivers")]
    session.run("python", "-m", "pytest", *own, *checks, *session.posargs)


@nox.session
def integrations(session: nox.Session) -> None:
    """Libraries built on httpx2, Qt's event loop, eventlet and gevent; arguments go to pytest."""
    install(session, "test", "integrations")
    checks = [f"tests/integrations/check_{name}.py" for name in ("huggingface", "models", "qt", "greenlets")]
    session.run("python", "-m", "pytest", "-n", "2", *checks, *session.posargs)


@nox.session
def fsspec(session: nox.Session) -> None:
    """fsspec's own tests, and the libraries that open files with fsspec; arguments go to pytest."""
    install(session, "test", "readers")
    session.install("pytest-asyncio")
    # Some of the libraries warn of their own future.
    session.run("python", "-m", "pytest", "-W", "default", "tests/integrations/check_readers.py", *session.posargs)
    folder = session.create_tmp()
    # The newest source distribution that contains the tests.
    session.run(
        "python", "-m", "pip", "download", "--dest", folder, "--no-deps", "--no-binary", "fsspec", "fsspec==2024.5.0"
    )
    session.run("python", "-m", "tests.integrations.fsspec_tests", folder, *session.posargs)


@nox.session(python="3.11")
def vllm(session: nox.Session) -> None:
    """vLLM's own tests over the adapter of the documentation. Installs torch and 5 GB of other packages."""
    folder, version = session.create_tmp(), "0.33.0"
    install(session, "test")
    session.install(
        "torch", "torchvision", "setuptools>=77,<81", "setuptools-scm", "setuptools-rust", "wheel", "jinja2"
    )
    # The metadata of the source distribution names a device and its own version.
    build = {"VLLM_TARGET_DEVICE": "empty", "VLLM_VERSION_OVERRIDE": version}
    sdist = ["--no-deps", "--no-binary", "vllm", "--no-build-isolation", f"vllm=={version}"]
    session.run("python", "-m", "pip", "download", "--dest", folder, *sdist, env=build)
    requirements = f"vllm-{version}/requirements/common.txt"
    session.run("tar", "-xzf", f"{folder}/vllm-{version}.tar.gz", "-C", folder, requirements, external=True)
    tools = ("av", "librosa", "pytest-asyncio", "pytest-rerunfailures", "scipy", "soundfile", "tblib")
    session.install("-r", f"{folder}/{requirements}", *tools)
    session.run("python", "-m", "tests.integrations.vllm_tests", folder, *session.posargs)


@nox.session
def security(session: nox.Session) -> None:
    """Compare httpconn with other libraries on untrusted URLs, for the documentation; Linux only."""
    install(session, "test")
    session.run("python", "-m", "tests.comparison", "--environments", session.create_tmp(), *session.posargs)


@nox.session
def load(session: nox.Session) -> None:
    """The media server example under ``wrk``, each tenth request hostile; ``--seconds N`` may follow ``--``."""
    install(session, "test")
    session.run("python", "-m", "tests.load", *session.posargs)


@nox.session
def soak(session: nox.Session) -> None:
    """Many calls in sync, asyncio and trio to a faulty server; ``--requests N`` and others may follow ``--``."""
    install(session, "soak")
    session.run("python", "-m", "tests.soak", *session.posargs)


@nox.session
def fuzz(session: nox.Session) -> None:
    """All property tests with many examples, for ten minutes; ``--minutes N`` and a selection may follow ``--``."""
    install(session, "test")
    session.run("python", "-m", "tests.fuzz", *session.posargs)


@nox.session
def torture(session: nox.Session) -> None:
    """Kill processes that write partial files, at any moment; ``--rounds N`` may follow ``--``."""
    install(session)
    session.run("python", "-m", "tests.torture", *session.posargs)
    session.run("python", "-m", "tests.torture.datasets")


@nox.session
def interrupts(session: nox.Session) -> None:
    """Interrupt 20,000 calls by signals at random moments; ``--count N`` may follow ``--``."""
    install(session, "test")
    session.run("python", "-m", "tests.torture.interrupts", *session.posargs)
