"""Verdicts of an access policy, explained."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class CheckedAddress:
    """What a policy makes of one address.

    Attributes:
        address: as it was given.
        allowed: whether it may be dialled.
        reason: what kind of rule forbids it, in a few words, or nothing.
        rule: the rule itself, or nothing.
    """

    address: str
    allowed: bool
    reason: str = ""
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a policy makes of a URL.

    Attributes:
        url: the URL, redacted.
        allowed: whether it may be fetched, as far as its text and the addresses tell.
        reason: what kind of rule forbids it, in a few words, or nothing.
        rule: the rule itself, or nothing.
        host: its host as A-labels or an address; empty if it is no URL.
        port: its port; 0 if it is no URL.
        addresses: what was said of each address.
    """

    url: str
    allowed: bool
    reason: str = ""
    rule: str = ""
    host: str = ""
    port: int = 0
    addresses: tuple[CheckedAddress, ...] = ()

    def leading_to(self, addresses: Iterable[CheckedAddress]) -> Checked:
        """The same with what was said of the addresses; one that is forbidden forbids the URL."""
        judged = tuple(addresses)
        denied = next((each for each in judged if not each.allowed), None)
        if denied is None:
            return replace(self, addresses=judged)
        return replace(self, allowed=False, reason=denied.reason, rule=denied.rule, addresses=judged)
