import base64
import json
import re
import uuid
from typing import Any

import bcrypt
import grpc
import pytest

from airgap.provider.values import UNKNOWN, Secret, Values
from airgap.random_provider.resources import RESOURCES, token
from tests.airgap.random_provider.client import Client, plain

INPUTS: dict[str, Values] = {
    "RandomBytes": {"length": 32},
    "RandomId": {"byteLength": 8, "prefix": "k-"},
    "RandomInteger": {"min": 1, "max": 9},
    "RandomPassword": {"length": 32, "special": False},
    "RandomPet": {},
    "RandomShuffle": {"inputs": ["a", "b", "c"]},
    "RandomString": {
        "keepers": {"generation": "1"},
        "length": 12,
        "special": False,
        "upper": False,
    },
    "RandomUuid": {},
    "RandomUuid4": {},
    "RandomUuid7": {},
}

CHANGES = [
    ("RandomBytes", "length", 33),
    ("RandomId", "byteLength", 9),
    ("RandomId", "prefix", "other-"),
    ("RandomInteger", "min", 2),
    ("RandomInteger", "max", 8),
    ("RandomInteger", "seed", "seed"),
    ("RandomPassword", "length", 33),
    ("RandomPassword", "special", True),
    ("RandomPassword", "lower", False),
    ("RandomPassword", "upper", False),
    ("RandomPassword", "numeric", False),
    ("RandomPassword", "number", False),
    ("RandomPassword", "minLower", 1),
    ("RandomPassword", "minUpper", 1),
    ("RandomPassword", "minNumeric", 1),
    ("RandomPassword", "minSpecial", 1),
    ("RandomPassword", "overrideSpecial", "_"),
    ("RandomPet", "length", 3),
    ("RandomPet", "prefix", "the"),
    ("RandomPet", "separator", "_"),
    ("RandomShuffle", "inputs", ["a", "b"]),
    ("RandomShuffle", "resultCount", 2),
    ("RandomShuffle", "seed", "seed"),
    *((name, "keepers", {"generation": "2"}) for name in INPUTS),
]


@pytest.mark.parametrize("name", INPUTS)
def test_takes_the_inputs_of_the_official_provider(name: str, contract: dict[str, Any]) -> None:
    assert set(RESOURCES[name].properties) == set(contract[token(name)]["inputs"])


@pytest.mark.parametrize("name", INPUTS)
def test_requires_the_inputs_that_the_official_provider_requires(
    name: str, contract: dict[str, Any]
) -> None:
    inputs = contract[token(name)]["inputs"]
    required = {key for key, kind in inputs.items() if kind.endswith("required")}

    assert {key for key, found in RESOURCES[name].properties.items() if found.required} == required


@pytest.mark.parametrize("name", INPUTS)
def test_gives_the_outputs_of_the_official_provider(
    name: str, client: Client, contract: dict[str, Any]
) -> None:
    _, outputs = client.create(name, INPUTS[name])

    assert set(contract[token(name)]["outputs"]) <= set(outputs)


@pytest.mark.parametrize("name", INPUTS)
def test_only_the_official_provider_s_secret_outputs_are_secret(
    name: str, client: Client, contract: dict[str, Any]
) -> None:
    _, outputs = client.create(name, INPUTS[name])
    secret = {key for key, kind in contract[token(name)]["outputs"].items() if "secret" in kind}

    assert {key for key, value in outputs.items() if isinstance(value, Secret)} == secret


@pytest.mark.parametrize(
    "name", sorted(set(INPUTS) - {"RandomShuffle", "RandomUuid4", "RandomUuid7"})
)
def test_state_has_the_properties_of_the_official_state(
    name: str, client: Client, official_state: dict[str, Any]
) -> None:
    official = official_state[name]
    inputs = official["inputs"] or {}
    _, outputs = client.create(name, inputs)
    generated = RESOURCES[name].computed_outputs
    expected = {key: value for key, value in official["outputs"].items() if key not in generated}

    assert {
        key: value
        for key, value in outputs.items()
        if key not in generated and not key.startswith("__")
    } == expected
    assert generated <= set(official["outputs"])


@pytest.mark.parametrize(
    "name", sorted(set(INPUTS) - {"RandomShuffle", "RandomUuid4", "RandomUuid7"})
)
def test_a_stack_of_the_official_provider_shows_no_change(
    name: str, client: Client, official_state: dict[str, Any]
) -> None:
    official = official_state[name]
    outputs = {
        key: json.loads(value["plaintext"])
        if isinstance(value, dict) and "plaintext" in value
        else value
        for key, value in official["outputs"].items()
    }

    assert not client.diff(name, outputs, official["inputs"] or {}).detailedDiff


