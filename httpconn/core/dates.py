"""HTTP dates (RFC 9110 section 5.6.7)."""

import re
from datetime import UTC
from email.utils import parsedate_to_datetime

from .regexes import regex

_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)"
_TIME = "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_HTTP_DATE = regex(
    rf"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun), [0-9]{{2}} {_MONTH} [0-9]{{4}} {_TIME} GMT"
    rf"|(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day, [0-9]{{2}}-{_MONTH}-[0-9]{{2}} {_TIME} GMT"
    rf"|(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun) {_MONTH} [ 0-9][0-9] {_TIME} [0-9]{{4}}",
    re.IGNORECASE,
)


def timestamp(value: str | None) -> float | None:
    """Return the time of a date in seconds since the epoch, or None if the text is not a date."""
    if value is None:
        return None
    try:
        moment = parsedate_to_datetime(value)
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def http_date(value: str | None) -> float | None:
    """Return the time of a date in one of HTTP's three forms, or None for any other text."""
    return timestamp(value) if value is not None and _HTTP_DATE.fullmatch(value) else None
