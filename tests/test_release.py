"""The files of a release name the same version."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import httpconn

ROOT = Path(__file__).parent.parent


def test_the_version_is_the_same_everywhere() -> None:
    newest = re.search(r"^## (\S+) \((\S+)\)$", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.M)
    citation = dict(re.findall(r"^(version|date-released): (\S+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.M))
    assert newest is not None
    assert newest.groups() == (citation["version"], citation["date-released"])
    assert httpconn.__version__ == citation["version"]
    assert date.fromisoformat(citation["date-released"])