@pytest.mark.parametrize("name", INPUTS)
def test_check_keeps_the_inputs_as_they_are(name: str, client: Client) -> None:
    assert client.checked(name, INPUTS[name]) == INPUTS[name]


@pytest.mark.parametrize("name", INPUTS)
def test_same_inputs_are_no_change(name: str, client: Client) -> None:
    _, outputs = client.create(name, INPUTS[name])

    assert not client.diff(name, outputs, INPUTS[name]).detailedDiff


@pytest.mark.parametrize(("name", "changed", "value"), CHANGES)
def test_a_changed_input_replaces(name: str, changed: str, value: Any, client: Client) -> None:
    _, outputs = client.create(name, INPUTS[name])
    difference = client.diff(name, outputs, {**INPUTS[name], changed: value})

    assert changed in difference.replaces


@pytest.mark.parametrize(
    ("name", "same"),
    [
        ("RandomPassword", {"lower": True}),
        ("RandomPassword", {"minLower": 0}),
        ("RandomPassword", {"numeric": True}),
        ("RandomPassword", {"overrideSpecial": ""}),
        ("RandomPet", {"separator": "-"}),
        ("RandomUuid", {"keepers": {}}),
        ("RandomUuid", {"keepers": {"absent": None}}),
    ],
)
def test_a_default_that_is_written_out_is_no_change(
    name: str, same: Values, client: Client
) -> None:
    _, outputs = client.create(name, INPUTS[name])

    assert not client.diff(name, outputs, {**INPUTS[name], **same}).detailedDiff


@pytest.mark.parametrize("name", INPUTS)
def test_refresh_returns_the_state_unchanged(name: str, client: Client) -> None:
    identifier, outputs = client.create(name, INPUTS[name])

    assert client.read(name, identifier, outputs)[:2] == (identifier, outputs)


@pytest.mark.parametrize("name", INPUTS)
def test_preview_marks_what_is_generated_as_unknown(name: str, client: Client) -> None:
    _, outputs = client.create(name, INPUTS[name], preview=True)

    assert {key for key, value in plain(outputs).items() if value is UNKNOWN} == set(
        RESOURCES[name].computed_outputs
    )


@pytest.mark.parametrize("name", ["RandomPassword", "RandomBytes"])
def test_preview_marks_secret_outputs_as_secret(name: str, client: Client) -> None:
    _, outputs = client.create(name, INPUTS[name], preview=True)

    assert RESOURCES[name].secret_outputs == {
        key for key, value in outputs.items() if isinstance(value, Secret)
    }


@pytest.mark.parametrize("name", INPUTS)
def test_an_unknown_keeper_replaces_at_preview(name: str, client: Client) -> None:
    _, outputs = client.create(name, INPUTS[name])
    difference = client.diff(name, outputs, {**INPUTS[name], "keepers": {"made": UNKNOWN}})

    assert "keepers" in difference.replaces


@pytest.mark.parametrize("name", INPUTS)
def test_unknown_inputs_pass_the_check(name: str, client: Client) -> None:
    assert client.check(name, dict.fromkeys(RESOURCES[name].properties, UNKNOWN)) == []


@pytest.mark.parametrize("name", INPUTS)
def test_a_secret_keeper_stays_secret(name: str, client: Client) -> None:
    inputs: Values = {**INPUTS[name], "keepers": Secret({"password": "hidden"})}
    _, outputs = client.create(name, inputs)

    assert isinstance(outputs["keepers"], Secret)


@pytest.mark.parametrize("name", INPUTS)
def test_delete_has_nothing_to_do(name: str, client: Client) -> None:
    identifier, outputs = client.create(name, INPUTS[name])

    assert client.delete(name, identifier, outputs).ByteSize() == 0


