"""What is mounted into a container: named volumes, each at a known path."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from policies.properties import UNKNOWN, block, blocks, component, given, is_file_carrier
from policies.subject import Parameters
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.properties import Properties
    from policies.subject import Subject

FILES_PATHS = ("/run/plinth/files", "/run/plinth/renewed", "/run/plinth/given")
"""Where every component finds the files that the program wrote for it: those that replace it when
they change, those that it reads again, and those of a volume that the stack was given."""


class Mounts(Parameters):
    """Parameters of `mounts-allowed`."""

    paths: Mapping[str, tuple[str, ...]] = {
        "certificates": ("/data/account", "/data/issued"),
        "mongo": ("/data/db", "/var/lib/postgresql/data"),
        "object-store": ("/data",),
        "postgres": ("/var/lib/postgresql/data",),
        "prometheus": ("/prometheus",),
        "redis": ("/data",),
    }
    """Where each component keeps its data, by component. The program's own files are allowed for
    all, read-only."""


def _mounts(properties: Properties) -> Iterator[tuple[str, str, str, Properties]]:
    """Each mount: its path, the properties that say from where and to where, and itself."""
    for position, declared in blocks(properties, "volumes"):
        yield f"volumes[{position}]", "volumeName", "containerPath", declared
    for position, declared in blocks(properties, "mounts"):
        yield f"mounts[{position}]", "source", "target", declared


def _not_a_volume(path: str, source: str, mount: Properties) -> Violation | None:
    """A violation when a mount is anything but a named volume."""
    mend = "Mount a named volume, or put files in with the specification's files"
    if given(mount, "type") not in (None, "volume", UNKNOWN):
        return Violation(f"{path}.type", "is not a volume", mend)
    for name in ("hostPath", "fromContainer"):
        if given(mount, name) not in (None, "", UNKNOWN):
            return Violation(f"{path}.{name}", "is not a named volume", mend)
    named = given(mount, source)
    if isinstance(named, str) and named.startswith(("/", ".", "~")):
        return Violation(f"{path}.{source}", "is a path of the host", mend)
    return None


def allowed(subject: Subject[Mounts]) -> Iterator[Violation]:
    """A container mounts named volumes alone, at the paths of its component."""
    properties = subject.properties
    owner = component(properties)
    known = () if owner in (None, UNKNOWN) else subject.parameters.paths.get(str(owner), ())
    for path, source_name, target_name, mount in _mounts(properties):
        if violation := _not_a_volume(path, source_name, mount):
            yield violation
            continue
        target = given(mount, target_name)
        if target is UNKNOWN or owner is UNKNOWN:
            continue
        if target in FILES_PATHS:
            writes = given(mount, "readOnly") not in (True, UNKNOWN)
            if writes and not is_file_carrier(properties):
                yield Violation(
                    f"{path}.readOnly",
                    "lets the component change its own files",
                    "Set it to true",
                )
        elif target not in known:
            yield Violation(
                f"{path}.{target_name}",
                "is not a path that this component keeps data at",
                "Take it out, or add the path to the policy's parameter `paths`",
            )


def volume(subject: Subject[Mounts]) -> Iterator[Violation]:
    """A named volume is no folder of the host in disguise."""
    options = block(subject.properties, "driverOpts")
    device, flags = given(options, "device"), given(options, "o")
    binds = isinstance(flags, str) and "bind" in flags.split(",")
    if binds or (isinstance(device, str) and device.startswith("/")):
        yield Violation(
            "driverOpts", "binds a folder of the host", "Leave it out: the engine keeps the data"
        )
