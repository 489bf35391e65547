"""What an access policy makes of a URL, and of what its host leads to now; nothing is dialled."""

from __future__ import annotations

from ..access import AccessPolicy
from ..core.accesschecks import Checked, CheckedAddress
from ..errors import AccessDenied, ConnectFailed, ConnectTimedOut
from ..runtime.runtimes import BlockingRuntime
from ..runtime.stepping import run_sync
from ..runtime.timeouts import until
from .dns import CachingResolver, NameResolver
from .guard import Guard


def explained(
    access: AccessPolicy, url: str, *, resolver: NameResolver | None = None, seconds: float = 10.0
) -> Checked:
    """Explain the verdict on a URL; its host is resolved if its text is allowed.

    Args:
        access: the policy.
        url: which may be no valid URL at all.
        resolver: in place of the system's.
        seconds: for the resolver.

    Raises:
        ConnectFailed: the name leads nowhere.
        ConnectTimedOut: the resolver is too slow.
    """
    checked = access.check(url)
    if not checked.allowed:
        return checked
    guard = Guard(access, CachingResolver(resolver))
    try:
        found = run_sync(guard.found(BlockingRuntime(), checked.host, checked.port, until(seconds)))
    except (ConnectFailed, ConnectTimedOut) as error:
        error.url = checked.url
        raise
    return checked.with_addresses(_judged(guard, checked.host, str(address.name[0])) for address in found)


def _judged(guard: Guard, host: str, address: str) -> CheckedAddress:
    try:
        guard.judge(host, address)
    except AccessDenied as error:
        return CheckedAddress(address, False, error.reason, error.rule)
    return CheckedAddress(address, True)
