from dataclasses import replace

import pytest

from drift import database
from drift.declaration import Declaration, DeclaredContainer


@pytest.mark.parametrize(
    ("resources", "is_elsewhere"),
    [
        ((database.BOOTSTRAP,), True),
        ((database.SERVER, database.BOOTSTRAP), False),
        (("redis",), False),
    ],
)
def test_a_bootstrap_without_a_server_prepares_one_elsewhere(
    declared: DeclaredContainer, resources: tuple[str, ...], *, is_elsewhere: bool
) -> None:
    containers = tuple(replace(declared, resource=name) for name in resources)
    assert database.is_elsewhere(Declaration("ci", containers)) is is_elsewhere
