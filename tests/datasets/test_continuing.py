"""Jobs that continue: after a kill, an error, a full disk, and with other rows to retry."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import psutil
import pyarrow.parquet as pq
import pytest

import httpconn
from httpconn import datasets
from httpconn.datasets import processes
from httpconn.testing import Received, ScriptedServer, response
from tests.datasets.jobs import die, fail, loopback, reverse
from tests.datasets.test_datasets import FORMATS, bodies_of, rows_of

ROOT = Path(__file__).parent.parent.parent
AT_ONCE = httpconn.RetryPolicy(attempts=1)


class Site:
    """A server that counts the requests for each path.

    Attributes:
        broken: paths that get the status 503.
        calls: an event is set when this number of requests has arrived.
    """

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()
        self.broken: set[str] = set()
        self.reached = threading.Event()
        self.calls = 0

    def __call__(self, request: Received) -> bytes:
        path = request.target if isinstance(request.target, str) else request.target.decode()
        self.seen[path] += 1
        if self.calls and self.seen.total() >= self.calls:
            self.reached.set()
        if path in self.broken:
            return response(503)
        return response(headers={"Content-Type": "image/png"}, body=path.encode() * 100)


@pytest.fixture
def site():
    return Site()


@pytest.fixture
def server(site):
    with ScriptedServer(site) as running:
        yield running


@pytest.fixture
def connection():
    with httpconn.HTTPConnection(retries=AT_ONCE) as opened:
        yield opened


@pytest.fixture
def by_name():
    with httpconn.HTTPConnection(retries=AT_ONCE, resolver=loopback) as opened:
        yield opened


def listed(server: ScriptedServer, path: Path, count: int) -> Path:
    path.write_text("".join(f"{server.url_for(f'/{n}')}\n" for n in range(count)))
    return path


def is_complete(sink: Path, form: str, count: int) -> bool:
    rows, bodies = rows_of(sink), bodies_of(sink, form)
    own = {"parquet": ".parquet", "webdataset": ".tar"}.get(form, "")
    names = {path.name for path in (sink / "_httpconn").iterdir()}
    return (
        [row["row"] for row in rows] == list(range(count))
        and bodies == {n: f"/{n}".encode() * 100 for n in range(count)}
        and not any(name.startswith("unfinished") for name in names)
        and all(path.suffix in (own, ".parquet") for path in sink.iterdir() if path.is_file())
    )


@pytest.mark.parametrize(("form", "calls"), [("parquet", 1), ("webdataset", 25), ("folder", 45), ("parquet", 65)])
def test_a_killed_job_continues(site, server, connection, tmp_path, form, calls):
    source, sink = listed(server, tmp_path / "urls.txt", 70), tmp_path / "sink"
    site.calls = calls
    arguments = ["-m", "tests.datasets.jobs", str(source), str(sink), form, "1", "10"]
    process = subprocess.Popen([sys.executable, *arguments], cwd=ROOT, stderr=subprocess.PIPE)
    assert site.reached.wait(200)
    process.kill()
    process.communicate()
    finished = datasets.status(sink).rows
    server.wait_for(lambda: not server.open_connections)  # requests of the killed process have arrived, too
    site.seen.clear()
    summary = datasets.fetch(source, sink, format=form, connection=connection, shard_size=10, concurrency=4)
    assert site.seen.total() == 70 - finished
    assert (summary.rows, summary.complete) == (70, True)
    assert is_complete(sink, form, 70)
    site.seen.clear()
    assert datasets.fetch(source, sink, format=form, connection=connection, shard_size=10) == summary
    assert not site.seen


def test_an_incomplete_line_of_the_journal_is_ignored(site, server, connection, tmp_path):
    source, sink = listed(server, tmp_path / "urls.txt", 25), tmp_path / "sink"
    datasets.fetch(source, sink, connection=connection, shard_size=10, concurrency=1)  # so that shards end in order
    journal = sink / "_httpconn" / "journal-00000.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(lines[:1]) + lines[1][:20])
    site.seen.clear()
    datasets.fetch(source, sink, connection=connection, shard_size=10)
    assert site.seen.total() == 15
    assert is_complete(sink, "parquet", 25)
    assert datasets.status(sink).complete


def change_last(path):
    path.write_text(path.read_text().replace("/24\n", "/99\n"))


def shorten(path):
    path.write_text("".join(path.read_text().splitlines(keepends=True)[:15]))


@pytest.mark.parametrize("change", [change_last, shorten])
def test_a_changed_source_is_rejected(server, connection, tmp_path, change):
    source, sink = listed(server, tmp_path / "urls.txt", 25), tmp_path / "sink"
    datasets.fetch(source, sink, connection=connection, shard_size=10)
    change(source)
    with pytest.raises(httpconn.InvalidRequest, match=r"The source .*urls.txt has changed since the first run"):
        datasets.fetch(source, sink, connection=connection, shard_size=10)


@pytest.mark.parametrize("kept", [12, 20])
def test_a_changed_iterable_is_rejected(server, connection, tmp_path, kept):
    urls = [server.url_for(f"/{n}") for n in range(25)]
    datasets.fetch(urls, tmp_path / "sink", connection=connection, shard_size=10)
    with pytest.raises(httpconn.InvalidRequest, match="The iterable has changed"):
        datasets.fetch(urls[:kept], tmp_path / "sink", connection=connection, shard_size=10)


def test_the_sink_of_another_job_is_rejected(server, connection, tmp_path):
    urls, sink = [server.url_for("/1")], tmp_path / "sink"
    datasets.fetch(urls, sink, connection=connection, shard_size=10)
    with pytest.raises(httpconn.InvalidRequest, match="holds another job: its shard_size is 10, not 20"):
        datasets.fetch(urls, sink, connection=connection, shard_size=20)
    with pytest.raises(httpconn.InvalidRequest, match="its format is parquet, not folder"):
        datasets.fetch(urls, sink, connection=connection, shard_size=10, format="folder")
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.png").touch()
    with pytest.raises(httpconn.InvalidRequest, match="photos is not empty and holds no job"):
        datasets.fetch(urls, tmp_path / "photos", connection=connection)
    with pytest.raises(httpconn.InvalidRequest, match="photos holds no job"):
        datasets.status(tmp_path / "photos")


def test_one_job_at_a_time_writes_a_sink(site, server, connection, tmp_path):
    source, sink = listed(server, tmp_path / "urls.txt", 25), tmp_path / "sink"
    states = []

    def start_another(row):
        states.append(datasets.status(sink))
        with pytest.raises(httpconn.InvalidRequest, match="Another process is writing to the sink"):
            datasets.fetch(source, sink, connection=connection, shard_size=10)

    datasets.fetch(source, sink, connection=connection, shard_size=10, on_item=start_another)
    assert len(states) == 25
    assert not any(state.complete for state in states)
    assert is_complete(sink, "parquet", 25)


def test_an_interrupted_job_leaves_no_process(site, server, tmp_path):
    source, sink = listed(server, tmp_path / "urls.txt", 400), tmp_path / "sink"
    source.write_text(source.read_text() + source.read_text().replace("127.0.0.1", "localhost"))
    site.calls = 20
    command = ["-m", "httpconn", "dataset", str(source), str(sink), "--access", "anywhere", "--processes", "2"]
    with subprocess.Popen([sys.executable, *command], cwd=ROOT, stderr=subprocess.PIPE) as process:
        assert site.reached.wait(200)
        children = psutil.Process(process.pid).children(recursive=True)
        process.send_signal(signal.SIGINT)
        assert process.wait(200) == 130
        assert process.stderr.read() == b"httpconn: interrupted\n"
    assert children
    assert not psutil.wait_procs(children, timeout=200)[1]


def test_a_killed_job_leaves_no_process_and_no_warning(site, server, tmp_path):
    source, sink = listed(server, tmp_path / "urls.txt", 40), tmp_path / "sink"
    source.write_text(source.read_text() + source.read_text().replace("127.0.0.1", "localhost"))
    site.calls = 20
    command = [sys.executable, "-m", "tests.datasets.jobs", str(source), str(sink), "parquet", "2", "10"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE) as process:
        assert site.reached.wait(200)
        process.kill()
        assert process.stderr.read() == b""  # until the other processes have ended, too


def test_a_job_fails_if_one_of_its_processes_is_killed(server, by_name, tmp_path):
    urls = [f"http://h{n % 8}.test:{server.port}/{n}" for n in range(30)]
    with pytest.raises(httpconn.HTTPConnError, match="A process of the job was killed"):
        datasets.fetch(urls, tmp_path / "sink", processes=2, connection=by_name, on_item=die)
    datasets.fetch(urls, tmp_path / "sink", connection=by_name)
    assert is_complete(tmp_path / "sink", "parquet", 30)


def test_a_job_fails_if_a_process_cannot_be_started(server, by_name, tmp_path, monkeypatch):
    def start(_: object) -> None:  # as if the process ended before it had read its arguments
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    monkeypatch.setattr(processes.SPAWN.Process, "start", start)
    urls = [f"http://h{n % 8}.test:{server.port}/{n}" for n in range(30)]
    with pytest.raises(httpconn.HTTPConnError, match="could not be started: Broken pipe"):
        datasets.fetch(urls, tmp_path / "sink", processes=2, connection=by_name)


def test_an_iterable_is_read_by_several_processes(server, by_name, tmp_path):
    urls = (f"http://h{n % 8}.test:{server.port}/{n}" for n in range(30))
    datasets.fetch(urls, tmp_path / "sink", processes=2, connection=by_name)
    assert is_complete(tmp_path / "sink", "parquet", 30)


def test_an_error_that_cannot_be_pickled_is_named(server, by_name, tmp_path):
    urls = [f"http://h{n % 8}.test:{server.port}/{n}" for n in range(30)]
    with pytest.raises(httpconn.HTTPConnError, match=r"Strange.*strange error"):
        datasets.fetch(urls, tmp_path / "sink", processes=2, connection=by_name, on_item=fail)


def test_a_process_that_dies_before_it_reads_a_large_job_is_noticed(tmp_path):
    script = tmp_path / "job.py"  # its processes start the job, too, and fail
    script.write_text(
        "import pyarrow as pa\nfrom httpconn import datasets\n"
        "urls = pa.table({'url': [f'http://h{n}.test/' for n in range(20_000)]})\n"
        "datasets.fetch(urls, 'sink', processes=2)\n"
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, timeout=200, cwd=tmp_path, check=False
    )
    assert "A process of the job was killed" in done.stderr


INTERRUPTED = """
import os, signal, sys
from httpconn import HTTPConnection, datasets
if __name__ == "__main__":
    datasets.fetch(*sys.argv[1:3], processes=2, connection=HTTPConnection())
