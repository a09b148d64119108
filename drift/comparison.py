"""Compares what was declared with what the engine holds, resource by resource.

Every function is pure: it takes declarations and inspections and returns findings.
"""

from __future__ import annotations

import base64
import posixpath
from typing import TYPE_CHECKING, Any

from drift import settings
from drift.finding import ABSENT, Finding, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from airgap.docker_provider.inputs import ContainerInputs, Upload
    from drift.declaration import (
        DeclaredContainer,
        DeclaredImage,
        DeclaredNetwork,
        DeclaredVolume,
    )
    from drift.engine import HeldFile, Inspection
    from drift.fingerprint import Fingerprints

_SHORT_ID_LENGTH = 12
_PRESENT = "present"
_ENDED = "ended with code 0"
_NOT_STARTED = "not running"
_RUNNING = "running"
_CHECKED = "running, healthy"


def short_identifier(identifier: str) -> str:
    """The first digits of an engine's id."""
    return identifier.removeprefix("sha256:")[:_SHORT_ID_LENGTH]


def container(
    declared: DeclaredContainer,
    inspected: Inspection | None,
    image: Inspection | None,
    fingerprints: Fingerprints,
) -> list[Finding]:
    """Compare a container with its declaration.

    Args:
        declared: the declaration.
        inspected: the container of that name or id, None where there is none.
        image: inspection of the image that it should run, None where the engine lacks it.
        fingerprints: hide the values of the environment.
    """
    if inspected is None:
        return [
            Finding(declared.resource, "container", declared.name, ABSENT, Remedy.REPLACE),
        ]
    rows: list[tuple[str, str, str]] = []
    if inspected["Id"] != declared.identifier:
        made_by = (short_identifier(declared.identifier), short_identifier(inspected["Id"]))
        rows.append(("identity", *made_by))
    configuration = (image or {}).get("Config") or {}
    rows += settings.differences(
        settings.declared(declared.inputs, configuration, fingerprints),
        settings.found(inspected, fingerprints),
    )
    if image and image["Id"] != inspected["Image"]:
        pair = (short_identifier(image["Id"]), short_identifier(inspected["Image"]))
        rows.append(("image id", *pair))
    expected, actual = _expected_state(declared), _state(inspected)
    # A carrier that somebody started ended at once: it does nothing.
    is_idle_carrier = declared.is_carrier and not inspected["State"]["Running"]
    if expected != actual and not is_idle_carrier:
        rows.append(("state", expected, actual))
    return [
        Finding(declared.resource, *row, remedy=Remedy.REPLACE, target=inspected["Id"])
        for row in rows
    ]


def _expected_state(declared: DeclaredContainer) -> str:
    if declared.is_carrier:
        return _NOT_STARTED
    if declared.is_one_shot:
        return _ENDED
    return _CHECKED if declared.inputs.healthcheck else _RUNNING


def _state(inspected: Inspection) -> str:
    state = inspected["State"]
    health = (state.get("Health") or {}).get("Status", "")
    is_one_shot = (inspected["HostConfig"]["RestartPolicy"]["Name"] or "no") == "no"
    match state["Status"]:
        case "running":
            return f"{_RUNNING}, {health}" if health and health != "none" else _RUNNING
        case "created":
            return _NOT_STARTED
        case "exited" if is_one_shot:
            return f"ended with code {state['ExitCode']}"
        case "exited":
            return f"stopped with code {state['ExitCode']}"
        case status:
            return str(status)


def is_starting(inspected: Inspection) -> bool:
    """Whether a container's first health checks are still to come."""
    health = (inspected["State"].get("Health") or {}).get("Status", "")
    return bool(health == "starting" and inspected["State"]["Status"] == "running")


def upload_folders(inputs: ContainerInputs) -> list[str]:
    """The folders that uploads were written to."""
    return sorted({posixpath.dirname(upload.file) for upload in inputs.uploads})


def files(
    declared: DeclaredContainer, held: Mapping[str, HeldFile], fingerprints: Fingerprints
) -> list[Finding]:
    """Compare the files that a container was given with those that are there.

    A file that nobody declared counts where the whole folder is a volume for declared files.
    """
    expected = {
        upload.file: _uploaded(upload, fingerprints)
        for upload in declared.inputs.uploads
        if not upload.source
    }
    own_folders = {volume.container_path for volume in declared.inputs.volumes}
    actual = {
        path: f"{fingerprints.of(file.content)} {file.mode:04o} {file.owner}"
        for path, file in held.items()
        if path in expected or any(path.startswith(f"{folder}/") for folder in own_folders)
    }
    return [
        Finding(declared.resource, f"file {path}", asked, there, Remedy.REFILL, declared.name)
        for path, asked, there in settings.differences(expected, actual)
    ]


def _uploaded(upload: Upload, fingerprints: Fingerprints) -> str:
    content = (
        base64.b64decode(upload.content_base64)
        if upload.content_base64
        else upload.content.encode()
    )
    mode = int(upload.permissions, 8) if upload.permissions else 0o644
    if upload.executable and not upload.permissions:
        mode = 0o744
    owner = f"{upload.owner or 0}:{upload.group or 0}"
    return f"{fingerprints.of(content)} {mode:04o} {owner}"