@pytest.mark.parametrize(
    ("name", "inputs", "reason"),
    [
        ("RandomPassword", {}, "length is required"),
        ("RandomPassword", {"length": 0}, "length must be at least 1, but is 0"),
        ("RandomPassword", {"length": "long"}, "length must be an integer"),
        ("RandomPassword", {"length": 1.5}, "length must be an integer"),
        ("RandomPassword", {"length": 8, "lower": 7}, "lower must be true or false"),
        ("RandomPassword", {"length": 8, "minLower": -1}, "minLower must be at least 0, but is -1"),
        (
            "RandomPassword",
            {"length": 3, "minLower": 2, "minUpper": 2},
            "length (3) must be at least minUpper + minLower + minNumeric + minSpecial (4)",
        ),
        (
            "RandomString",
            {"length": 3, "lower": False, "upper": False, "numeric": False, "special": False},
            "one of lower, numeric, special and upper must be true",
        ),
        (
            "RandomString",
            {"length": 3, "number": False, "numeric": True},
            "number is the old name of numeric: give only numeric",
        ),
        ("RandomBytes", {"length": 0}, "length must be at least 1, but is 0"),
        ("RandomId", {"byteLength": 0}, "byteLength must be at least 1, but is 0"),
        ("RandomInteger", {"min": 3, "max": 1}, "min (3) must not be greater than max (1)"),
        ("RandomShuffle", {"inputs": "a"}, "inputs must be a list of strings"),
        ("RandomUuid", {"keepers": "a"}, "keepers must be a map of strings"),
        ("RandomUuid", {"keeper": {}}, "there is no input keeper; the inputs are keepers"),
    ],
)
def test_bad_input_is_one_clear_line(
    name: str, inputs: Values, reason: str, client: Client
) -> None:
    assert client.check(name, inputs) == [reason]


@pytest.mark.parametrize(
    ("name", "identifier", "inputs"),
    [
        ("RandomPassword", "correct-horse", {"length": 13}),
        ("RandomString", "abc123", {"length": 6}),
        ("RandomBytes", base64.b64encode(b"sixteen bytes...").decode(), {"length": 16}),
        ("RandomId", "lXNSA04cJRo", {"byteLength": 8}),
        ("RandomId", "a,b-,lXNSA04cJRo", {"byteLength": 8, "prefix": "a,b-"}),
        ("RandomInteger", "5,1,9", {"max": 9, "min": 1}),
        ("RandomInteger", "5,1,9,seed", {"max": 9, "min": 1, "seed": "seed"}),
        ("RandomUuid", "a50be2af-6bc5-57f5-0d9f-6b6a04cc743f", {}),
        ("RandomUuid4", "73b9b5bd-4b0f-4e0a-9d59-6e9f0b5a7e6d", {}),
        ("RandomUuid7", "0193510a-1c1c-7aaa-8bbb-0123456789ab", {}),
    ],
)
class TestImport:
    def test_gives_the_inputs_to_declare(
        self, name: str, identifier: str, inputs: Values, client: Client
    ) -> None:
        assert client.read(name, identifier)[2] == inputs

    def test_is_no_change_afterwards(
        self, name: str, identifier: str, inputs: Values, client: Client
    ) -> None:
        _, outputs, _ = client.read(name, identifier)

        assert not client.diff(name, outputs, inputs).detailedDiff

    def test_has_the_outputs_of_a_created_one(
        self, name: str, identifier: str, inputs: Values, client: Client
    ) -> None:
        _, outputs, _ = client.read(name, identifier)

        assert set(outputs) == set(client.create(name, inputs)[1])


def test_an_imported_password_is_secret(client: Client) -> None:
    assert client.read("RandomPassword", "correct-horse")[1]["result"] == Secret("correct-horse")


def test_an_imported_password_is_not_its_id(client: Client) -> None:
    assert client.read("RandomPassword", "correct-horse")[0] == "none"


def test_an_imported_id_has_every_notation_of_the_official_provider(
    client: Client, official_state: dict[str, Any]
) -> None:
    outputs = official_state["RandomId"]["outputs"]

    assert client.read("RandomId", f"k-,{outputs['id']}")[1] == outputs


@pytest.mark.parametrize(
    ("name", "identifier", "message"),
    [
        ("RandomPet", "decent-herring", "a RandomPet cannot be imported; create a new one"),
        ("RandomShuffle", "-", "a RandomShuffle cannot be imported; create a new one"),
        (
            "RandomBytes",
            "not base64!",
            "the id to import a RandomBytes by is the bytes in standard base64",
        ),
        (
            "RandomId",
            "not base64!",
            (
                "the id to import a RandomId by is its bytes in URL-safe base64 without padding, "
                "after '<prefix>,' if any"
            ),
        ),
        (
            "RandomInteger",
            "5",
            (
                "the id to import a RandomInteger by is <result>,<min>,<max> or "
                "<result>,<min>,<max>,<seed>"
            ),
        ),
        ("RandomUuid", "5", "the id to import a RandomUuid by is the UUID"),
    ],
)
def test_a_wrong_import_is_one_clear_line(
    name: str, identifier: str, message: str, client: Client
) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        client.read(name, identifier)

    assert raised.value.details() == message


