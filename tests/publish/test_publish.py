"""Own images through a real registry: published, deployed by digest, and refused when changed.

A copy of the checkout has a state and a stack of its own, `published`. The registry asks for a
login and keeps its content in a folder, which the story changes. It begins with mistakes that must
end before anything is touched, and the stack comes up at the end.
"""

import contextlib
import io
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import docker
import pytest
from docker.errors import ImageNotFound

from infra import catalog, image_build
from infra.config.loading import parse
from infra.image_lock import FILE, own_images
from publish.push import push
from publish.registry import Progress, Registry
from tests import checkout as checkouts
from tests.checkout import Run
from tests.registry.server import PASSWORD, USER, RegistryServer, serving
from tests.running_stack import ROOT
from toolchain.console import Console
from toolchain.errors import ToolchainError

pytestmark = [pytest.mark.engine, pytest.mark.cli]

NAME = "published"
SETTINGS: dict[str, Any] = {
    "environment": "test",
    "gateway": {"port": 27100},
    "auth": {"autoconfirm": True},
}
IMAGES = own_images(parse(SETTINGS))
BUILT_ELSEWHERE = "envoy"
ABSENT = "sha256:" + "0123456789abcdef" * 4


@dataclass(frozen=True)
class Checkout:
    """The copy, its stack, and the registry that it publishes to."""

    copy: checkouts.Checkout
    engine: docker.DockerClient
    registry: RegistryServer
    login: Path

    @property
    def address(self) -> str:
        """What REGISTRY= is set to."""
        return f"{self.registry.host}/team/plinth"

    @property
    def lock(self) -> Path:
        """The lock that is written."""
        return self.copy.folder / FILE

    def make(self, *words: str) -> Run:
        """Run make on the stack, logged in."""
        return self.copy.make(NAME, *words, environment={"DOCKER_CONFIG": str(self.login)})

    def publish(self) -> Run:
        """Publish, logged in."""
        return self.make("publish", f"REGISTRY={self.address}")

    def pull(self) -> Run:
        """Do what `make up` does before Pulumi runs."""
        words = ("-m", "publish", "pull", "--stack", NAME)
        python = str(self.copy.folder / ".venv" / "bin" / "python")
        return self.copy.run(python, *words, environment={"DOCKER_CONFIG": str(self.login)})

    def containers(self) -> dict[str, str]:
        """Image by name of the stack's containers."""
        found = self.engine.containers.list(
            all=True, filters={"label": f"plinth.stack={NAME}"}, ignore_removed=True
        )
        return {str(each.name): each.attrs["Config"]["Image"] for each in found}

    def networks(self) -> list[str]:
        """Names of the stack's networks."""
        found = self.engine.networks.list(filters={"label": f"plinth.stack={NAME}"})
        return [str(each.name) for each in found]

    def forget_images(self) -> None:
        """Take the registry's names off the engine's images, so that they are pulled."""
        for image in self.engine.images.list():
            names = [*image.tags, *image.attrs["RepoDigests"]]
            for name in names:
                # A tag takes the digest of its repository along.
                if name.startswith(self.address):
                    with contextlib.suppress(ImageNotFound):
                        self.engine.images.remove(name)


@dataclass
class Story:
    """Everything that happened, for the tests to look at."""

    runs: dict[str, Run] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Checkout]:
    """The copy; its stack is removed in the end, and the engine's images lose their names."""
    copy = checkouts.Checkout.copy(tmp_path_factory.mktemp("checkout"))
    copy.configure(NAME, SETTINGS)
    with serving(tmp_path_factory.mktemp("registry"), with_login=True) as registry:
        login = registry.write_login(tmp_path_factory.mktemp("login"))
        made = Checkout(copy, docker.from_env(), registry, login)
        yield made
        copy.discard(NAME)
        made.forget_images()


def _push_from_elsewhere(checkout: Checkout, name: str) -> str:
    """Leave another image under the tag of these sources, as another machine would; its digest.

    It is one that the stack does not run: an engine asks no registry for a manifest that it pulled
    and verified before.
    """
    repository, tag = f"{checkout.address}/{name}", catalog.published_tag(name, ROOT)
    other = image_build.ensure_with_parts("mailpit")
    checkout.engine.images.get(other).tag(repository, tag)
    login = {"username": USER, "password": PASSWORD}
    events = checkout.engine.api.push(repository, tag, auth_config=login, stream=True, decode=True)
    (digest,) = (event["aux"]["Digest"] for event in events if "aux" in event)
    return str(digest)