def network(
    declared: DeclaredNetwork, inspected: Inspection | None, members: Iterable[str]
) -> list[Finding]:
    """Compare a network with its declaration.

    Args:
        declared: the declaration.
        inspected: the network, None where there is none.
        members: ids of the containers that may be on it: the stack's own.
    """
    inputs = declared.inputs
    if inspected is None:
        return [
            Finding(declared.resource, "network", inputs.name, ABSENT, Remedy.REBUILD_NETWORK, "")
        ]
    identifier = str(inspected["Id"])
    rows: list[tuple[str, str, str]] = []
    if identifier != declared.identifier:
        pair = (short_identifier(declared.identifier), short_identifier(identifier))
        rows.append(("identity", *pair))
    expected = {
        "driver": inputs.driver or "bridge",
        **_network_switches(inputs.internal, inputs.attachable, inputs.ipv6),
        **_prefixed("option", inputs.options),
        **_prefixed("label", {label.label: label.value for label in inputs.labels}),
    }
    actual = {
        "driver": str(inspected["Driver"]),
        **_network_switches(
            inspected["Internal"], inspected["Attachable"], inspected["EnableIPv6"]
        ),
        # An engine adds options of its own, such as the MTU, that nobody asked for.
        **_prefixed(
            "option",
            {k: v for k, v in (inspected["Options"] or {}).items() if k in inputs.options},
        ),
        **_prefixed("label", inspected["Labels"] or {}),
    }
    rows += settings.differences(expected, actual)
    changed = [
        Finding(declared.resource, *row, remedy=Remedy.REBUILD_NETWORK, target=identifier)
        for row in rows
    ]
    known = set(members)
    strangers = [
        Finding(
            declared.resource,
            f"container {end['Name']}",
            ABSENT,
            "on this network",
            Remedy.DETACH,
            f"{identifier} {member}",
        )
        for member, end in sorted((inspected.get("Containers") or {}).items())
        if member not in known
    ]
    return changed + strangers


def _network_switches(internal: object, attachable: object, ipv6: object) -> dict[str, str]:
    return {
        what: "yes" if value else "no"
        for what, value in (("internal", internal), ("attachable", attachable), ("IPv6", ipv6))
    }


def volume(
    declared: DeclaredVolume, inspected: Inspection | None, *, holds_files: bool
) -> list[Finding]:
    """Compare a volume with its declaration.

    Args:
        declared: the declaration.
        inspected: the volume, None where there is none.
        holds_files: whether a carrier filled it, so that it can be made anew.
    """
    inputs = declared.inputs
    if inspected is None:
        remedy = Remedy.REFILL if holds_files else Remedy.UPDATE
        return [Finding(declared.resource, "volume", inputs.name, ABSENT, remedy, inputs.name)]
    expected = {
        "driver": inputs.driver or "local",
        **_prefixed("option", inputs.driver_opts),
        **_prefixed("label", {label.label: label.value for label in inputs.labels}),
    }
    actual = {
        "driver": str(inspected["Driver"]),
        **_prefixed("option", inspected["Options"] or {}),
        **_prefixed("label", inspected["Labels"] or {}),
    }
    remedy = Remedy.REFILL if holds_files else Remedy.BY_HAND
    return [
        Finding(declared.resource, *row, remedy=remedy, target=inputs.name)
        for row in settings.differences(expected, actual)
    ]


def image(
    declared: DeclaredImage, tagged: Inspection | None, recorded: Inspection | None
) -> list[Finding]:
    """Compare what an image's tag points to with what Pulumi built or pulled under it.

    Args:
        declared: the reference and the id that Pulumi recorded.
        tagged: what the reference points to now.
        recorded: the image of the recorded id, None where the engine has it no more.
    """
    if tagged is None or recorded is None or tagged["Id"] == recorded["Id"]:
        # One that is missing is built or pulled again; Pulumi's own refresh reports it.
        return []
    return [
        Finding(
            declared.resource,
            f"tag {declared.reference}",
            short_identifier(recorded["Id"]),
            short_identifier(tagged["Id"]),
            Remedy.TAG,
            f"{recorded['Id']} {declared.reference}",
        )
    ]


def strays(
    kind: str, found: Mapping[str, str], declared: Iterable[str], remedy: Remedy
) -> Iterator[Finding]:
    """What carries the stack's label and was never declared.

    Args:
        kind: `container`, `network` or `volume`.
        found: name by identifier.
        declared: identifiers that are accounted for.
        remedy: what `FIX=1` does about it.
    """
    known = set(declared)
    for identifier, name in sorted(found.items(), key=lambda item: item[1]):
        if identifier not in known:
            yield Finding(f"({kind})", name, ABSENT, _PRESENT, remedy, identifier)


def _prefixed(what: str, values: Mapping[str, Any]) -> dict[str, str]:
    return {f"{what} {name}": str(value) for name, value in values.items()}
