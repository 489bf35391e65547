"""The check of the paths that callers give."""

import os
from pathlib import Path

from ..errors import InvalidRequest


def checked_path(path: str | os.PathLike[str], file: str = "a download") -> Path:
    """Check the type and the characters of a caller's path, without disk access; return it as a ``Path``."""
    if not isinstance(path, (str, os.PathLike)) or not isinstance(os.fspath(path), str):
        raise InvalidRequest(f"The path of {file} must be a str or a Path, not {type(path).__name__}")
    if "\0" in os.fspath(path):
        raise InvalidRequest(f"The path of {file} contains a NUL character")
    try:
        os.fsencode(path)
    except UnicodeEncodeError as error:
        raise InvalidRequest(f"The path of {file} cannot be encoded for the file system") from error
    return path if isinstance(path, Path) else Path(path)


def checked_file_path(path: str | os.PathLike[str]) -> Path:
    """Check the path of a download like :func:`checked_path`, and that it does not end as the path of a folder does."""
    checked = checked_path(path)
    if os.fspath(path).endswith((os.sep, os.altsep or os.sep)):  # ``Path`` removes the separator
        raise InvalidRequest(f"The path {os.fspath(path)} of a download is a folder: add the name of the file")
    return checked
