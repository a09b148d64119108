"""What the Docker engine holds, read through its API; nothing here changes anything."""

from __future__ import annotations

import contextlib
import io
import tarfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from docker.errors import ImageNotFound, NotFound

from toolchain.containers import STACK_LABEL

if TYPE_CHECKING:
    from collections.abc import Iterable

    import docker

Inspection = dict[str, Any]
"""JSON of the engine's API, as `docker inspect` prints it."""


@dataclass(frozen=True)
class HeldFile:
    """A file in a volume: permission bits, owner as `uid:gid`, and content."""

    mode: int
    owner: str
    content: bytes


@dataclass(frozen=True)
class Engine:
    """Reads one engine."""

    client: docker.DockerClient

    def container(self, *references: str) -> Inspection | None:
        """The first of the containers, by name or id, that exists."""
        for reference in filter(None, references):
            with contextlib.suppress(NotFound):
                inspected: Inspection = self.client.api.inspect_container(reference)
                return inspected
        return None

    def network(self, reference: str) -> Inspection | None:
        """A network by name or id; by name the one that is also listed first."""
        with contextlib.suppress(NotFound):
            inspected: Inspection = self.client.api.inspect_network(reference)
            return inspected
        return None

    def volume(self, name: str) -> Inspection | None:
        """A volume."""
        with contextlib.suppress(NotFound):
            inspected: Inspection = self.client.api.inspect_volume(name)
            return inspected
        return None

    def image(self, reference: str) -> Inspection | None:
        """An image by reference or id."""
        if not reference:
            return None
        with contextlib.suppress(ImageNotFound, NotFound):
            inspected: Inspection = self.client.images.get(reference).attrs
            return inspected
        return None

    def labelled_containers(self, stack: str) -> dict[str, str]:
        """Name by id of every container that carries the stack's label."""
        listed = self.client.api.containers(all=True, filters=_label(stack))
        return {each["Id"]: str(each["Names"][0]).removeprefix("/") for each in listed}

    def labelled_networks(self, stack: str) -> dict[str, str]:
        """Name by id of every network that carries the stack's label."""
        listed = self.client.api.networks(filters=_label(stack))
        return {each["Id"]: str(each["Name"]) for each in listed}

    def labelled_volumes(self, stack: str) -> list[str]:
        """Names of the volumes that carry the stack's label."""
        listed = self.client.api.volumes(filters=_label(stack))["Volumes"] or []
        return sorted(str(each["Name"]) for each in listed)

    def files(self, container: str, folder: str) -> dict[str, HeldFile]:
        """Every file below a folder of a container, which need not run, by its full path."""
        try:
            chunks, _ = self.client.api.get_archive(container, folder)
        except NotFound:
            return {}
        return unpacked(chunks, folder)


def unpacked(chunks: Iterable[bytes], folder: str) -> dict[str, HeldFile]:
    """The files of an archive of one folder; the archive's paths begin with the folder's name."""
    parent = folder.rstrip("/").rpartition("/")[0]
    with tarfile.open(fileobj=io.BytesIO(b"".join(chunks))) as archive:
        return {
            f"{parent}/{member.name}": HeldFile(
                member.mode & 0o7777, f"{member.uid}:{member.gid}", _content(archive, member)
            )
            for member in archive
            if not member.isdir()
        }


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    if member.isfile():
        opened = archive.extractfile(member)
        return opened.read() if opened else b""
    # A link where a file should be: what it points to tells it apart from any content.
    return f"link to {member.linkname}".encode()


def _label(stack: str) -> dict[str, str]:
    return {"label": f"{STACK_LABEL}={stack}"}
