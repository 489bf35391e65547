"""What the page about security calls proven is: every test that it names exists, and it names every test of attacks."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "explanation" / "security.md").read_text("utf-8")
NAMED = re.findall(r"`(tests/[\w/]+\.py)::([\w:]+)`", PAGE)


def _names_in(body: list[ast.stmt], prefix: str = "") -> Iterator[str]:
    for each in body:
        if isinstance(each, ast.ClassDef):
            yield from _names_in(each.body, f"{prefix}{each.name}::")
        elif isinstance(each, ast.FunctionDef) and each.name.startswith("test_"):
            yield prefix + each.name


def names_of(path: Path) -> set[str]:
    return set(_names_in(ast.parse(path.read_text("utf-8")).body))


@pytest.mark.parametrize(("path", "name"), NAMED, ids=lambda each: each.rpartition("/")[2])
def test_a_test_that_is_named_exists(path: str, name: str) -> None:
    assert name in names_of(ROOT / path)


def test_every_attack_is_named() -> None:
    attacks = {
        (str(path.relative_to(ROOT)), name)
        for path in (ROOT / "tests" / "attacks").glob("test_*.py")
        for name in names_of(path)
    }
    assert attacks <= set(NAMED)
