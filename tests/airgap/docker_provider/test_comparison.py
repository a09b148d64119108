import pytest

from airgap.docker_provider.comparison import canonical
from airgap.provider.values import UNKNOWN, Value


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("envs", ["A=1", "B=2"], ["B=2", "A=1"]),
        (
            "labels",
            [{"label": "a", "value": "1", "__defaults": []}],
            [{"value": "1", "label": "a"}],
        ),
        ("volumes", [{"volumeName": "v", "readOnly": False}], [{"volumeName": "v"}]),
        ("networksAdvanced", [{"aliases": ["a", "b"]}], [{"aliases": ["b", "a"]}]),
        ("capabilities", {"drops": ["NET_RAW"]}, {"drops": ["CAP_NET_RAW"]}),
        ("memory", 0, None),
        ("logOpts", {}, None),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_equal_meanings_are_equal(key: str, one: Value, other: Value) -> None:
    assert canonical(key, one) == canonical(key, other)


@pytest.mark.parametrize(
    ("key", "one", "other"),
    [
        ("command", ["a", "b"], ["b", "a"]),
        ("entrypoints", ["a", "b"], ["b", "a"]),
        ("healthcheck", {"tests": ["CMD", "a"]}, {"tests": ["a", "CMD"]}),
        ("envs", ["A=1"], [UNKNOWN]),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_different_meanings_differ(key: str, one: Value, other: Value) -> None:
    assert canonical(key, one) != canonical(key, other)
