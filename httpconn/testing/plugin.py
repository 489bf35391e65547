"""Fixtures for pytest: name this module in ``pytest_plugins`` of the topmost ``conftest.py`` to have them.

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
    """For this test, no network but loopback; see :func:`httpconn.testing.no_network`."""
    with network.no_network():
        yield


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedServer]]:
    """Starts scripted servers, which stop with the test; takes what :class:`httpconn.testing.ScriptedServer` takes."""
    with ExitStack() as opened:
        yield lambda *script, **options: opened.enter_context(ScriptedServer(*script, **options))
