"""File names from servers: any name becomes a safe name."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from httpconn.core.filenames import NAME_BYTES, safe_name
from httpconn.core.urls import vet

URL = vet("https://example.com/folder/from%20url.txt?name=x")


def named(disposition: str | None, url: str = "https://example.com/") -> str:
    return safe_name(disposition, vet(url))


@pytest.mark.parametrize(
    ("disposition", "name"),
    [
        ("attachment; filename=plain.txt", "plain.txt"),
        ('attachment; filename="with space.txt"', "with space.txt"),
        ('attachment;filename="a.txt"', "a.txt"),
        ('ATTACHMENT; FILENAME="a.txt"', "a.txt"),
        ('inline; filename="a\\"b.txt"', "a_b.txt"),
        ('attachment; filename="a;b.txt"', "a;b.txt"),
        ('attachment; x="filename=b"; filename=a.txt', "a.txt"),
        ("attachment; filename*=UTF-8''%e2%82%ac%20rates.txt", "€ rates.txt"),
        ("attachment; filename*=utf-8'en'%C3%A9.txt; filename=e.txt", "é.txt"),
        ("attachment; filename=e.txt; filename*=iso-8859-1''%E9.txt", "é.txt"),
        ("attachment; filename*=UTF-8''%ff.txt; filename=fallback.txt", "fallback.txt"),
        ("attachment; filename*=UTF-16''a.txt; filename=fallback.txt", "fallback.txt"),
        ("attachment; filename*=UTF-8''bad%zz; filename=fallback.txt", "fallback.txt"),
        ('attachment; filename="a.txt"; filename="b.txt"', "a.txt"),
        ("attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd", "passwd"),
        ('attachment; filename="../../etc/passwd"', "passwd"),
        ('attachment; filename="/etc/passwd"', "passwd"),
        ('attachment; filename="..\\\\..\\\\evil.exe"', "evil.exe"),
        ('attachment; filename="C:\\\\evil.exe"', "evil.exe"),
        ('attachment; filename="C:evil.exe"', "C_evil.exe"),
        ('attachment; filename="file.txt:stream"', "file.txt_stream"),
        ('attachment; filename="a\0b\r\n.txt"', "ab.txt"),
        ('attachment; filename="CON"', "_CON"),
        ('attachment; filename="nul.txt"', "_nul.txt"),
        ('attachment; filename="COM1 .log"', "_COM1 .log"),
        ("attachment; filename*=UTF-8''lpt%C2%B9.txt", "_lpt¹.txt"),
        ('attachment; filename="console.txt"', "console.txt"),
        ('attachment; filename="trailing. . ."', "trailing"),
        ('attachment; filename=".bashrc"', "bashrc"),
        ("attachment; filename*=UTF-8''evil%E2%80%AEtxt.exe", "eviltxt.exe"),
        ("attachment; filename*=UTF-8''cafe%CC%81", "café"),
        ('attachment; filename="report.pdf', "report.pdf"),
        ('attachment; filename="report.pdf; size=3', "report.pdf"),
        ("attachment; filename=annual report 2024.pdf ; size=3", "annual report 2024.pdf"),
        ("attachment; filename = spaced.txt", "spaced.txt"),
        ('attachment; name="a; filename=wrong.txt"; filename="right.txt"', "right.txt"),
        ('attachment; name="a\\"; filename=wrong.txt"; filename=right.txt', "right.txt"),
        ("attachment; xfilename=wrong.txt; filename=right.txt", "right.txt"),
        ("filename=bare.txt", "bare.txt"),
        ("attachment; filename=a.txt, attachment; filename=a.txt", "a.txt"),
        ("attachment; filename=caf%C3%A9%20menu.txt", "café menu.txt"),
        ('attachment; filename="50%.txt"', "50%.txt"),
        ('attachment; filename="%ff.txt"', "%ff.txt"),
        ('attachment; filename="..%2f..%2fetc%2fpasswd"', "passwd"),
        ('attachment; filename="=?UTF-8?B?Y2Fmw6kudHh0?="', "café.txt"),
        ('attachment; filename="=?utf-8?q?caf=C3=A9_menu?= =?utf-8?q?.txt?="', "café menu.txt"),
        ('attachment; filename="=?iso-8859-1?Q?caf=E9.txt?="', "café.txt"),
        ('attachment; filename="=?zip?B?AAAA?="', "=_zip_B_AAAA_="),
        ('attachment; filename="naïve.txt"', "naïve.txt"),
        ("attachment; filename*=\"UTF-8''quoted%20name.txt\"", "quoted name.txt"),
        ("attachment; filename*=UTF-8''my file.txt", "my file.txt"),
    ],
)
def test_the_name_of_content_disposition(disposition: str, name: str) -> None:
    assert named(disposition) == name


@pytest.mark.parametrize("disposition", [None, "", "attachment", "attachment; filename=", 'attachment; filename=".."'])
def test_without_a_valid_name_the_url_names_the_file(disposition: str | None) -> None:
    assert safe_name(disposition, URL) == "from url.txt"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://example.com/", "download"),
        ("https://example.com", "download"),
        ("https://example.com/a/", "download"),
        ("https://example.com/..%2f..%2fevil", "evil"),
        ("https://example.com/%2e%2e", "download"),
        ("https://example.com/%00", "download"),
        ("https://example.com/%ff", "\ufffd"),
    ],
)
def test_names_in_urls_are_made_safe_too(url: str, name: str) -> None:
    assert named(None, url) == name


@pytest.mark.parametrize(
    ("long", "end"), [("a" * 300 + ".txt", ".txt"), ("é" * 300 + ".tar", ".tar"), ("a." + "b" * 300, "b")]
)
def test_a_long_name_is_shortened_and_keeps_its_suffix(long: str, end: str) -> None:
    name = named(f'attachment; filename="{long}"')
    assert NAME_BYTES - 1 <= len(name.encode()) <= NAME_BYTES
    assert name.endswith(end)


@given(st.text())
def test_no_name_leads_out_of_the_folder(text: str) -> None:
    for disposition in (text, f'attachment; filename="{text}"', f"attachment; filename={text}"):
        name = named(disposition)
        assert name
        assert name not in (".", "..")
        assert os.path.basename(name) == name
        assert not set(name) & set('/\\\0:*?"<>|')
        assert len(os.fsencode(name)) <= NAME_BYTES
        assert name == name.strip(". ")
