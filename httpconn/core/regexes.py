"""Regular expressions that are compiled at their first use.

Compiling all of them takes 5 ms, and most calls need few of them.
"""

import re
from typing import AnyStr, cast

from .lazymodules import Lazy


def regex(pattern: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """Return a regular expression that is compiled at its first use. The arguments are those of ``re.compile``."""
    return cast("re.Pattern[AnyStr]", Lazy(re.compile, pattern, flags))