else:  # a process that starts
    os.kill(os.getpid(), signal.SIGINT)
"""


def test_an_interrupt_of_a_process_that_starts_is_left_to_the_program(server, tmp_path):
    source, script = listed(server, tmp_path / "urls.txt", 30), tmp_path / "job.py"
    script.write_text(INTERRUPTED)
    command = [sys.executable, str(script), str(source), str(tmp_path / "sink")]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environ, check=False)
    assert (done.returncode, done.stderr) == (0, "")


EXIT = """
import sys
from httpconn import HTTPConnection, datasets
from tests.datasets.jobs import leave
if __name__ == "__main__":
    with HTTPConnection() as connection:
        datasets.fetch(*sys.argv[1:3], processes=int(sys.argv[3]), connection=connection, on_item=leave)
"""


@pytest.mark.parametrize("processes", [1, 2])
def test_a_function_for_rows_can_end_the_program(server, tmp_path, processes):
    source, script = listed(server, tmp_path / "urls.txt", 30), tmp_path / "job.py"
    script.write_text(EXIT)
    command = [sys.executable, str(script), str(source), str(tmp_path / "sink"), str(processes)]
    environ = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, timeout=200, env=environ)
    assert (done.returncode, done.stderr) == (7, "")


@pytest.mark.parametrize("form", FORMATS)
def test_only_the_rows_of_an_outcome_are_retried(site, server, connection, tmp_path, form):
    source, sink = listed(server, tmp_path / "urls.txt", 30), tmp_path / "sink"
    options = {"format": form, "connection": connection, "shard_size": 10}
    site.broken = {"/3", "/4", "/25"}
    assert datasets.fetch(source, sink, **options).errors == {"503": 3}
    site.broken = {"/4"}
    site.seen.clear()
    assert datasets.fetch(source, sink, retry={"TimedOut", 404}, **options).errors == {"503": 3}
    assert not site.seen
    assert datasets.fetch(source, sink, retry={"TimedOut", 503}, **options).errors == {"503": 1}
    assert site.seen == {"/3": 1, "/4": 1, "/25": 1}
    site.broken = set()
    summary = datasets.fetch(source, sink, retry=httpconn.ResponseError, **options)
    assert (summary.rows, summary.succeeded, summary.errors) == (30, 30, {})
    assert is_complete(sink, form, 30)


def test_an_unknown_outcome_is_rejected(server, connection, tmp_path):
    sink = tmp_path / "sink"
    with pytest.raises(httpconn.InvalidRequest, match="holds no job"):
        datasets.fetch([], sink, retry=["TimedOut"])
    datasets.fetch([], sink, connection=connection)
    for unknown in ("Timeout", 99, 5.0, True, None, "²", str, "KeyError"):
        with pytest.raises(httpconn.InvalidRequest, match=f"not '{getattr(unknown, '__name__', unknown)}'"):
            datasets.fetch([], sink, retry=[unknown])


@pytest.mark.parametrize("kind", [ValueError, "ValueError"])
def test_errors_of_the_function_for_rows_are_retried(server, connection, tmp_path, kind):
    source, sink = listed(server, tmp_path / "urls.txt", 10), tmp_path / "sink"
    assert datasets.fetch(source, sink, connection=connection, on_item=reverse).errors == {"ValueError": 2}
    assert datasets.fetch(source, sink, connection=connection, retry=kind).errors == {}


def test_a_limit_of_all_bytes_stops_the_job(site, server, connection, tmp_path):
    source, sink = listed(server, tmp_path / "urls.txt", 40), tmp_path / "sink"
    options = {"connection": connection, "shard_size": 10, "concurrency": 1}
    with pytest.raises(httpconn.LimitExceeded):
        datasets.fetch(source, sink, max_total_bytes=5_000, **options)
    assert 1 <= datasets.status(sink).shards < 3
    summary = datasets.fetch(source, sink, max_total_bytes=50_000, **options)
    assert summary.succeeded == 40
    assert is_complete(sink, "parquet", 40)


def test_processes_divide_the_hosts(site, server, by_name, tmp_path):
    names = [f"http://h{n}.test:{server.port}" for n in range(8)]
    source = tmp_path / "urls.jsonl"
    source.write_text("".join(json.dumps({"url": f"{names[n % 8]}/{n}"}) + "\n" for n in range(80)))
    sink = tmp_path / "sink"
    options = {"connection": by_name, "shard_size": 10, "on_item": reverse}
    summary = datasets.fetch(source, sink, processes=2, **options)
    assert (summary.rows, summary.errors) == (80, {"ValueError": 16})
    rows = rows_of(sink)
    assert [row["row"] for row in rows] == list(range(80))
    assert rows[0]["body"] == (b"/0" * 100)[::-1]
    assert (rows[4]["error"], rows[4]["message"], rows[4]["body"]) == ("ValueError", "not an image", None)
    parts = [[row for path in sink.glob(f"0000{each}-*") for row in pq.read_table(path).to_pylist()] for each in (0, 1)]
    hosts = [{row["url"].split("/")[2] for row in part} for part in parts]
    assert all(hosts)
    assert not hosts[0] & hosts[1]
    site.seen.clear()
    assert datasets.fetch(source, sink, processes=1, **options) == summary
    assert not site.seen
    with pytest.raises(httpconn.InvalidRequest, match="must be picklable"):
        datasets.fetch(source, tmp_path / "other", processes=2, connection=by_name, on_item=lambda row: None)


FULL = """
import glob, os, resource, signal, sys
from httpconn import DiskFull, HTTPConnection, datasets
from httpconn.datasets import shards
shards.GROUP_ROWS = int(sys.argv[4])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (3_000, resource.RLIM_INFINITY))
try:
    datasets.fetch(*sys.argv[1:3], format=sys.argv[3], connection=HTTPConnection(), shard_size=10, concurrency=4)
except DiskFull as error:
    print(error)
print([each for each in map(os.path.realpath, glob.glob("/proc/self/fd/*")) if "unfinished" in each])
"""


@pytest.mark.parametrize(("form", "group"), [("parquet", 1000), ("parquet", 4), ("webdataset", 1000)])
def test_a_full_disk_is_named_and_loses_nothing(site, server, connection, tmp_path, form, group):
    source, sink = listed(server, tmp_path / "urls.txt", 30), tmp_path / "sink"
    command = [sys.executable, "-c", FULL, str(source), str(sink), form, str(group)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert "File too large" in run.stdout, run.stderr
    assert str(sink) in run.stdout
    assert run.stdout.endswith("[]\n")  # an open file would still take space
    assert not list((sink / "_httpconn").glob("unfinished*"))
    datasets.fetch(source, sink, format=form, connection=connection, shard_size=10)
    assert is_complete(sink, form, 30)
