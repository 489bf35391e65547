"""Manifests in all their formats; unsafe or wrong ones are errors that name the line."""

from __future__ import annotations

import json
import os
from types import SimpleNamespace
from typing import Any

import httpx
import pytest

from httpconn import InvalidRequest, Item, Manifest, StorageError
from httpconn.core import manifests

SHA256, SHA512, BASE = "a" * 64, "b" * 128, "https://example.com/files"


def parse(*lines: str, name: str = "SHA256SUMS", base_url: str | None = BASE) -> list[tuple[object, ...]]:
    manifest = Manifest.parse("\n".join(lines), base_url=base_url, name=name)
    return [(item.path, item.digest) for item in manifest]


def problem(*lines: str, name: str = "SHA256SUMS") -> str:
    with pytest.raises(InvalidRequest) as raised:
        parse(*lines, name=name)
    return raised.value.message


@pytest.mark.parametrize(
    ("line", "path", "digest"),
    [
        (f"{SHA256}  a.bin", "a.bin", f"sha256:{SHA256}"),
        (f"{SHA256.upper()} *a.bin\r", "a.bin", f"sha256:{SHA256}"),
        (f"{SHA256}\ta.bin", "a.bin", f"sha256:{SHA256}"),
        (f"  {SHA256}  ./one//two/./a b.bin", "one/two/a b.bin", f"sha256:{SHA256}"),
        (f"\ufeff{SHA256}  a.bin", "a.bin", f"sha256:{SHA256}"),
        (f"{'c' * 40}  a.bin", "a.bin", f"sha1:{'c' * 40}"),
        (f"{'c' * 32}  a.bin", "a.bin", f"md5:{'c' * 32}"),
        (f"{'c' * 96}  a.bin", "a.bin", f"sha384:{'c' * 96}"),
        (f"{SHA512}  a.bin", "a.bin", f"sha512:{SHA512}"),
        (f"SHA256 (a (1).bin) = {SHA256}", "a (1).bin", f"sha256:{SHA256}"),
        (f"SHA2-512(a.bin)= {SHA512}", "a.bin", f"sha512:{SHA512}"),
        (f"BLAKE2b (a.bin) = {SHA512}", "a.bin", f"blake2b:{SHA512}"),
        (f"\\{SHA256}  a\\\\b.bin", "a\\b.bin", f"sha256:{SHA256}"),
        (f"{SHA256}  größe.bin", "größe.bin", f"sha256:{SHA256}"),
    ],
)
def test_checksum_lists_of_all_programs_are_read(line: str, path: str, digest: str) -> None:
    assert parse("# a comment", "", line, "") == [(path, digest)]


@pytest.mark.parametrize(
    ("name", "algorithm"),
    [("B2SUMS", "blake2b"), ("models.b2", "blake2b"), ("dir-b2/SHA512SUMS", "sha512"), ("sums.txt", "sha512")],
)
def test_the_name_of_a_list_selects_blake(name: str, algorithm: str) -> None:
    assert parse(f"{SHA512}  a", name=name) == [("a", f"{algorithm}:{SHA512}")]


def test_a_list_in_utf_16_is_read() -> None:
    assert Manifest.parse(f"{SHA256}  ä\r\n".encode("utf-16"))[0].path == "ä"


def test_names_are_joined_with_the_base_url() -> None:
    item = Manifest.parse(f"{SHA256}  one two/ü?.bin", base_url=f"{BASE}?signature=1")[0]
    assert item.url == "https://example.com/files/one%20two/%C3%BC%3F.bin?signature=1"


def test_json_lines_are_read() -> None:
    full = {"url": "https://example.com/a?x=1", "path": "b/c", "digest": f"sha256:{SHA256}", "size": 3}
    full |= {"headers": {"X-Key": "1"}, "mirrors": ["https://example.org/a"]}
    lines = [full, {"url": "d%20e?x=1", "sha256": SHA256, "md5": "c" * 32, "title": "more"}, {"path": "f"}]
    manifest = Manifest.parse("\n".join(map(json.dumps, lines)), base_url=BASE)
    assert list(manifest) == [
        Item(full["url"], "b/c", f"sha256:{SHA256}", 3, {"X-Key": "1"}, ("https://example.org/a",)),
        Item(f"{BASE}/d%20e?x=1", "d e", f"sha256:{SHA256}"),
        Item(f"{BASE}/f", "f"),
    ]


