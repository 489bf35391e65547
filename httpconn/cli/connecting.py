"""The connection object that a command fetches with, made from its options."""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from typing import Any

import click

from ..access import AccessPolicy, access_of
from ..connection import HTTPConnection
from ..options import Timeouts

Hooks = Mapping[str, list[Callable[..., Any]]]


def connected(shared: Mapping[str, Any], *, hooks: Hooks | None = None, **options: Any) -> HTTPConnection:
    """Return a connection object with the options that all commands share.

    Args:
        shared: see :data:`httpconn.cli.options.SHARED`.
        hooks: event hooks besides those of ``--verbose``.
        options: further ones of :class:`HTTPConnection`.
    """
    access = policy_of(shared["access"])
    _check(shared, access)
    if shared["timeout"] is not None or not access.public:
        options["timeout"] = Timeouts(total=shared["timeout"])
    if shared["insecure"] or shared["cacert"]:
        options["verify"] = shared["cacert"] or False
    return HTTPConnection(
        access=access,
        retries=shared["retries"],
        proxy=shared["proxy"],
        user_agent=shared["user_agent"],
        event_hooks=_joined(hooks or {}, _verbose() if shared["verbose"] else {}),
        **options,
    )


def policy_of(access: str | None) -> AccessPolicy:
    """Return the policy of ``--access``, or else of HTTPCONN_ACCESS."""
    return access_of(os.environ) if access is None else AccessPolicy.from_environment(access)


def fields_of(shared: Mapping[str, Any]) -> dict[str, str]:
    """Return the header fields of ``--header`` and ``--user``; those of ``--header`` win."""
    user = shared["user"]
    if user is None:
        return dict(shared["headers"])
    credentials = base64.b64encode(user.encode("utf-8", "surrogateescape")).decode("ascii")
    return {"Authorization": f"Basic {credentials}", **shared["headers"]}


def _check(shared: Mapping[str, Any], access: AccessPolicy) -> None:
    if shared["insecure"] and shared["cacert"]:
        raise click.UsageError("-k verifies no certificate: give it without --cacert")
    if shared["proxy"] and access.public:
        raise click.UsageError("--proxy needs --access anywhere: the addresses behind a proxy cannot be checked")


def _verbose() -> Hooks:
    from .verbose import hooks

    return hooks()


def _joined(*several: Hooks) -> Hooks:
    return {event: [hook for each in several for hook in each.get(event, ())] for each in several for event in each}
