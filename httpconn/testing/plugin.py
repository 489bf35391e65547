"""Fixtures for pytest. To use them, name this module in ``pytest_plugins`` of the topmost ``conftest.py``.

::

    pytest_plugins = ["httpconn.testing.plugin"]
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from . import network
from .server import ScriptedServer


@pytest.fixture
def no_network() -> Iterator[None]:
    """Allow only loopback in a test. See :func:`httpconn.testing.no_network`."""
    with network.no_network():
        yield


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedServer]]:
    """Start scripted servers, which stop at the end of the test.

    The arguments are those of :class:`httpconn.testing.ScriptedServer`.
    """
    with ExitStack() as opened:
        yield lambda *script, **options: opened.enter_context(ScriptedServer(*script, **options))
