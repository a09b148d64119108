import pytest
from google.protobuf.struct_pb2 import Struct

from airgap.provider.values import (
    ASSET_SIGNATURE,
    OUTPUT_SIGNATURE,
    SIGNATURE_KEY,
    UNKNOWN,
    UNKNOWN_SENTINELS,
    Secret,
    UnsupportedValueError,
    Value,
    conceal,
    contains_secret,
    contains_unknown,
    decode,
    encode,
    redact,
    reveal,
    secret_strings,
)


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        0,
        1.5,
        "",
        "text",
        UNKNOWN,
        [],
        [1, [None, "x"]],
        {},
        {"nested": {"list": [UNKNOWN]}},
        Secret("hidden"),
        Secret([1, {"deep": Secret("hidden")}]),
    ],
    ids=repr,
)
def test_a_value_survives_the_wire(value: Value) -> None:
    assert decode(encode({"value": value})) == {"value": value}


def test_a_whole_number_is_an_int() -> None:
    assert isinstance(decode(encode({"number": 3}))["number"], int)


@pytest.mark.parametrize("sentinel", sorted(UNKNOWN_SENTINELS))
def test_every_sentinel_is_unknown(sentinel: str) -> None:
    assert decode(encode({"value": sentinel})) == {"value": UNKNOWN}


@pytest.mark.parametrize(
    ("output", "expected"),
    [
        ({"value": "x"}, "x"),
        ({"value": "x", "secret": True}, Secret("x")),
        ({}, UNKNOWN),
        ({"secret": True}, Secret(UNKNOWN)),
    ],
)
def test_an_output_value_is_unwrapped(output: dict[str, Value], expected: Value) -> None:
    wire = encode({"value": {SIGNATURE_KEY: OUTPUT_SIGNATURE, **output}})
    assert decode(wire) == {"value": expected}


def test_an_asset_is_refused() -> None:
    wire = encode({"value": {SIGNATURE_KEY: ASSET_SIGNATURE, "text": "x"}})
    with pytest.raises(UnsupportedValueError, match="assets"):
        decode(wire)


def test_an_empty_request_has_no_properties() -> None:
    assert decode(Struct()) == {}


def test_a_secret_does_not_print_its_value() -> None:
    assert "hidden" not in repr(Secret("hidden"))


def test_reveal_unwraps_at_any_depth() -> None:
    assert reveal(Secret([{"key": Secret("x")}])) == [{"key": "x"}]


def test_a_nested_secret_is_found() -> None:
    assert contains_secret([{"key": [Secret("x")]}])


def test_an_unknown_inside_a_secret_is_found() -> None:
    assert contains_unknown({"key": Secret([UNKNOWN])})


def test_conceal_marks_whole_properties() -> None:
    assert conceal({"a": [1], "b": 2}, frozenset({"a"})) == {"a": Secret([1]), "b": 2}


def test_the_value_of_a_secret_environment_entry_is_redacted_alone() -> None:
    secrets = secret_strings({"envs": Secret(["PASSWORD=correct-horse-battery"])})
    assert redact("bad password: correct-horse-battery", secrets) == "bad password: [secret]"
