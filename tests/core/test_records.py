"""Data classes behave as those of the standard library."""

from __future__ import annotations

import dataclasses
import inspect
import pickle
import typing

import pytest

from httpconn import Limits, Timeouts
from httpconn.core.records import dataclass


def classes(dataclass):
    """A base, a class with each kind of field, and a mutable class."""

    @dataclass(frozen=True, slots=True)
    class Base:
        first: int
        second: str = "2"

        def __post_init__(self):
            if self.first < 0:
                raise ValueError("negative")

    @dataclass(frozen=True, slots=True)
    class Full(Base):
        hidden: str = dataclasses.field(default="h", repr=False, compare=False)
        made: list[int] = dataclasses.field(default_factory=list, compare=False)
        _: dataclasses.KW_ONLY
        named: int
        optional: int = 5

    @dataclass(slots=True)
    class Mutable:
        value: int

    return Base, Full, Mutable


KINDS = [classes(dataclass), classes(dataclasses.dataclass)]


@pytest.fixture(params=KINDS, ids=["own", "standard"])
def kinds(request):
    return request.param


def test_values_compare_and_hash_by_their_fields(kinds):
    base, full, mutable = kinds
    assert base(1) == base(1, "2") != base(2)
    assert base(1) != mutable(1)
    assert {full(1, named=3): "x"}[full(1, hidden="other", made=[1], named=3)] == "x"
    assert mutable(1) == mutable(1)
    with pytest.raises(TypeError):
        hash(mutable(1))


def test_values_are_frozen(kinds):
    base, full, mutable = kinds
    for value in (base(1), full(1, named=2)):
        for change in (lambda v: setattr(v, "first", 3), lambda v: delattr(v, "first"), lambda v: setattr(v, "new", 3)):
            with pytest.raises(
                (dataclasses.FrozenInstanceError, TypeError)
            ):  # a slotted class of the library: TypeError
                change(value)
    changeable = mutable(1)
    changeable.value = 2
    assert changeable == mutable(2)


def test_a_plain_subclass_can_have_attributes():
    base = KINDS[0][0]  # the slotted classes of the library fail here before Python 3.12

    class Plain(base):
        pass

    value = Plain(1)
    value.more = 3
    del value.more
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.first = 3
    frozen = dataclasses.dataclass(frozen=True)(type("Frozen", (base,), {"__annotations__": {"x": "int"}, "x": 0}))
    assert frozen(1, "2", 3).x == 3


def test_the_functions_of_dataclasses_work(kinds):
    _, full, _ = kinds
    value = full(1, named=2)
    assert value.made is not full(1, named=2).made
    assert dataclasses.replace(value, first=7).first == 7
    assert dataclasses.asdict(value) == {
        "first": 1,
        "second": "2",
        "hidden": "h",
        "made": [],
        "named": 2,
        "optional": 5,
    }
    assert repr(value).endswith("Full(first=1, second='2', made=[], named=2, optional=5)")
    assert full.__match_args__ == ("first", "second", "hidden", "made")


def test_wrong_arguments_are_rejected(kinds):
    base, full, _ = kinds
    with pytest.raises(TypeError, match=r"Full\.__init__\(\) missing 1 required keyword-only argument: 'named'"):
        full(1)
    with pytest.raises(TypeError, match=r"Base\.__init__\(\) got an unexpected keyword argument 'third'"):
        base(1, third=3)
    with pytest.raises(ValueError, match="negative"):
        dataclasses.replace(base(1), first=-1)


def test_public_options_have_signatures_and_pickle():
    read = inspect.signature(Timeouts).parameters["read"]
    assert (read.default, "float" in str(read.annotation)) == (30.0, True)
    assert typing.get_type_hints(Timeouts.__init__)["read"] == float | None
    limits = Limits(max_bytes=3)
    assert pickle.loads(pickle.dumps(limits)) == limits
