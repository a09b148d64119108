"""What a change does to data: the volumes of stores, their containers, and what opens them."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Any, Final

from policies.resource_types import CONTAINER, VOLUME
from preview_report.changes import component_of, is_file_carrier
from preview_report.disclosure import UNKNOWN, shown
from preview_report.images import program_version
from toolchain.containers import COMPONENT_LABEL, declared_labels

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from preview_report.recording import Preview, Step


class Danger(IntEnum):
    """How bad it is for the data; the higher the worse."""

    TOUCHED = 1
    """Its store is stopped and started again; the data stays."""
    AT_RISK = 2
    """The data stays, but its store may not find, open or protect it."""
    REFUSED = 3
    """It would be lost; the engine refuses because it is protected."""
    LOST = 4


@dataclass(frozen=True)
class DataFinding:
    """One thing that a change does to data."""

    danger: Danger
    component: str
    resource: str
    what: str
    mend: str
    """Empty where there is nothing to do."""


BACKUP: Final = "make a backup first and restore it afterwards (docs/operations.md)"

FIXED_SECRETS: Final[Mapping[str, tuple[str, str]]] = {
    "password-postgres-1": (
        "postgres",
        "PostgreSQL takes its superuser's password once, when its data directory is made",
    ),
}
"""Secrets that a store takes once and never again: resource → component, reason."""


def is_data_volume(step: Step) -> bool:
    """Whether a volume outlives its container.

    Every volume does, but those that a component's files are carried in: they are named
    `<component>-files-volume`, or `<component>-renewed-files-volume` where the component reads them
    again, and made anew with every change of a file.
    """
    if step.type != VOLUME:
        return False
    component = declared_labels(step.inputs()).get(COMPONENT_LABEL)
    carried = (f"{component}-files-volume", f"{component}-renewed-files-volume")
    return component is None or step.name not in carried


def findings(preview: Preview) -> tuple[DataFinding, ...]:
    """Everything that touches data, the worst first."""
    volumes = [step for step in preview.resources if is_data_volume(step)]
    stores = {component_of(step) for step in volumes}
    # A volume that goes is no longer mounted either: that is said once.
    staying = {
        str(step.inputs(before=True).get("name"))
        for step in volumes
        if step.operation not in {"delete", "replace"}
    }
    found = [*_refused(preview)]
    for step in preview.resources:
        if step.urn in preview.protected:
            continue
        if is_data_volume(step):
            found += _volume(step)
        elif step.type == CONTAINER and component_of(step) in stores and not is_file_carrier(step):
            found += _store(step, staying)
        elif step.name in FIXED_SECRETS:
            found += _fixed_secret(step)
        found += _protection(step)
    worse = {each.component for each in found if each.danger > Danger.TOUCHED}
    found = [each for each in found if each.danger > Danger.TOUCHED or each.component not in worse]
    return tuple(
        sorted(found, key=lambda each: (-each.danger, each.component, each.resource, each.what))
    )


def _refused(preview: Preview) -> Iterator[DataFinding]:
    by_urn = {step.urn: step for step in preview.steps}
    for urn in preview.protected:
        step = by_urn.get(urn)
        name = urn.rsplit("::", 1)[-1]
        yield DataFinding(
            Danger.REFUSED,
            component_of(step) if step else name.removesuffix("-volume"),
            name,
            "is protected, and this change would delete or replace it; Pulumi refuses",
            "Keep the resource in the program with its name. To let it go on purpose, make a "
            "backup, then release it: pulumi state unprotect",
        )


def _volume(step: Step) -> Iterator[DataFinding]:
    name = shown("name", step.inputs(before=True).get("name"))
    if step.operation not in {"delete", "replace"}:
        return
    done = "deleted" if step.operation == "delete" else "replaced by an empty one"
    if step.old is not None and step.old.retain_on_delete:
        yield DataFinding(
            Danger.AT_RISK,
            component_of(step),
            step.name,
            f"the volume {name} leaves the stack; it stays on the engine, used by nothing",
            "Keep the volume in the program with its name",
        )
        return
    because = f" because {', '.join(step.replacing)} changes" if step.replacing else ""
    yield DataFinding(
        Danger.LOST,
        component_of(step),
        step.name,
        f"the volume {name} is {done}{because}, and all data in it is lost",
        f"Keep the volume in the program with its name and driver. If it must go, {BACKUP}",
    )


def _store(step: Step, data_volumes: set[str]) -> Iterator[DataFinding]:
    component = component_of(step)
    before, after = step.inputs(before=True), step.inputs()
    if step.operation == "delete":
        yield DataFinding(
            Danger.AT_RISK,
            component,
            step.name,
            "the store is removed from the stack",
            f"Check that nothing uses it. If it holds data, {BACKUP}",
        )
    if step.operation not in {"update", "replace"}:
        return
    yield from _mounts(step, data_volumes)
    old, new = program_version(before.get("image")), program_version(after.get("image"))
    if old != new and UNKNOWN not in (shown("image", after.get("image")), new):
        yield DataFinding(
            Danger.AT_RISK,
            component,
            step.name,
            f"the store's program changes from {shown('image', old)} to {shown('image', new)}; "
            "another version may not open the data",
            "Read its release notes on data formats, and have a backup: with upgrade.backup_first "
            "make up makes one (docs/upgrades.md)",
        )
    if step.operation == "replace":
        yield DataFinding(
            Danger.TOUCHED,
            component,
            step.name,
            "the store restarts; its volume stays",
            "",
        )


def _mounts(step: Step, data_volumes: set[str]) -> Iterator[DataFinding]:
    before = _mounted(step.inputs(before=True))
    after = _mounted(step.inputs())
    if None in after.values() or UNKNOWN in after:
        return
    for name in sorted(data_volumes & set(before)):
        if after.get(name) == before[name]:
            continue
        where = f"mounted at {after.get(name)} instead of {before[name]}"
        yield DataFinding(
            Danger.AT_RISK,
            component_of(step),
            step.name,
            f"the volume {name} is {where if name in after else 'no longer mounted'}; the store "
            "starts without its data",
            "Mount the volume where it was, or move the data before",
        )


def _mounted(inputs: Mapping[str, Any]) -> dict[str, str]:
    mounts = inputs.get("volumes")
    if not isinstance(mounts, list):
        return {}
    return {
        shown("volume", mount.get("volumeName")): str(mount.get("containerPath"))
        for mount in mounts
        if isinstance(mount, dict)
    }


def _fixed_secret(step: Step) -> Iterator[DataFinding]:
    if step.operation not in {"delete", "replace"}:
        return
    component, reason = FIXED_SECRETS[step.name]
    yield DataFinding(
        Danger.AT_RISK,
        component,
        step.name,
        f"the secret is {'deleted' if step.operation == 'delete' else 'generated anew'}, and the "
        f"store keeps the old one: {reason}",
        "Leave the resource as it is; its password is not rotated by a generation",
    )


def _protection(step: Step) -> Iterator[DataFinding]:
    if step.old and step.new and step.old.protect and not step.new.protect:
        yield DataFinding(
            Danger.AT_RISK,
            component_of(step),
            step.name,
            "its protection is lifted: the next change may delete it",
            "Leave plinth:protect_data on, unless this is on purpose",
        )
