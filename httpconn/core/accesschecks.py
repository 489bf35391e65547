"""The results of checking a URL against an access policy."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from ..errors import AccessDenied


@dataclass(frozen=True, slots=True)
class CheckedAddress:
    """The result for one address.

    Attributes:
        address: the address as given.
        allowed: whether httpconn may connect to it.
        reason: the kind of the rule that denies it, such as "private network"; empty if it is allowed.
        rule: the rule that denies it; empty if it is allowed.
    """

    address: str
    allowed: bool
    reason: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """The result for a URL.

    Attributes:
        url: the URL, redacted.
        allowed: whether the URL may be fetched. It depends on the URL and on the given addresses.
        reason: the kind of the rule that denies it, such as "port"; empty if it is allowed.
        rule: the rule that denies it; empty if it is allowed.
        host: the host as A-labels or as an address; empty if the URL is invalid.
        port: the port; 0 if the URL is invalid.
        addresses: the results for the addresses.
    """

    url: str
    allowed: bool
    reason: str = ""
    rule: str = ""
    host: str = ""
    port: int = 0
    addresses: tuple[CheckedAddress, ...] = ()

    def with_addresses(self, judge: Callable[[str, str], None], addresses: Iterable[str]) -> Checked:
        """Return this result with the results for the addresses of the host. One denied address denies the URL.

        ``judge`` raises AccessDenied for a denied host and address.
        """
        checked = tuple(_checked(judge, self.host, each) for each in addresses)
        denied = next((each for each in checked if not each.allowed), None)
        if denied is None:
            return replace(self, addresses=checked)
        return replace(self, allowed=False, reason=denied.reason, rule=denied.rule, addresses=checked)


def _checked(judge: Callable[[str, str], None], host: str, address: str) -> CheckedAddress:
    try:
        judge(host, address)
    except AccessDenied as error:
        return CheckedAddress(address, False, error.reason, error.rule)
    return CheckedAddress(address, True)
