"""A plugin of proxy.py that records the requests of the proxy."""

from __future__ import annotations

import os
from pathlib import Path

from proxy.http.parser import HttpParser
from proxy.http.proxy import HttpProxyBasePlugin

RECORD = "PROXY_RECORD"
"""The environment variable that names the file of the record."""


class RecordingPlugin(HttpProxyBasePlugin):
    def before_upstream_connection(self, request: HttpParser) -> HttpParser:
        with Path(os.environ[RECORD]).open("ab") as record:
            record.write(b"%b %b\n" % (request.method or b"-", _target(request)))
        return request


def _target(request: HttpParser) -> bytes:
    authority = b"%b:%d" % (request.host or b"", request.port or 0)
    return authority if request.is_https_tunnel else b"http://%b%b" % (authority, request.path or b"")
