"""The results as charts."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.benchmarks.svg import Chart, bars, lines
from tests.benchmarks.table import HOUSE, PROGRAMS, Result, least, middle

CPU = ("sync-1k", "asyncio-1k", "trio-1k", "sync-1k-tls", "asyncio-1k-tls", "trio-1k-tls")
CROWDS = ("asyncio-1k", "asyncio-1k-100", "asyncio-1k-300", "asyncio-1k-1000")
DOWNLOADS = ("download", "download-tls", "download-1g")
PROTOCOLS = ("http2-1k", "http2-2m", "proxy-asyncio", "proxy-asyncio-tls", "hosts")
LARGE = ("sync-2m", "asyncio-2m", "trio-2m", "sync-2m-tls", "asyncio-2m-tls", "trio-2m-tls")
MEMORY = ("sync-1k", "asyncio-1k-1000", "sync-2m", "download-1g")
TIMES = (
    ("cpu", "CPU time per request", CPU),
    ("large", "CPU time per request of 2 MiB", LARGE),
    ("protocols", "CPU time per request: HTTP/2, proxies, many hosts", PROTOCOLS),
)
MIB = 1024 * 1024


def plots(results: Mapping[str, Any]) -> dict[str, str]:
    """Return the name and the SVG of each chart."""
    works = {work["name"]: work for work in results["works"]}
    machine = results["machine"]
    run = f"{HOUSE} {machine['versions'][HOUSE]}, {machine['date']}, rounds: {machine['rounds']}"
    where = f"{run}, load: {machine['load']}, {machine['processor']}, Python {machine['python']}, {machine['server']}"
    return dict(drawn(works, where))


def drawn(works: Mapping[str, Result], where: str) -> Iterator[tuple[str, str]]:
    for name, title, chosen in TIMES:
        if cpu := panels(works, chosen, lambda work, rounds: least(rounds, "cpu") * 1e6):
            yield name, bars(Chart(f"{title} (less is better)", where, "µs", HOUSE), cpu)
    if crowds := by_tasks([works[name] for name in CROWDS if name in works]):
        chart = Chart("CPU time per request in µs, by tasks at once (less is better)", where, "µs", HOUSE)
        yield "concurrency", lines(chart, "tasks at once (1 KiB bodies, asyncio)", crowds)
    if speeds := panels(works, DOWNLOADS, lambda work, rounds: work["size"] / least(rounds, "wall") / MIB):
        yield "download", bars(Chart("Download throughput (more is better)", where, "MiB/s", HOUSE), speeds)
    if memory := panels(works, MEMORY, lambda work, rounds: middle(rounds, "peak") / MIB, apart=PROGRAMS):
        yield "memory", bars(Chart("Memory of the process at its peak (less is better)", where, "MiB", HOUSE), memory)


def panels(
    works: Mapping[str, Result],
    names: Sequence[str],
    value: Callable[[Result, Sequence[Result]], float],
    apart: Sequence[str] = (),
) -> dict[str, dict[str, float]]:
    """Return the values by the title of each work and by peer."""
    return {
        work["title"]: {peer: value(work, rounds) for peer, rounds in work["peers"].items() if peer not in apart}
        for work in map(works.get, names)
        if work is not None
    }


def by_tasks(crowds: Sequence[Result]) -> dict[str, dict[float, float]]:
    """Return the values by peer and by the number of tasks."""
    peers = dict.fromkeys(peer for work in crowds for peer in work["peers"])
    return {
        peer: {work["tasks"]: least(work["peers"][peer], "cpu") * 1e6 for work in crowds if peer in work["peers"]}
        for peer in peers
    }
