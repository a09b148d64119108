import pytest

from airgap.provider.difference import Difference, Kind, PropertyDifference, compare
from airgap.provider.values import UNKNOWN, Values


def difference(old: Values, new: Values) -> Difference:
    return compare(old, new, replaces=lambda key: key == "name")


@pytest.mark.parametrize(
    ("old", "new", "path", "kind"),
    [
        ({}, {"size": 1}, "size", Kind.ADD),
        ({"size": 1}, {}, "size", Kind.DELETE),
        ({"size": 1}, {"size": 2}, "size", Kind.UPDATE),
        ({"size": 1}, {"size": UNKNOWN}, "size", Kind.UPDATE),
        ({"ports": [{"to": 1}]}, {"ports": [{"to": 2}]}, "ports[0].to", Kind.UPDATE),
        ({"ports": [1]}, {"ports": [1, 2]}, "ports[1]", Kind.ADD),
        ({"ports": [1, 2]}, {"ports": [1]}, "ports[1]", Kind.DELETE),
        ({"map": {"max-size": 1}}, {"map": {"max-size": 2}}, 'map["max-size"]', Kind.UPDATE),
    ],
)
def test_a_difference_is_named_by_its_path(old: Values, new: Values, path: str, kind: Kind) -> None:
    assert difference(old, new).properties == {path: PropertyDifference(kind, replaces=False)}


@pytest.mark.parametrize(
    ("old", "new"),
    [({"a": 1}, {"a": 1}), ({"a": None}, {}), ({"__defaults": []}, {"__defaults": ["a"]})],
)
def test_what_means_the_same_is_no_difference(old: Values, new: Values) -> None:
    assert difference(old, new).properties == {}


def test_a_replacing_property_is_named() -> None:
    assert difference({"name": "a", "size": 1}, {"name": "b", "size": 2}).replaces == ["name"]


def test_changed_properties_are_named_once() -> None:
    assert difference({"list": [1, 2]}, {"list": [3, 4]}).changed == ["list"]


def test_the_canonical_form_decides() -> None:
    found = compare(
        {"set": [1, 2]},
        {"set": [2, 1]},
        replaces=lambda _: True,
        canonical=lambda _, value: [*sorted(map(str, value))] if isinstance(value, list) else value,
    )
    assert found.properties == {}
