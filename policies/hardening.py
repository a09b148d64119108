"""What a container may not have: privileges, the host's namespaces, the engine, its devices."""

from __future__ import annotations

import posixpath
from typing import TYPE_CHECKING

from policies.properties import (
    UNKNOWN,
    block,
    blocks,
    component,
    elements,
    given,
    is_file_carrier,
)
from policies.subject import Exceptions, Parameters
from policies.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from policies.subject import Subject

HOST_NAMESPACES = ("networkMode", "pidMode", "ipcMode", "usernsMode", "cgroupnsMode")
"""Properties that let a container into a namespace of the host with the value `host`."""

ENGINE_SOCKETS = (
    "/run/docker.sock",
    "/run/containerd/containerd.sock",
    "/run/podman/podman.sock",
    "/run/crio/crio.sock",
)
"""Sockets that give whoever can write to them the whole host."""

_USER_MEND = 'Set it to a number of the image, such as "1000:1000"'
_UNCONFINED = frozenset(
    {f"{name}{separator}unconfined" for name in ("seccomp", "apparmor", "systempaths")
     for separator in ("=", ":")} | {"label=disable", "label:disable"}
)  # fmt: skip
_NO_NEW_PRIVILEGES = frozenset(
    {"no-new-privileges", "no-new-privileges:true", "no-new-privileges=true"}
)


def privileged(subject: Subject) -> Iterator[Violation]:
    """A container is not privileged and keeps the engine's confinement."""
    properties = subject.properties
    if given(properties, "privileged") is True:
        yield Violation("privileged", "gives the container the whole host", "Leave it out")
    for position, option in enumerate(elements(properties, "securityOpts")):
        if option in _UNCONFINED:
            yield Violation(
                f"securityOpts[{position}]", "switches the engine's confinement off", "Leave it out"
            )


def host_namespaces(subject: Subject) -> Iterator[Violation]:
    """A container has its own network, process, IPC, user and control group namespaces."""
    properties = subject.properties
    for name in HOST_NAMESPACES:
        if given(properties, name) == "host":
            mend = 'Set it to "bridge"' if name == "networkMode" else "Leave it out"
            yield Violation(name, "shares a namespace of the host", mend)


def _problem_of_host_path(path: object) -> str | None:
    """What is wrong with mounting a path of the host, or None."""
    if not isinstance(path, str) or not path.startswith("/"):
        return None
    normal = posixpath.normpath("/" + path.lstrip("/"))
    # /var/run is a link to /run wherever a supported engine runs.
    normal = normal.removeprefix("/var") if (normal + "/").startswith("/var/run/") else normal
    if normal == "/dev" or normal.startswith("/dev/"):
        return "mounts a device of the host"
    holds_socket = any(
        (socket + "/").startswith(normal.rstrip("/") + "/") for socket in ENGINE_SOCKETS
    )
    if holds_socket or normal == "/var" or posixpath.basename(normal) == "docker.sock":
        return "gives access to the engine's socket"
    return None


def engine_socket_and_devices(subject: Subject) -> Iterator[Violation]:
    """No container or volume reaches the engine's socket or a device of the host."""
    properties = subject.properties
    mend = "Leave it out: whoever controls the engine or a device controls the host"
    for name in ("devices", "deviceRequests", "gpus"):
        declared = given(properties, name)
        if declared and declared is not UNKNOWN:
            yield Violation(name, "gives access to devices of the host", mend)
    paths = [
        *((f"volumes[{i}].hostPath", given(volume, "hostPath"))
          for i, volume in blocks(properties, "volumes")),
        *((f"mounts[{i}].source", given(mount, "source"))
          for i, mount in blocks(properties, "mounts")),
        ("driverOpts.device", given(block(properties, "driverOpts"), "device")),
    ]  # fmt: skip
    for path, value in paths:
        if problem := _problem_of_host_path(value):
            yield Violation(path, problem, mend)


class Capabilities(Parameters):
    """Parameters of `capabilities-dropped`."""

    allowed_capabilities: tuple[str, ...] = ("CAP_NET_BIND_SERVICE",)
    """Capabilities that a component may be given back; named as the engine reports them."""


def capabilities(subject: Subject[Capabilities]) -> Iterator[Violation]:
    """A container drops every capability and adds only allowed ones."""
    properties, allowed = subject.properties, subject.parameters.allowed_capabilities
    if given(properties, "capabilities") is UNKNOWN:
        return
    declared = block(properties, "capabilities")
    drops = elements(declared, "drops")
    if given(declared, "drops") is not UNKNOWN and not {"ALL", UNKNOWN} & set(drops):
        yield Violation("capabilities.drops", "does not drop every capability", 'Set it to ["ALL"]')
    for position, added in enumerate(elements(declared, "adds")):
        if added is not UNKNOWN and added not in allowed:
            listed = f", or use one of {', '.join(allowed)} in this spelling" if allowed else ""
            yield Violation(
                f"capabilities.adds[{position}]",
                "is not on the list of allowed capabilities",
                f"Take it out{listed}",
            )


def new_privileges(subject: Subject) -> Iterator[Violation]:
    """A container's processes cannot gain privileges by a set-user-id program."""
    properties = subject.properties
    options = elements(properties, "securityOpts")
    if given(properties, "securityOpts") is UNKNOWN or UNKNOWN in options:
        return
    if not _NO_NEW_PRIVILEGES & set(options):
        yield Violation("securityOpts", "lacks no-new-privileges", 'Add "no-new-privileges:true"')


def user(subject: Subject[Exceptions]) -> Iterator[Violation]:
    """A container's processes run as a user that is not root, given by number.

    A name is what the image maps it to, which may be 0.
    """
    properties = subject.properties
    if subject.parameters.exempt(component(properties)):
        return
    declared = given(properties, "user")
    if declared is UNKNOWN:
        return
    if not declared:
        yield Violation("user", "is not set, and an image's own is often root", _USER_MEND)
        return
    identifier = str(declared).partition(":")[0]
    if not identifier.isdecimal():
        yield Violation("user", "is a name, which the image may map to root", _USER_MEND)
    elif int(identifier) == 0:
        yield Violation("user", "is root", _USER_MEND)


def root_file_system(subject: Subject[Exceptions]) -> Iterator[Violation]:
    """A container cannot write to its root file system.

    A file carrier is exempt: it never runs, and the engine refuses to copy into a read-only one.
    """
    properties = subject.properties
    if is_file_carrier(properties) or subject.parameters.exempt(component(properties)):
        return
    if given(properties, "readOnly") not in (True, UNKNOWN):
        yield Violation(
            "readOnly",
            "leaves the root file system writable",
            "Set it to true, and mount a volume or a tmpfs where the program must write",
        )
