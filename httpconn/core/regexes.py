"""Regular expressions that are compiled at their first use.

Compiling all of them takes 5 ms, and most calls need few of them.
"""

import re
from typing import Any, AnyStr, cast


class _Regex:
    """A regular expression with the methods of ``re.Pattern``."""

    def __init__(self, *arguments: Any) -> None:
        self._arguments = arguments

    def __getattr__(self, name: str) -> Any:
        """Return a method of the compiled expression. Later uses find it as an attribute."""
        method = getattr(re.compile(*self._arguments), name)
        setattr(self, name, method)
        return method


def regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a regular expression that is compiled at its first use. The arguments are those of ``re.compile``."""
    return cast("re.Pattern[AnyStr]", _Regex(pattern, flags))
