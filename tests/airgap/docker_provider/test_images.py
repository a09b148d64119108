from pathlib import Path

import docker
import grpc
import pytest

from airgap.provider.values import UNKNOWN, Secret, Values
from tests.airgap.plugin import Plugin, State

pytestmark = pytest.mark.engine

IMAGE = "docker:index/image:Image"
REMOTE_IMAGE = "docker:index/remoteImage:RemoteImage"
TAG = "docker:index/tag:Tag"


@pytest.fixture
def context(tmp_path: Path, busybox: str) -> Path:
    (tmp_path / "Dockerfile").write_text(
        f"FROM {busybox}\nARG GREETING=none\nRUN echo built with $GREETING\nCOPY file /file\n"
    )
    (tmp_path / "file").write_text("1")
    return tmp_path


@pytest.fixture
def inputs(name: str, context: Path) -> Values:
    return {
        "build": {
            "args": {"GREETING": "hello"},
            "builderVersion": "BuilderV1",
            "context": str(context),
        },
        "buildOnPreview": False,
        "imageName": f"{name}:1",
        "skipPush": True,
    }


@pytest.fixture
def built(plugin: Plugin, inputs: Values) -> State:
    return plugin.create(IMAGE, inputs)


def test_a_built_image_is_on_the_engine(engine: docker.DockerClient, built: State) -> None:
    assert engine.images.get(built.id).id == built.outputs["repoDigest"]


def test_the_same_context_is_no_change(plugin: Plugin, built: State, inputs: Values) -> None:
    assert not plugin.diff(built, inputs).detailedDiff


def test_a_changed_file_shows_in_the_preview(
    plugin: Plugin, built: State, inputs: Values, context: Path
) -> None:
    (context / "file").write_text("2")
    assert list(plugin.diff(built, inputs).detailedDiff) == ["build.contextDigest"]


def test_a_changed_file_is_built_in(
    plugin: Plugin, built: State, inputs: Values, context: Path
) -> None:
    (context / "file").write_text("2")
    updated = plugin.update(built, inputs)
    assert updated.outputs["repoDigest"] != built.outputs["repoDigest"]


def test_an_image_of_the_same_recipe_is_not_built_again(
    plugin: Plugin, built: State, inputs: Values
) -> None:
    assert plugin.create(IMAGE, inputs).outputs["repoDigest"] == built.outputs["repoDigest"]


def test_an_image_of_another_recipe_is_built_again(
    plugin: Plugin, built: State, inputs: Values
) -> None:
    build = inputs["build"]
    assert isinstance(build, dict)
    other: Values = {**inputs, "build": {**build, "args": {"GREETING": "other"}}}
    assert plugin.create(IMAGE, other).outputs["repoDigest"] != built.outputs["repoDigest"]


def test_a_removed_image_is_reported_as_gone(
    plugin: Plugin, engine: docker.DockerClient, built: State
) -> None:
    engine.images.remove(built.id)
    assert plugin.refresh(built) is None


def test_an_image_that_is_there_is_no_change(plugin: Plugin, built: State) -> None:
    assert plugin.refresh(built) == built


def test_the_recorded_inputs_are_secret(built: State) -> None:
    assert isinstance(built.outputs["__inputs"], Secret)


def test_a_preview_does_not_know_the_digest(plugin: Plugin, inputs: Values) -> None:
    assert plugin.preview(IMAGE, inputs)["repoDigest"] is UNKNOWN


def test_a_failed_build_shows_its_last_lines(
    plugin: Plugin, inputs: Values, context: Path, busybox: str
) -> None:
    (context / "Dockerfile").write_text(f"FROM {busybox}\nRUN echo about to fail; false\n")
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create(IMAGE, inputs)
    assert "the build failed" in str(caught.value.details())
    assert "\n    about to fail" in str(caught.value.details())


def test_another_builder_is_refused(plugin: Plugin, inputs: Values) -> None:
    build = inputs["build"]
    assert isinstance(build, dict)
    other: Values = {**inputs, "build": {**build, "builderVersion": "BuilderBuildKit"}}
    assert "set BuilderV1" in plugin.failures(IMAGE, other)["build.builderVersion"]


def test_a_missing_dockerfile_is_named(plugin: Plugin, inputs: Values, context: Path) -> None:
    (context / "Dockerfile").unlink()
    with pytest.raises(grpc.RpcError, match=r"there is no file .*Dockerfile"):
        plugin.check(IMAGE, inputs)


def test_a_local_image_is_not_pulled(
    plugin: Plugin, engine: docker.DockerClient, busybox: str
) -> None:
    found = plugin.create(REMOTE_IMAGE, {"name": busybox, "keepLocally": True})
    assert found.outputs["imageId"] == engine.images.get(busybox).id


def test_a_kept_image_stays(plugin: Plugin, engine: docker.DockerClient, busybox: str) -> None:
    plugin.delete(plugin.create(REMOTE_IMAGE, {"name": busybox, "keepLocally": True}))
    assert engine.images.get(busybox)


def test_an_image_that_is_not_kept_is_removed(
    plugin: Plugin, engine: docker.DockerClient, busybox: str, name: str
) -> None:
    engine.images.get(busybox).tag(name, "1")
    plugin.delete(plugin.create(REMOTE_IMAGE, {"name": f"{name}:1"}))
    assert not engine.images.list(filters={"reference": name})


def test_a_pulled_image_is_no_change(plugin: Plugin, busybox: str) -> None:
    state = plugin.create(REMOTE_IMAGE, {"name": busybox, "keepLocally": True})
    assert plugin.refresh(state) == state


def test_an_image_that_is_nowhere_is_one_clear_line(plugin: Plugin) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create(REMOTE_IMAGE, {"name": "127.0.0.1:1/plinth-test/absent:1"})
    assert str(caught.value.details()).startswith(
        "image 127.0.0.1:1/plinth-test/absent:1 is not on this engine and cannot be pulled: "
        "registry 127.0.0.1:1 does not answer"
    )


@pytest.fixture
def tagged(plugin: Plugin, busybox: str, name: str) -> State:
    return plugin.create(TAG, {"sourceImage": busybox, "targetImage": f"{name}:again"})


@pytest.mark.usefixtures("tagged")
def test_a_tag_names_the_same_image(engine: docker.DockerClient, busybox: str, name: str) -> None:
    assert engine.images.get(f"{name}:again").id == engine.images.get(busybox).id


def test_a_tag_is_no_change(plugin: Plugin, tagged: State) -> None:
    assert plugin.refresh(tagged) == tagged


def test_a_removed_tag_is_reported_as_gone(
    plugin: Plugin, engine: docker.DockerClient, tagged: State, name: str
) -> None:
    engine.images.remove(f"{name}:again")
    assert plugin.refresh(tagged) is None
