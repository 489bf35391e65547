"""Explanation of an access policy's decision on a URL and on the current addresses of its host."""

from ..access import AccessPolicy
from ..core.accesschecks import Checked, CheckedAddress
from ..errors import ConnectFailed, ConnectTimedOut
from ..runtime.runtimes import BlockingRuntime
from ..runtime.stepping import run_sync
from ..runtime.timeouts import until
from .dns import CachingResolver, NameResolver
from .guard import Guard


def explained(
    access: AccessPolicy, url: str, *, resolver: NameResolver | None = None, seconds: float = 10.0
) -> Checked:
    """Explain the decision of an access policy on a URL. An allowed host is resolved, but not connected to."""
    checked = access.check(url)
    if not checked.allowed:
        return checked
    guard = Guard(access, CachingResolver(resolver))
    try:
        found = run_sync(guard.found(BlockingRuntime(), checked.host, checked.port, until(seconds)))
    except (ConnectFailed, ConnectTimedOut) as error:
        error.url = checked.url
        raise
    return checked.with_addresses(
        CheckedAddress.by(guard.judge, checked.host, str(address.name[0])) for address in found
    )