def _publishing(checkout: Checkout, story: Story) -> None:
    words = ("publish", f"REGISTRY={checkout.address}")
    story.runs["without a login"] = checkout.copy.make(NAME, *words)
    story.runs["to nowhere"] = checkout.make("publish", "REGISTRY=127.0.0.1:1/plinth")
    story.facts["lock before"] = checkout.lock.exists()
    story.facts["digest elsewhere"] = _push_from_elsewhere(checkout, BUILT_ELSEWHERE)
    story.runs["published"] = checkout.publish()
    story.facts["lock"] = checkout.lock.read_text(encoding="utf-8")
    checkout.lock.unlink()
    story.runs["published without its lock"] = checkout.publish()
    story.facts["lock written anew"] = checkout.lock.read_text(encoding="utf-8")
    # As on a machine that did not publish: the lock alone says what is there.
    checkout.forget_images()
    story.runs["published again"] = checkout.publish()
    story.facts["lock after"] = checkout.lock.read_text(encoding="utf-8")


def _mistakes(checkout: Checkout, story: Story) -> None:
    checkout.copy.configure(NAME, SETTINGS | {"images": {"lock": FILE}})
    published = json.loads(story.facts["lock"])

    def write_lock(name: str, image: dict[str, str] | None) -> None:
        images = {**published["images"], name: image}
        kept = {name: image for name, image in images.items() if image}
        checkout.lock.write_text(json.dumps({**published, "images": kept}), encoding="utf-8")

    def digest_of(name: str, digest: str) -> dict[str, str]:
        return {**published["images"][name], "digest": digest}

    write_lock("auth", digest_of("auth", ABSENT))
    story.runs["changed digest"] = checkout.pull()
    write_lock("auth", None)
    story.runs["missing image"] = checkout.pull()

    digest = story.facts["digest elsewhere"]
    manifest = checkout.registry.parts(digest)["manifest"]
    manifest.write_bytes(manifest.read_bytes().replace(b'"size"', b'"Size"', 1))
    write_lock(BUILT_ELSEWHERE, digest_of(BUILT_ELSEWHERE, digest))
    story.runs["tampered manifest"] = checkout.make("up")
    story.facts["containers after a mistake"] = checkout.containers()
    story.facts["networks after a mistake"] = checkout.networks()

    checkout.lock.write_text(story.facts["lock"], encoding="utf-8")
    source = checkout.copy.folder / "services" / "auth" / "__main__.py"
    former = source.read_text(encoding="utf-8")
    source.write_text(f"{former}# changed\n", encoding="utf-8")
    story.runs["other sources"] = checkout.pull()
    source.write_text(former, encoding="utf-8")


def _deploying(checkout: Checkout, story: Story) -> None:
    checkout.forget_images()
    story.runs["up"] = checkout.make("up")
    story.facts["containers"] = checkout.containers()
    story.runs["up again"] = checkout.make("up")


@pytest.fixture(scope="module")
def story(checkout: Checkout) -> Story:
    """Publish, make every mistake, then deploy."""
    story = Story()
    _publishing(checkout, story)
    _mistakes(checkout, story)
    _deploying(checkout, story)
    return story


def told(story: Story, run: str, image: str) -> str:
    """What a run said of an image, without its digest and time."""
    printed = story.runs[run].output
    line = re.search(rf"^ok +{image} +(.+) [0-9a-f]{{12}} +\S+$", printed, re.MULTILINE)
    assert line, printed
    return line[1]


MISTAKES = {
    "without a login": r"registry 127\.0\.0\.1:\d+ refuses this login \(.*\)\. Run docker login",
    "to nowhere": r"registry 127\.0\.0\.1:1 does not answer \(.*\)\. Check its address",
    "changed digest": rf"/auth:\S+@{ABSENT} could not be pulled: .* does not have it",
    "missing image": rf"plinth:images\.lock: {FILE} has no image auth; publish what is missing: ",
    "other sources": rf"plinth:images\.lock: {FILE} was written for other sources of image auth ",
    "tampered manifest": rf"/{BUILT_ELSEWHERE}:\S+ could not be pulled: .* sent something else",
}
"""What the user is told, by mistake."""


