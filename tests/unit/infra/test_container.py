from typing import Any

import pytest

from infra.container import (
    ContainerSpec,
    DataVolume,
    OneShotFailedError,
    PublishedPort,
    _files_digest,
    require_success,
)
from infra.watch import Metrics


def test_the_digest_follows_the_content() -> None:
    assert _files_digest({"a": "1"}) != _files_digest({"a": "2"})


def test_the_digest_ignores_the_order_of_files() -> None:
    assert _files_digest({"a": "1", "b": "2"}) == _files_digest({"b": "2", "a": "1"})


def test_a_one_shot_that_failed_says_what_it_said_last() -> None:
    log = "\n".join(f"line {number}" for number in range(40))
    with pytest.raises(OneShotFailedError, match=r"job ended with exit code 3.*") as raised:
        require_success("job", 3, log)
    assert "  line 39" in str(raised.value)


def test_a_long_log_is_cut_to_its_end() -> None:
    log = "\n".join(f"line {number}" for number in range(40))
    with pytest.raises(OneShotFailedError) as raised:
        require_success("job", 3, log)
    assert "line 20\n" not in str(raised.value)


@pytest.mark.parametrize(
    "claims",
    [
        {"volumes": (DataVolume("data", "/data"),)},
        {"ports": (PublishedPort(80, 8080),)},
        {"one_shot": True},
    ],
    ids=["a volume", "a port of the host", "work that is done once"],
)
def test_what_can_be_had_once_cannot_overlap(claims: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"shop: .* cannot overlap"):
        ContainerSpec(
            component="shop",
            image="plinth/shop:1",
            user="1000:1000",
            memory_mebibytes=64,
            networks=("backend",),
            watch=Metrics(80),
            overlaps=True,
            **claims,
        )


def test_what_stays_up_says_how_it_is_watched() -> None:
    message = "shop: does not say how it is watched; give its specification a `watch`: [^\\n]*$"
    with pytest.raises(ValueError, match=message):
        ContainerSpec(
            component="shop",
            image="plinth/shop:1",
            user="1000:1000",
            memory_mebibytes=64,
            networks=("backend",),
        )
