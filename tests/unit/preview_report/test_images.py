import pytest

from infra.catalog import CATALOG
from preview_report.images import image_changes, program_version
from tests.unit.preview_report.conftest import MakeStep

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
DIGEST, OTHER_DIGEST = "sha256:" + "0123456789abcdef" * 4, "sha256:" + "fedcba9876543210" * 4
PUBLISHED = "registry.example.org/plinth/redis:8.0-0123456789ab"
OLD, NEW = "plinth/redis:8.0-0123456789ab", "plinth/redis:8.2-ba9876543210"


@pytest.mark.parametrize(
    ("reference", "version"),
    [
        (OLD, "plinth/redis:8.0"),
        ("redis:8.2.1@sha256:0123", "redis:8.2.1"),
        (f"{PUBLISHED}@{DIGEST}", "plinth/redis:8.0"),
        (f"redis:8.2.1@{DIGEST}", "redis:8.2.1"),
        ("registry.example:5000/redis:8.2.1", "registry.example:5000/redis:8.2.1"),
        ("example/app:1.0-0123456789ab", "example/app:1.0-0123456789ab"),
    ],
)
def test_a_version_is_told_from_a_content_hash(reference: str, version: str) -> None:
    assert program_version(reference) == version


def test_a_changed_image_is_told_from_tag_to_tag(container: MakeStep) -> None:
    step = container("replace", "redis", before={"image": OLD}, after={"image": NEW})
    assert [(each.before, each.after) for each in image_changes((step,))] == [(OLD, NEW)]


def test_a_changed_digest_is_told_by_its_first_digits(container: MakeStep) -> None:
    before, after = f"{PUBLISHED}@{DIGEST}", f"{PUBLISHED}@{OTHER_DIGEST}"
    step = container("replace", "redis", before={"image": before}, after={"image": after})
    assert [(each.before, each.after) for each in image_changes((step,))] == [
        (f"{PUBLISHED}@sha256:0123456789ab…", f"{PUBLISHED}@sha256:fedcba987654…")
    ]


@pytest.mark.parametrize("registry", ["r.example/p", f"{'long.' * 20}example/p"])
def test_a_long_registry_does_not_hide_what_changed(container: MakeStep, registry: str) -> None:
    before, after = (f"{registry}/redis:8@{digest}" for digest in (DIGEST, OTHER_DIGEST))
    step = container("replace", "redis", before={"image": before}, after={"image": after})
    assert image_changes((step,))[0].after.endswith("/redis:8@sha256:fedcba987654…")


def test_the_same_program_from_a_registry_is_no_other_version(container: MakeStep) -> None:
    after = f"{PUBLISHED}@{DIGEST}"
    step = container("replace", "redis", before={"image": OLD}, after={"image": after})
    assert not image_changes((step,))[0].is_other_version


def test_an_unchanged_image_is_not_told(container: MakeStep) -> None:
    step = container("replace", "redis", before={"image": OLD}, after={"image": OLD})
    assert image_changes((step,)) == ()


def test_a_new_components_image_is_no_change(container: MakeStep) -> None:
    assert image_changes((container("create", "redis", after={"image": OLD}),)) == ()


def test_the_catalogues_note_is_told(container: MakeStep) -> None:
    step = container("replace", "redis", before={"image": OLD}, after={"image": NEW})
    assert image_changes((step,))[0].note == CATALOG["redis"].note


def test_an_image_of_no_catalogue_has_no_note(container: MakeStep) -> None:
    step = container("replace", "other", before={"image": OLD}, after={"image": NEW})
    assert image_changes((step,))[0].note == ""


@pytest.mark.parametrize(
    ("component", "image", "programs"),
    [
        pytest.param("redis", NEW, ["Redis"], id="built"),
        pytest.param("redis", "redis:8.4.0@sha256:0123", ["redis"], id="pulled"),
        pytest.param("mongo", "plinth/ferretdb:3.0.0-0", ["FerretDB", "DocumentDB"], id="several"),
        pytest.param("auth", "plinth/auth:0.2.0-0", [], id="own"),
        pytest.param("other", NEW, [], id="of no catalogue"),
    ],
)
def test_release_notes_are_those_of_the_new_images_programs(
    container: MakeStep, component: str, image: str, programs: list[str]
) -> None:
    step = container("replace", component, before={"image": OLD}, after={"image": image})
    assert list(image_changes((step,))[0].release_notes) == programs


@pytest.mark.parametrize(
    ("resource_type", "name", "property_name"),
    [
        ("docker:index/image:Image", "redis-image", "imageName"),
        ("docker:index/remoteImage:RemoteImage", "redis-image", "name"),
    ],
    ids=["built", "pulled"],
)
def test_a_reference_that_is_not_known_yet_comes_from_the_image(
    container: MakeStep, step: MakeStep, resource_type: str, name: str, property_name: str
) -> None:
    running = container("replace", "redis", before={"image": OLD}, after={"image": UNKNOWN})
    image = step("create", resource_type, name, after={property_name: NEW})
    assert [each.after for each in image_changes((running, image))] == [NEW]


def test_a_published_image_is_found_by_its_own_name(container: MakeStep, step: MakeStep) -> None:
    running = container("replace", "gateway", before={"image": OLD}, after={"image": UNKNOWN})
    published = {"name": f"{PUBLISHED}@{DIGEST}"}
    pulled = step("create", "docker:index/remoteImage:RemoteImage", "envoy-image", after=published)
    assert image_changes((running, pulled))[0].after == f"{PUBLISHED}@sha256:0123456789ab…"
