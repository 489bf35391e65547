"""One kept connection of http.client, and of pycurl, with the authority of a job."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

from tests.benchmarks.measuring import Job

if TYPE_CHECKING:
    from http.client import HTTPConnection

    import pycurl


def standard_connection(job: Job) -> HTTPConnection:
    """Return a connection to the job's server."""
    from http.client import HTTPConnection, HTTPSConnection

    place = job.base.partition("//")[2]
    if isinstance(job.verify, ssl.SSLContext):
        return HTTPSConnection(place, context=job.verify)
    return HTTPConnection(place)


def easy_handle(job: Job) -> pycurl.Curl:
    """Return a handle that reuses its connection."""
    import pycurl

    curl = pycurl.Curl()
    if job.authority is not None:
        curl.setopt(pycurl.CAINFO, job.authority)
    if job.proxy is not None:
        curl.setopt(pycurl.PROXY, job.proxy)
    return curl
