"""Images of a real registry, pulled by digest: present, missing, and changed in the registry."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import docker
import grpc
import pytest
from docker.errors import ImageNotFound

from airgap.provider.values import Values
from tests.airgap.plugin import Plugin, State
from tests.registry.server import RegistryServer, serving

pytestmark = pytest.mark.engine

REMOTE_IMAGE = "docker:index/remoteImage:RemoteImage"
Create = Callable[[], State]
Tamper = Callable[[Path], None]
ABSENT = "sha256:" + "0123456789abcdef" * 4


@dataclass(frozen=True)
class Published:
    """An image that only the registry has."""

    repository: str
    digest: str
    image_id: str

    parts: Mapping[str, Path]
    """Where the registry keeps manifest, configuration and the image's own layer."""

    @property
    def reference(self) -> str:
        return f"{self.repository}:1@{self.digest}"


@pytest.fixture(scope="module")
def registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RegistryServer]:
    with serving(tmp_path_factory.mktemp("registry")) as server:
        yield server


@pytest.fixture
def published(
    engine: docker.DockerClient, registry: RegistryServer, busybox: str, name: str, tmp_path: Path
) -> Iterator[Published]:
    """An image with a layer of its own, pushed and removed from the engine."""
    repository = f"{registry.host}/{name}"
    (tmp_path / "Dockerfile").write_text(f"FROM {busybox}\nCOPY file /file\n")
    (tmp_path / "file").write_text(name * 1000)
    built, _ = engine.images.build(path=str(tmp_path), tag=f"{repository}:1", rm=True)
    events = engine.api.push(repository, "1", stream=True, decode=True)
    (digest,) = (event["aux"]["Digest"] for event in events if "aux" in event)
    engine.images.remove(str(built.id), force=True)
    yield Published(repository, digest, str(built.id), registry.parts(digest))
    for image in engine.images.list(filters={"reference": repository}):
        engine.images.remove(str(image.id), force=True)


@pytest.fixture
def inputs(published: Published) -> Values:
    return {"name": published.reference, "keepLocally": True}


@pytest.fixture
def create(plugin: Plugin, inputs: Values) -> Create:
    return lambda: plugin.create(REMOTE_IMAGE, inputs)


def change_last_byte(file: Path) -> None:
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def cut_in_half(file: Path) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: len(content) // 2])


def respell(file: Path) -> None:
    """Change JSON so that it reads the same."""
    file.write_bytes(file.read_bytes().replace(b'"size"', b'"Size"', 1))


def test_an_image_is_pulled_by_its_digest(
    plugin: Plugin, engine: docker.DockerClient, published: Published, inputs: Values
) -> None:
    plugin.create(REMOTE_IMAGE, inputs)
    assert engine.images.get(published.reference).id == published.image_id


def test_the_pulled_image_is_told(plugin: Plugin, published: Published, inputs: Values) -> None:
    outputs = plugin.create(REMOTE_IMAGE, inputs).outputs
    told = {name: outputs[name] for name in ("imageId", "repoDigest")}
    assert told == {
        "imageId": published.image_id,
        "repoDigest": f"{published.repository}@{published.digest}",
    }


def test_the_digest_is_the_one_of_the_names_repository(
    plugin: Plugin, engine: docker.DockerClient, published: Published, inputs: Values
) -> None:
    state = plugin.create(REMOTE_IMAGE, inputs)
    other = f"{published.repository}-0"
    engine.images.get(published.reference).tag(other, "1")
    list(engine.api.push(other, "1", stream=True, decode=True))
    refreshed = plugin.refresh(state)
    engine.images.remove(f"{other}:1")
    assert refreshed == state


def test_a_pulled_image_is_no_change(plugin: Plugin, inputs: Values) -> None:
    state = plugin.create(REMOTE_IMAGE, inputs)
    assert plugin.refresh(state) == state


def test_a_removed_image_is_reported_as_gone(
    plugin: Plugin, engine: docker.DockerClient, published: Published, inputs: Values
) -> None:
    state = plugin.create(REMOTE_IMAGE, inputs)
    engine.images.remove(published.image_id, force=True)
    assert plugin.refresh(state) is None


def test_another_digest_is_pulled_beside_the_former(
    plugin: Plugin, published: Published, inputs: Values
) -> None:
    state = plugin.create(REMOTE_IMAGE, inputs)
    other: Values = {**inputs, "name": f"{published.repository}:1@{ABSENT}"}
    assert list(plugin.diff(state, other).replaces) == ["name"]


def test_a_kept_image_stays_for_the_way_back(
    plugin: Plugin, engine: docker.DockerClient, published: Published, inputs: Values
) -> None:
    plugin.delete(plugin.create(REMOTE_IMAGE, inputs))
    assert engine.images.get(published.reference)


def test_a_digest_that_the_registry_lacks_is_one_clear_line(
    plugin: Plugin, registry: RegistryServer, published: Published
) -> None:
    name = f"{published.repository}:1@{ABSENT}"
    with pytest.raises(grpc.RpcError) as caught:
        plugin.create(REMOTE_IMAGE, {"name": name, "keepLocally": True})
    assert str(caught.value.details()).startswith(
        f"image {name} is not on this engine and cannot be pulled: "
        f"registry {registry.host} does not have it"
    )


@pytest.mark.parametrize(
    ("part", "tamper"),
    [
        ("manifest", respell),
        ("configuration", change_last_byte),
        ("layer", change_last_byte),
        ("layer", cut_in_half),
    ],
)
def test_content_that_was_changed_in_the_registry_is_refused(
    create: Create, published: Published, part: str, tamper: Tamper
) -> None:
    tamper(published.parts[part])
    with pytest.raises(grpc.RpcError, match="sent something else than the digest names"):
        create()


@pytest.mark.parametrize("part", ["manifest", "configuration", "layer"])
def test_nothing_of_an_image_without_a_part_is_kept(
    create: Create, engine: docker.DockerClient, published: Published, part: str
) -> None:
    published.parts[part].unlink()
    with pytest.raises(grpc.RpcError, match="does not have it"):
        create()
    with pytest.raises(ImageNotFound):
        engine.images.get(published.reference)


def test_a_registry_that_cannot_read_its_own_content_is_named(
    create: Create, registry: RegistryServer, published: Published
) -> None:
    cut_in_half(published.parts["manifest"])
    with pytest.raises(grpc.RpcError, match=f"registry {registry.host} failed"):
        create()
