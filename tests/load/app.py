"""The example of the documentation, which may reach the images' server on this machine."""

from __future__ import annotations

import httpconn
from docs.examples.media_server.app import create_app

app = create_app(httpconn.AccessPolicy.public_internet(allowed_networks=["127.0.0.0/8"], own_interfaces=True))
