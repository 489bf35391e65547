"""One job of ``tests.benchmarks.datasets`` in the environment of a peer: prints its figures as JSON."""

import json
import resource
import sys
import time
from pathlib import Path

TIMEOUT = 10  # seconds for each URL, the default of img2dataset
CONCURRENCY = 64


def httpconn_job(source, sink, form):
    import httpconn
    from httpconn import datasets

    hosts = [f"127.0.1.{n}" for n in range(256)]
    access = httpconn.AccessPolicy.public_internet(allowed_networks=hosts, own_interfaces=True)

    def run():
        with httpconn.HTTPConnection(access=access, timeout=TIMEOUT, retries=0) as connection:
            options = {"connection": connection, "concurrency": CONCURRENCY, "accept": "image/*"}
            return datasets.fetch(source, sink, format=form, **options).succeeded

    return run


def img2dataset_job(source, sink, form):
    from img2dataset import download

    options = {"resize_mode": "no", "disable_all_reencoding": True, "timeout": TIMEOUT, "thread_count": CONCURRENCY}

    def run():
        download(url_list=source, output_folder=f"{sink}/out", output_format=form, extract_exif=False, **options)
        return sum(json.loads(each.read_text())["successes"] for each in Path(sink, "out").glob("*_stats.json"))

    return run


def daft_job(source, sink, form):
    import daft
    from daft.io import HTTPConfig, IOConfig

    http = IOConfig(http=HTTPConfig(num_tries=1, read_timeout_ms=TIMEOUT * 1000, connect_timeout_ms=TIMEOUT * 1000))
    column = daft.col("url").download(max_connections=CONCURRENCY, on_error="null", io_config=http)

    def run():
        frame = daft.from_pydict({"url": Path(source).read_text().split()})
        frame.with_column("body", column).write_parquet(sink)
        return daft.read_parquet(f"{sink}/*.parquet").where(daft.col("body").not_null()).count_rows()

    return run


JOBS = {"httpconn": httpconn_job, "img2dataset": img2dataset_job, "daft": daft_job}


def main(kind, form, source, sink):
    """Run a job. The imports do not count."""
    run = JOBS[kind](source, sink, form)
    began, before = time.monotonic(), usage()[0]
    bodies = run()
    seconds, (cpu, peak) = time.monotonic() - began, usage()
    urls = len(Path(source).read_text().split())
    print(json.dumps({"seconds": seconds, "cpu": cpu - before, "peak": peak, "urls": urls, "bodies": bodies}))


def usage():
    """Return the CPU seconds of this process and its children, and the largest memory of one of them in MB."""
    each = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in each), max(one.ru_maxrss for one in each) / 1024


if __name__ == "__main__":
    main(*sys.argv[1:])