@pytest.mark.parametrize("indent", [None, 2])
def test_the_index_of_a_model_is_read(indent: int | None) -> None:
    index = {"metadata": {"total_size": 7}, "weight_map": {"a": "m-1.bin", "b": "m-2.bin", "c": "m-1.bin"}}
    manifest = Manifest.parse(json.dumps(index, indent=indent), base_url=BASE)
    assert [item.path for item in manifest] == ["m-1.bin", "m-2.bin"]


@pytest.mark.parametrize(
    "path",
    [
        "../a",
        "a/../../b",
        "..\\a",
        "a/..\\..\\b",
        "..",
        ".. /a",
        "/a",
        "//host/a",
        "\\a",
        "\\\\host\\share\\a",
        "C:\\a",
        "C:a",
        "c:/a",
        "a\0b",
        "a\x1bb",
        "a\x7fb",
        "a\u2028b",
        "CON",
        "nul.txt",
        "a/com1",
        "lpt¹.log",
        "a/",
        ".",
        "./",
        "a.",
        "a /b",
        ".httpconn-files.json",
        "x/.a.0123456789abcdef.httpconn-part",
        "x" * 256,
    ],
)
def test_unsafe_paths_are_errors_with_their_line(path: str) -> None:
    assert problem(f"{SHA256}  good", f"{SHA256}  {path}").startswith("SHA256SUMS line 2: the path ")
    with pytest.raises(InvalidRequest, match="manifest item 1: the path "):
        Manifest([Item("https://example.com/a", path)])


@pytest.mark.parametrize(
    ("one", "other"),
    [("a", "a"), ("a/b", "A/b"), ("é", "e\u0301"), ("a", "A"), ("a", "a/b"), ("a/b", "a"), ("./a", "a")],
)
def test_colliding_paths_are_errors(one: str, other: str) -> None:
    assert problem(f"{SHA256}  {one}", "", f"{SHA256}  {other}").startswith("SHA256SUMS line 3: ")


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        f"{SHA256}",
        f"{'a' * 63}  a",
        f"SHA3-256 (a) = {SHA256}",
        f"SHA256 (a) = {'a' * 63}",
        "x" * 70_000,
        f"\\{SHA256}  a\\nb",
        f"{SHA256}  \udcff",
    ],
)
def test_wrong_lines_are_errors_with_their_number(line: str) -> None:
    assert problem("# a comment", line).startswith("SHA256SUMS line 2: ")


@pytest.mark.parametrize(
    "values",
    [
        "{",
        "{}",
        '{"url": 1}',
        '{"path": ["a"]}',
        '{"url": "ftp://example.com/a"}',
        '{"url": "http://"}',
        '{"path": "a", "sha256": 1}',
        f'{{"path": "a", "sha3_256": "{SHA256}"}}',
        '{"path": "a", "digest": "sha256:a"}',
        '{"path": "a", "size": -1}',
        '{"path": "a", "size": "1"}',
        '{"path": "a", "size": true}',
        '{"path": "a", "headers": ["b"]}',
        '{"path": "a", "headers": {"b": "c\\nd"}}',
        '{"path": "a", "url": "http://[::1/a"}',
        '{"path": "a", "mirrors": "b"}',
        '{"path": "a", "mirrors": ["https://example.com/a"]}',
        '{"path": "\\ud800"}',
        "[" * 10_000,
    ],
)
def test_wrong_json_lines_are_errors_with_their_number(values: str) -> None:
    assert problem('{"path": "good"}', values, name="a.jsonl").startswith("a.jsonl line 2: ")


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ('{\n"weight_map": {\n"a": "../b"}}', 3),
        ('{\n"weight_map": {\n"a": }}', 3),
        ('{"weight_map": {"a": 1}}', 1),
        ('{\n"weight_map": ["a"]}', 1),
        ('{"path": "a"', 1),
        ('{"path": "a', 1),
        ('{"path": "a"\n{"path": "b"}\n', 1),
        ('{"weight_map": {\n"a": "b"\n', 2),
    ],
)
def test_wrong_indexes_are_errors_with_their_line(text: str, line: int) -> None:
    assert problem(text, name="index.json").startswith(f"index.json line {line}: ")


