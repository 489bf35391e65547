"""S3 by moto, with the expiry of signed URLs, which moto does not check."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any
from urllib.parse import parse_qs

import boto3
from botocore.config import Config
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import WSGIRequestHandler, make_server

from tests.servers.forwarder import HOST, Forwarder, forwarding

BUCKET = "models"
EXPIRED = b"""<?xml version="1.0" encoding="UTF-8"?>
<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"""

BUSY = b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"

WSGI = Callable[[dict[str, Any], Any], Iterable[bytes]]


class ObjectStore:
    """One bucket behind a forwarder.

    Attributes:
        ahead: time by which the clock of the store is ahead of the signer's.
        failing: number of further writing requests with the response 503.
    """

    def __init__(self, network: Forwarder) -> None:
        self.network = network
        self.ahead = timedelta()
        self.failing = 0
        self._client = boto3.client(
            "s3",
            endpoint_url=f"http://{HOST}:{network.port}",
            region_name="us-east-1",
            aws_access_key_id="AKIDEXAMPLE",
            aws_secret_access_key="not-a-secret",
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )

    def put(self, key: str, body: bytes) -> None:
        """Store an object."""
        self._client.create_bucket(Bucket=BUCKET)
        self._client.put_object(Bucket=BUCKET, Key=key, Body=body)

    def signed(self, key: str, seconds: int = 3600) -> str:
        """Return a signed URL that is valid for this time."""
        return self._client.generate_presigned_url("get_object", {"Bucket": BUCKET, "Key": key}, ExpiresIn=seconds)

    def close(self) -> None:
        self._client.close()

    def failing_on_request(self, application: WSGI) -> WSGI:
        """Wrap the application so that it responds with 503 while ``failing`` is not 0."""

        def checked(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if self.failing and environ["REQUEST_METHOD"] in ("PUT", "POST"):
                self.failing -= 1
                start_response("503 Slow Down", [("Content-Type", "application/xml")])
                return [BUSY]
            return application(environ, start_response)

        return checked

    def refusing_expired(self, application: WSGI) -> WSGI:
        """Wrap the application with S3's check of X-Amz-Date and X-Amz-Expires."""

        def checked(environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
            if self._is_expired(parse_qs(environ["QUERY_STRING"])):
                start_response("403 Forbidden", [("Content-Type", "application/xml")])
                return [EXPIRED]
            return application(environ, start_response)

        return checked

    def _is_expired(self, query: dict[str, list[str]]) -> bool:
        if "X-Amz-Expires" not in query:
            return False
        signed = datetime.strptime(query["X-Amz-Date"][0], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return datetime.now(UTC) + self.ahead >= signed + timedelta(seconds=int(query["X-Amz-Expires"][0]))


class _Quiet(WSGIRequestHandler):
    def log(self, type: str, message: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def serve_s3() -> Iterator[ObjectStore]:
    """moto's server, run in a thread."""
    server = make_server(HOST, 0, lambda *request: application(*request), threaded=True, request_handler=_Quiet)
    with forwarding(server.server_port) as network:
        store = ObjectStore(network)
        application = store.failing_on_request(store.refusing_expired(DomainDispatcherApplication(create_backend_app)))
        Thread(target=server.serve_forever, args=(0.01,), name="moto", daemon=True).start()
        yield store
        store.close()
        server.shutdown()
        server.server_close()
