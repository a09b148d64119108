from collections.abc import Callable
from typing import Any

import pytest

from preview_report.assessment import Risk, assess
from preview_report.configuration import Comparison, Setting
from preview_report.markdown import code, marker, prose, render
from preview_report.recording import Step, Violation
from tests.unit.preview_report.conftest import MakeStep, labels, preview

NOTHING = Comparison("main")
PLANTED = "hunter2-Q9xT7vL2mK4wZ8"

Report = Callable[..., str]


def report(*steps: Step, longest: int = 65_000, base: Comparison = NOTHING, **more: Any) -> str:
    """The report of a preview of these steps."""
    return render(assess("shop", preview(*steps, **more), base), longest)


@pytest.fixture
def large(container: MakeStep, volume: MakeStep) -> list[Step]:
    """A change that touches everything: 40 stores that lose their data, 400 components."""
    many = {"envs": [f"SETTING_{number}=value-{number}" for number in range(10)]}
    none = {"envs": [f"SETTING_{number}=other-{number}" for number in range(10)]}
    return [
        *(volume("delete", f"store-{number:02}") for number in range(40)),
        *(
            container("replace", f"service-{number:04}", before=many, after=none)
            for number in range(400)
        ),
    ]


def test_a_report_is_found_by_its_first_line() -> None:
    assert report().splitlines()[0] == marker("shop")


def test_data_comes_before_everything_else(volume: MakeStep) -> None:
    text = report(volume("delete", "redis"))
    titles = [line for line in text.splitlines() if line.startswith("###")]
    assert titles[0] == "### Data"


def test_a_loss_is_bold(volume: MakeStep) -> None:
    assert "- **DATA LOSS: `redis`" in report(volume("delete", "redis"))


def test_resources_are_counted(container: MakeStep, volume: MakeStep) -> None:
    text = report(container("replace", "rest"), volume("same", "redis"))
    assert "0 deleted, 1 replaced, 0 changed, 0 created, 1 unchanged" in text


def test_the_order_of_steps_does_not_matter(large: list[Step]) -> None:
    before = report(*large)
    assert report(*reversed(large)) == before


@pytest.mark.parametrize("longest", [65_000, 32_000, 16_000])
def test_a_large_change_fits(large: list[Step], longest: int) -> None:
    assert len(report(*large, longest=longest)) <= longest


def test_a_large_change_uses_the_room_there_is(large: list[Step]) -> None:
    assert len(report(*large)) > 50_000


@pytest.mark.parametrize("longest", [65_000, 16_000, 100])
def test_no_data_is_left_out(large: list[Step], longest: int) -> None:
    assert report(*large, longest=longest).count("DATA LOSS") == 40


def test_what_is_left_out_is_counted(large: list[Step]) -> None:
    text = report(*large)
    listed = text.count("- `service-")
    assert f"… and {400 - listed} more components, left out for length." in text


def test_a_failed_preview_says_so_with_its_error() -> None:
    text = report(error="plinth:gateway.prot: no such setting")
    assert "the preview failed" in text
    assert "> plinth:gateway.prot: no such setting" in text


def test_a_preview_without_a_state_says_so(container: MakeStep) -> None:
    found = assess("shop", preview(container("create", "rest")), NOTHING, from_nothing=True)
    assert "## Preview of stack `shop`: made without a state" in render(found)


def test_a_preview_without_a_state_may_fail_too(container: MakeStep) -> None:
    failed = preview(container("create", "rest"), error="no such setting")
    found = assess("shop", failed, NOTHING, from_nothing=True)
    assert "## Preview of stack `shop`: the preview failed" in render(found)


def test_a_violation_is_told_with_level_and_policy() -> None:
    broken = Violation(policy="image-version-given", level="mandatory", message="redis: no tag")
    text = report(violations=(broken,))
    assert "| **mandatory** | `image-version-given` | redis: no tag |" in text


def test_mandatory_violations_come_first() -> None:
    levels = [Violation(policy=level, level=level) for level in ("advisory", "mandatory")]
    text = report(violations=tuple(levels))
    assert text.index("`mandatory`") < text.index("`advisory`")


def test_a_setting_is_told_before_and_after() -> None:
    base = Comparison("main", (Setting("plinth:rest.max_rows", "1000", "50"),))
    assert "| `plinth:rest.max_rows` | `1000` | `50` |" in report(base=base)


def test_a_planted_secret_appears_nowhere(container: MakeStep, volume: MakeStep) -> None:
    hidden = {
        "envs": [f"PGPASSWORD={PLANTED}", f"DATABASE_URL=postgres://a:{PLANTED}@b/c"],
        "command": ["redis-server", "--requirepass", PLANTED],
        "uploads": [{"file": "/etc/redis.conf", "content": f"requirepass {PLANTED}\n"}],
        "labels": [*labels("redis"), {"label": "admin-password", "value": PLANTED}],
    }
    text = report(
        container("replace", "redis", after=hidden),
        container("update", "mongo", before=hidden),
        volume("same", "redis"),
        error=f"connecting failed: postgres://a:{PLANTED}@b/c",
        violations=(Violation(policy="p", level="mandatory", message=f"PASSWORD={PLANTED}"),),
        base=Comparison("main"),
    )
    assert PLANTED not in text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "`plain`"),
        ("a|b", "`a\\|b`"),
        ("a`b", "``a`b``"),
        ("`a", "`` `a ``"),
        ("two\nlines", "`two lines`"),
    ],
)
def test_code_cannot_be_left(text: str, expected: str) -> None:
    assert code(text) == expected


@pytest.mark.parametrize("text", ["<script>", "**bold**", "[a](b)", "a | b", "@everyone"])
def test_prose_is_no_markup(text: str) -> None:
    assert text not in prose(text)


@pytest.mark.parametrize(
    ("operation", "risk"), [("same", Risk.NONE), ("create", Risk.NONE), ("replace", Risk.RESTART)]
)
def test_a_restart_is_a_risk(container: MakeStep, operation: str, risk: Risk) -> None:
    assert assess("shop", preview(container(operation, "rest")), NOTHING).risk is risk


def test_data_is_the_highest_risk(container: MakeStep, volume: MakeStep) -> None:
    steps = (container("replace", "rest"), volume("delete", "redis"))
    assert assess("shop", preview(*steps), NOTHING).risk is Risk.DATA


def test_a_restarting_store_alone_is_no_risk_to_data(container: MakeStep, volume: MakeStep) -> None:
    steps = (container("replace", "redis"), volume("same", "redis"))
    assert assess("shop", preview(*steps), NOTHING).risk is Risk.RESTART


def test_a_failed_preview_is_no_risk_but_a_failure(volume: MakeStep) -> None:
    failed = preview(volume("delete", "redis"), error="protected")
    assert assess("shop", failed, NOTHING).risk is Risk.FAILED
