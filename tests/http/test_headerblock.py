"""Header blocks: the reported fault does not depend on the division of the bytes."""

from __future__ import annotations

import pytest

from httpconn.errors import HeaderTooLarge, ProtocolError
from httpconn.http.headerblock import FieldBlock, head_begins

STATUS, FIELD, END = b"HTTP/1.1 200 OK\r\n", b"A: x\r\n", b"\r\n"
MAX_FIELDS, MAX_BYTES = 3, 60
FAULTS = {
    "opening, fields": (b"T" + STATUS + FIELD * 4 + END, "not an HTTP/1 message"),
    "fields": (STATUS + FIELD * 4 + END, "too many"),
    "fields that end in LF": (STATUS + b"A: x\n" * 4 + b"\n", "too many"),
    "size": (STATUS + b"A: " + b"x" * MAX_BYTES + END, "too large"),
    "fields, size": (STATUS + FIELD * 4 + b"A: " + b"x" * MAX_BYTES + END, "too many"),
}


def fault(parts: list[bytes]) -> tuple[type[Exception], str]:
    block = FieldBlock(head_begins, MAX_FIELDS, MAX_BYTES)
    with pytest.raises((ProtocolError, HeaderTooLarge)) as caught:
        list(map(block.gather, parts))
    return caught.type, str(caught.value)


@pytest.mark.parametrize("name", FAULTS)
def test_the_first_fault_is_reported_for_any_division_of_the_bytes(name):
    raw, text = FAULTS[name]
    whole = fault([raw])
    assert text in whole[1]
    assert (whole[0] is HeaderTooLarge) == text.startswith("too")
    assert fault([raw[at : at + 1] for at in range(len(raw))]) == whole
    for at in range(1, len(raw)):
        assert fault([raw[:at], raw[at:]]) == whole
