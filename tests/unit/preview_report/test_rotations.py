from preview_report.rotations import rotations
from tests.unit.preview_report.conftest import PASSWORD, MakeStep


def test_a_counted_up_generation_is_a_rotation(step: MakeStep) -> None:
    found = rotations(
        [
            step("create", PASSWORD, "password-redis-2"),
            step("delete", PASSWORD, "password-redis-1"),
        ]
    )
    assert [(each.secret, each.before, each.after) for each in found] == [
        ("password-redis", (1,), (2,))
    ]


def test_a_previous_generation_may_stay(step: MakeStep) -> None:
    found = rotations(
        [step("create", PASSWORD, "seed-keys-2"), step("same", PASSWORD, "seed-keys-1")]
    )
    assert [(each.before, each.after) for each in found] == [((1,), (1, 2))]


def test_what_keys_are_derived_from_is_told_in_words(step: MakeStep) -> None:
    found = rotations([step("create", PASSWORD, "seed-keys-2")])
    assert found[0].meaning == "signing key and API keys"


def test_a_replaced_secret_keeps_its_generation(step: MakeStep) -> None:
    found = rotations([step("replace", PASSWORD, "password-redis-1")])
    assert [(each.before, each.after, each.regenerated) for each in found] == [((1,), (1,), True)]


def test_an_unchanged_secret_is_not_told(step: MakeStep) -> None:
    assert rotations([step("same", PASSWORD, "password-redis-1")]) == ()


def test_a_secret_without_a_generation_is_told_by_its_name(step: MakeStep) -> None:
    found = rotations([step("replace", PASSWORD, "webhook")])
    assert found[0].secret == "webhook"