def test_names_written_with_escapes_take_no_search_each() -> None:
    names = [f"{number}é" for number in range(5000)]
    text = json.dumps(
        {"metadata": "x" * 10_000_000, "weight_map": dict(enumerate(names))}, indent=0, ensure_ascii=False
    )
    assert [item.path for item in Manifest.parse(text, base_url=BASE)] == names


@pytest.mark.parametrize("path", ["a\\b", "file.bin:stream", "folder/file.bin::$DATA"])
def test_paths_that_windows_reads_in_another_way(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    assert Manifest([Item(f"{BASE}/a", path)])[0].path == path
    monkeypatch.setattr(manifests, "os", SimpleNamespace(name="nt", fspath=os.fspath, PathLike=os.PathLike))
    with pytest.raises(InvalidRequest, match="a colon"):
        Manifest([Item(f"{BASE}/a", path)])


def test_too_many_lines_are_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifests, "MAX_FILES", 3)
    assert problem("#", "#", "#", f"{SHA256}  a", "").startswith("SHA256SUMS line 4: ")


def test_a_digest_of_an_unknown_length_is_an_error() -> None:
    assert problem("abc  a") == "SHA256SUMS line 1: no algorithm has digests of 3 hexadecimal digits"


def test_secret_header_fields_stay_out_of_errors_and_representations() -> None:
    item = Item("https://example.com/a", "../a", headers={"Authorization": "secret"})
    with pytest.raises(InvalidRequest) as raised:
        Manifest([item])
    assert "secret" not in repr(item) + str(raised.value)


@pytest.mark.parametrize("name", ["a.jsonl", "B2SUMS"])
def test_written_manifests_are_read_again(tmp_path, name: str) -> None:
    digests = (f"blake2b:{SHA512}", f"sha256:{SHA256}") if name == "a.jsonl" else (f"blake2b:{SHA512}",) * 2
    items = [Item(f"{BASE}/a", "a", digests[0]), Item(f"{BASE}/b%5Cc%20", "b\\c", digests[1])]
    Manifest(items).write(tmp_path / name)
    again = Manifest.read(tmp_path / name, base_url=BASE)
    assert [(item.path, item.digest) for item in again] == [(item.path, item.digest) for item in items]


def test_files_that_cannot_be_read_or_written_are_errors(tmp_path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        Manifest.read(tmp_path / "missing")
    with pytest.raises(InvalidRequest, match="has no digest"):
        Manifest([Item(BASE, "a")]).write(tmp_path / "SHA256SUMS")


@pytest.mark.parametrize(
    "values", [{"url": 7}, {"path": b"a"}, {"path": 7}, {"digest": 7}, {"mirrors": "a"}, {"size": 1.0}]
)
def test_items_of_wrong_types_are_errors(values: dict[str, object]) -> None:
    with pytest.raises(InvalidRequest, match="manifest item 1: "):
        Manifest([Item(**{"url": BASE, **values})])  # type: ignore[arg-type]


@pytest.mark.parametrize("value", [7, None, b"a", [], "a\0b", "\ud800"])
def test_arguments_of_wrong_types_are_errors(value: Any) -> None:
    calls = [lambda: Manifest.read(value), lambda: Manifest([Item(BASE, "a", f"sha256:{SHA256}")]).write(value)]
    if not isinstance(value, str):
        calls += [lambda: Manifest.parse(b"bad", name=value), lambda: Manifest([], name=value)]
    if value in (7, None):
        calls += [lambda: Manifest(value), lambda: Manifest.parse(value)]
    for call in calls:
        with pytest.raises(InvalidRequest, match="manifest"):
            call()


def test_urls_of_httpx_are_accepted() -> None:
    assert Manifest([Item(httpx.URL(f"{BASE}/a%20b?c"))])[0].path == "a b"
