"""httpcore's and hpack's debug log without secrets: httpcore writes down whole headers, hpack each field."""

from __future__ import annotations

import logging

import httpcore

from .passages import CURRENT

# By the name of the module: it is httpcore2 where that stands in for httpcore.
_EVENTS = tuple(f"{httpcore.__name__}.{part}" for part in ("http11", "http2", "proxy", "socks", "connection"))
_FIELDS = ("hpack.hpack", "hpack.table")


def keep_secrets() -> None:
    """From now on, of what is done for our calls only the names of events are logged; others' records stay."""
    for name in _EVENTS:
        logging.getLogger(name).addFilter(_name_only)
    for name in _FIELDS:
        logging.getLogger(name).addFilter(_not_ours)


def _name_only(record: logging.LogRecord) -> bool:
    if CURRENT.get() is not None:
        record.msg = record.getMessage().partition(" ")[0]
        record.args = None
    return True


def _not_ours(_: logging.LogRecord) -> bool:
    return CURRENT.get() is None
