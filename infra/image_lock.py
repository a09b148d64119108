"""The images that were published: which tag and digest of each, in a file that is kept in git.

`make publish` writes the file; a stack that names it in `images.lock` runs those images and builds
none. A tag follows the sources, so the file and the checkout either belong together or the stack
is refused; the digest says which content of that tag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from infra import catalog
from infra.config.section import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from infra.config.stack import StackConfig

FILE: Final = "images.lock.json"
"""Where `make publish` writes when the stack names no other file."""

Platform = Literal["linux/amd64"]
PLATFORM: Final[Platform] = "linux/amd64"

_DIGEST = r"^sha256:[0-9a-f]{64}$"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class LockedImage(_Strict):
    """A published image."""

    tag: Annotated[str, Field(min_length=1)]
    """As `catalog.published_tag` computes it."""
    digest: Annotated[str, Field(pattern=_DIGEST)]
    """`sha256:…` of the manifest, as the registry answered the push."""


class ImageLock(_Strict):
    """What the file holds."""

    registry: Annotated[str, Field(min_length=1)]
    """`host[:port]/path`; the repository of an image is this, `/` and its name."""
    platform: Platform
    images: dict[str, LockedImage]
    """By image name, as in `catalog.BUILDS`."""

    def reference(self, name: str) -> str:
        """What an engine pulls: `registry/name:tag@digest`; the digest decides.

        Raises:
            KeyError: The image is not in the lock.
        """
        image = self.images[name]
        return f"{self.registry}/{name}:{image.tag}@{image.digest}"

    def as_text(self) -> str:
        """The file's content: sorted, the same for the same lock."""
        ordered = {name: self.images[name] for name in sorted(self.images)}
        return self.model_copy(update={"images": ordered}).model_dump_json(indent=2) + "\n"


def own_images(config: StackConfig) -> list[str]:
    """Names of the images that a stack runs and that this repository builds, sorted."""
    optional = {
        "auth": config.auth.engine == "plinth",
        "blackbox": config.observability.enabled,
        "certificates": config.acme is not None,
        "gateway": config.gateway.engine == "envoy",
        "mail": config.mail.enabled,
        "mongo": config.mongo.external is None,
        "object-store": config.object_store.external is None,
        "postgres": config.database.external is None,
        "prometheus": config.observability.enabled,
        "redis": config.redis.external is None,
        "waf": config.gateway.waf is not None,
    }
    return sorted(
        entry.build.name
        for component, entry in catalog.CATALOG.items()
        if (config.images.source == "packages" or entry.upstream is None)
        and optional.get(component, True)
    )


def read(file: Path) -> ImageLock | None:
    """Read a lock; None where there is no file.

    Raises:
        ConfigurationError: It is no lock; one line says where and how to mend it.
    """
    try:
        text = file.read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{_setting(file)} cannot be read: {error}") from None
    try:
        return ImageLock.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        match first["loc"]:
            case ("images", name, "digest", *_):
                what = f"image {name} has no valid digest (sha256: and 64 hexadecimal digits)"
            case ():
                what = f"no JSON object: {first['msg']}"
            case place:
                what = f"{'.'.join(map(str, place))}: {first['msg']}"
        raise ConfigurationError(
            f"{_setting(file)}: {what}; restore it from git, or remove it and write it anew: "
            f"{_command(None)}"
        ) from None


def require(config: StackConfig, root: Path) -> ImageLock | None:
    """Read the lock that a stack names and check that it fits the checkout; None if it names none.

    Raises:
        ConfigurationError: The file is missing or broken, lacks an image that the stack runs, or
            was written for other sources; one line names the file, the images and the mend.
    """
    if config.images.lock is None:
        return None
    file = root / config.images.lock
    lock = read(file)
    if lock is None:
        raise ConfigurationError(
            f"{_setting(file)} does not exist; write it: {_command(None)}; or leave images.lock "
            "out, and the images are built where the stack runs"
        )
    names = own_images(config)
    missing = [name for name in names if name not in lock.images]
    if missing:
        raise ConfigurationError(
            f"{_setting(file)} has no {_listed(missing)}; publish what is missing: {_command(lock)}"
        )
    tags = {name: catalog.published_tag(name, root) for name in names}
    changed = [
        f"{name} ({lock.images[name].tag}, here {tags[name]})"
        for name in names
        if lock.images[name].tag != tags[name]
    ]
    if changed:
        raise ConfigurationError(
            f"{_setting(file)} was written for other sources of {_listed(changed)}; publish them: "
            f"{_command(lock)}"
        )
    return lock


def _setting(file: Path) -> str:
    return f"plinth:images.lock: {file.name}"


def _listed(names: Iterable[str]) -> str:
    return "image " + ", ".join(names)


def _command(lock: ImageLock | None) -> str:
    return f"make publish REGISTRY={lock.registry if lock else 'host/path'}"