@pytest.mark.parametrize(("what", "reason"), MISTAKES.items())
def test_a_mistake_ends_in_one_line(story: Story, what: str, reason: str) -> None:
    run = story.runs[what]
    lines = [line for line in run.errors.splitlines() if line.startswith("plinth: ")]
    assert run.code != 0
    assert len(lines) == 1, run.printed
    assert re.search(reason, lines[0]), run.printed


@pytest.mark.parametrize("what", MISTAKES)
def test_a_mistake_shows_no_traceback(story: Story, what: str) -> None:
    assert "Traceback" not in story.runs[what].printed


def test_a_failed_publication_writes_no_lock(story: Story) -> None:
    assert not story.facts["lock before"]


def test_publishing_ends_well(story: Story) -> None:
    assert story.runs["published"].code == 0, story.runs["published"].printed


@pytest.mark.parametrize("image", sorted({*IMAGES} - {BUILT_ELSEWHERE}))
def test_each_image_has_its_line(story: Story, image: str) -> None:
    assert told(story, "published", image) == f"{catalog.published_tag(image, ROOT)} pushed,"


def test_a_tag_that_another_build_holds_is_moved(story: Story) -> None:
    tag = catalog.published_tag(BUILT_ELSEWHERE, ROOT)
    assert told(story, "published", BUILT_ELSEWHERE) == f"{tag} moved to"


def test_the_lock_holds_the_images_of_the_stack(story: Story) -> None:
    assert sorted(json.loads(story.facts["lock"])["images"]) == IMAGES


@pytest.mark.parametrize("image", IMAGES)
def test_the_registry_holds_what_the_lock_names(
    story: Story, checkout: Checkout, image: str
) -> None:
    digest = json.loads(story.facts["lock"])["images"][image]["digest"]
    assert checkout.registry.blob(digest).is_file()


@pytest.mark.parametrize("run", ["published again", "published without its lock"])
@pytest.mark.parametrize("image", IMAGES)
def test_publishing_again_pushes_nothing(story: Story, run: str, image: str) -> None:
    assert told(story, run, image) == f"{catalog.published_tag(image, ROOT)} is there,"


@pytest.mark.parametrize("lock", ["lock after", "lock written anew"])
def test_publishing_again_gives_the_same_lock(story: Story, lock: str) -> None:
    assert story.facts[lock] == story.facts["lock"]


class MistakenRegistry(Registry):
    """Answers a push with the digest of another image of the same repository."""

    def push(self, image: str, repository: str, tag: str, on_progress: Progress) -> str:
        super().push(image, repository, tag, on_progress)
        other = image_build.ensure_with_parts("redis")
        return super().push(other, repository, "other", on_progress)


@pytest.mark.usefixtures("story")
def test_an_image_that_does_not_come_back_is_not_locked(checkout: Checkout, tmp_path: Path) -> None:
    client = docker.from_env()
    client.login(USER, PASSWORD, registry=checkout.registry.host)
    address = f"{checkout.registry.host}/team/plinth/mistaken"
    config = parse(SETTINGS | {"images": {"source": "registry"}})
    with pytest.raises(ToolchainError, match="gives back another image than was pushed"):
        push(config, address, MistakenRegistry(client), tmp_path, Console(io.StringIO()))
    assert not list(tmp_path.iterdir())


def test_no_login_is_printed(story: Story, checkout: Checkout) -> None:
    word = json.loads((checkout.login / "config.json").read_text())
    secret = word["auths"][checkout.registry.host]["auth"]
    assert not [name for name, run in story.runs.items() if secret in run.printed]


def test_changed_content_is_found_before_anything_is_made(story: Story) -> None:
    found = story.facts["containers after a mistake"], story.facts["networks after a mistake"]
    assert found == ({}, [])


def test_the_stack_comes_up(story: Story) -> None:
    assert story.runs["up"].code == 0, story.runs["up"].printed


def test_every_container_runs_by_digest(story: Story, checkout: Checkout) -> None:
    images = json.loads(story.facts["lock"])["images"]
    declared = {
        f"{checkout.address}/{name}:{image['tag']}@{image['digest']}"
        for name, image in images.items()
    }
    assert set(story.facts["containers"].values()) == declared


def test_a_second_update_changes_nothing(story: Story) -> None:
    run = story.runs["up again"]
    assert run.code == 0, run.printed
    assert "unchanged" in run.output
    assert not re.search(r"\d+ (created|updated|replaced|deleted|to )", run.output), run.output
