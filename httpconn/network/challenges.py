"""Authentication challenges of servers and proxies (RFC 9110 section 11), parsed."""

import re
from collections.abc import Iterable
from typing import NamedTuple

from ..core.regexes import regex

_NAME = r"[!#$%&'*+.^_`|~0-9A-Za-z-]++"
_QUOTED = r'"(?:[^"\\]|\\.)*+"'
_END = r"(?=[ \t]*+(?:,|$))"
# An element is a parameter, or a scheme with or without a token68. Only the text after the name distinguishes them.
_element = regex(
    rf"[ \t,]*+(?:(?P<name>{_NAME})[ \t]*+=[ \t]*+(?P<value>{_QUOTED}|{_NAME}){_END}"
    rf"|(?P<scheme>{_NAME})(?=[ \t,]|$)(?:[ ]++[A-Za-z0-9._~+/-]+=*{_END})?)"
).match


class Challenge(NamedTuple):
    """One way to authenticate."""

    scheme: str
    parameters: dict[str, str]  # by name in lower case, unquoted


def parse_challenges(values: Iterable[str]) -> list[Challenge]:
    """Return the challenges of all WWW-Authenticate or Proxy-Authenticate fields, up to a syntax error in each."""
    return [challenge for value in values for challenge in _parse_field(value)]


def _parse_field(value: str) -> list[Challenge]:
    challenges: list[Challenge] = []
    position = 0
    while (element := _element(value, position)) is not None:
        position = element.end()
        if element["scheme"]:
            challenges.append(Challenge(element["scheme"].lower(), {}))
        elif not challenges:
            break
        else:
            challenges[-1].parameters.setdefault(element["name"].lower(), _unquoted(element["value"]))
    return challenges


def _unquoted(value: str) -> str:
    return re.sub(r"\\(.)", r"\1", value[1:-1]) if value.startswith('"') else value


def quoted(value: str) -> str:
    """Return text as a quoted string (RFC 9110 section 5.6.4)."""
    return '"' + value.replace("\\", r"\\").replace('"', r"\"") + '"'
