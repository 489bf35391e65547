"""Fixtures for pytest. To use them, name this module in ``pytest_plugins`` of the topmost ``conftest.py``.

::

    pytest_plugins = ["httpconn.testing.plugin"]
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from ..transport import through_httpx
from . import network
from .server import ScriptedServer


@pytest.fixture
def no_network() -> Iterator[None]:
    """Allow only loopback in a test. See :func:`httpconn.testing.no_network`."""
    with network.no_network():
        yield


@pytest.fixture
def httpconn_through_httpx() -> Iterator[None]:
    """Let libraries that patch httpx see the requests of httpconn. See :class:`httpconn.transport.through_httpx`."""
    with through_httpx():
        yield


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedServer]]:
    """Start scripted servers, which stop at the end of the test.

    The arguments are those of :class:`httpconn.testing.ScriptedServer`.
    """
    with ExitStack() as opened:
        yield lambda *script, **options: opened.enter_context(ScriptedServer(*script, **options))