@pytest.mark.parametrize("name", ["RandomPassword", "RandomString"])
@pytest.mark.parametrize(
    ("inputs", "pattern"),
    [
        ({"length": 40, "special": False}, r"[A-Za-z0-9]{40}"),
        ({"length": 5, "special": False, "upper": False, "numeric": False}, r"[a-z]{5}"),
        ({"length": 5, "special": False, "upper": False, "number": False}, r"[a-z]{5}"),
        ({"length": 4, "minSpecial": 4, "overrideSpecial": "_~"}, r"[_~]{4}"),
        ({"length": 4, "minNumeric": 4}, r"[0-9]{4}"),
        ({"length": "6", "special": "false"}, r"[A-Za-z0-9]{6}"),
    ],
)
def test_characters_are_those_that_were_asked_for(
    name: str, inputs: Values, pattern: str, client: Client
) -> None:
    _, outputs = client.create(name, inputs)

    assert re.fullmatch(pattern, str(plain(outputs)["result"]))


@pytest.mark.parametrize("length", [16, 100])
def test_bcrypt_hash_is_of_the_password(length: int, client: Client) -> None:
    outputs = plain(client.create("RandomPassword", {"length": length})[1])
    password = str(outputs["result"]).encode()[:72]

    assert bcrypt.checkpw(password, str(outputs["bcryptHash"]).encode())


def test_bcrypt_hash_has_prefix_and_cost_of_the_official_provider(client: Client) -> None:
    outputs = plain(client.create("RandomPassword", {"length": 16})[1])

    assert str(outputs["bcryptHash"]).startswith("$2a$10$")


def test_integer_reaches_both_ends(client: Client) -> None:
    results = {
        client.create("RandomInteger", {"min": -1, "max": 1})[1]["result"] for _ in range(100)
    }

    assert results == {-1, 0, 1}


@pytest.mark.parametrize(
    ("name", "inputs", "output"),
    [
        ("RandomInteger", {"min": 0, "max": 10**9, "seed": "one"}, "result"),
        ("RandomShuffle", {"inputs": list("abcdefghijkl"), "seed": "one"}, "results"),
    ],
)
class TestSeed:
    def test_fixes_the_result(self, name: str, inputs: Values, output: str, client: Client) -> None:
        first, second = (client.create(name, inputs)[1][output] for _ in range(2))

        assert first == second

    def test_another_one_gives_another_result(
        self, name: str, inputs: Values, output: str, client: Client
    ) -> None:
        first = client.create(name, inputs)[1][output]

        assert client.create(name, {**inputs, "seed": "two"})[1][output] != first


@pytest.mark.parametrize(
    ("count", "length"), [(None, 3), (0, 3), (2, 2), (7, 7)], ids=["all", "zero", "fewer", "more"]
)
def test_shuffle_gives_as_many_results_as_asked(
    count: int | None, length: int, client: Client
) -> None:
    _, outputs = client.create("RandomShuffle", {"inputs": ["a", "b", "c"], "resultCount": count})
    results = outputs["results"]

    assert isinstance(results, list)
    assert len(results) == length


def test_shuffle_of_nothing_is_empty(client: Client) -> None:
    assert client.create("RandomShuffle", {"inputs": []})[1]["results"] == []


@pytest.mark.parametrize(
    ("inputs", "pattern"),
    [
        ({}, r"[a-z]+-[a-z]+"),
        ({"length": 1}, r"[a-z]+"),
        ({"length": 4, "separator": "_"}, r"[a-z]+(_[a-z]+){3}"),
        ({"prefix": "the", "length": 1}, r"the-[a-z]+"),
    ],
)
def test_pet_has_words_prefix_and_separator(inputs: Values, pattern: str, client: Client) -> None:
    assert re.fullmatch(pattern, client.create("RandomPet", inputs)[0])


@pytest.mark.parametrize(("name", "version"), [("RandomUuid4", 4), ("RandomUuid7", 7)])
def test_uuid_has_its_version(name: str, version: int, client: Client) -> None:
    assert uuid.UUID(client.create(name, {})[0]).version == version


@pytest.mark.parametrize(
    "name", sorted(set(INPUTS) - {"RandomInteger", "RandomPet", "RandomShuffle"})
)
def test_two_of_the_same_inputs_differ(name: str, client: Client) -> None:
    assert client.create(name, INPUTS[name])[1] != client.create(name, INPUTS[name])[1]


def test_a_resource_of_another_package_is_refused_by_name(client: Client) -> None:
    with pytest.raises(grpc.RpcError) as raised:
        client.create("RandomNothing", {})

    assert "random:index/randomNothing:RandomNothing" in str(raised.value.details())
