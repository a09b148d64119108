"""The one component that turns a specification into a hardened container.

Nothing else in the program declares a container. `ContainerSpec` says what is particular to a
component; `ContainerService` adds what every container must have.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pulumi
import pulumi_docker as docker

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.watch import Watch

FILES_DIRECTORY = "/run/plinth/files"
GIVEN_DIRECTORY = "/run/plinth/given"
RENEWED_FILES_DIRECTORY = "/run/plinth/renewed"
LOOPBACK = "127.0.0.1"

_HEALTH_WAIT_SECONDS = 120
_LOG_OPTIONS = {"max-file": "3", "max-size": "10m"}
_TAIL_LINES = 12


class OneShotFailedError(pulumi.RunError):
    """A container that should have ended well did not; shown as it is, without a traceback."""


@dataclass(frozen=True)
class HealthCheck:
    """Command that tells whether a component serves; runs inside its container."""

    command: Sequence[str]
    """Program and arguments, run without a shell."""
    interval_seconds: int = 5
    timeout_seconds: int = 3
    retries: int = 12
    start_period_seconds: int = 60
    """Failures in this time do not count against `retries`."""


@dataclass(frozen=True)
class PublishedPort:
    """A port of the container that the host takes."""

    internal: int
    external: int
    address: str = LOOPBACK


@dataclass(frozen=True)
class DataVolume:
    """A volume that outlives its container."""

    name: str
    path: str


@dataclass(frozen=True)
class ContainerSpec:
    """What is particular to one component."""

    component: str
    """Name of the component; also its host name on every network it is on."""
    image: pulumi.Input[str]
    user: str
    """`uid:gid`. Never 0."""
    memory_mebibytes: int
    networks: Sequence[str]
    """Networks by name: `edge`, `backend`, `data`."""
    command: Sequence[str] = ()
    environment: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    secret_environment: Mapping[str, pulumi.Output[str]] = field(default_factory=dict)
    files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Content by file name; mounted read-only in `/run/plinth/files`."""
    renewed_files: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)
    """Content by file name, for what the component reads again while it runs; mounted read-only in
    `/run/plinth/renewed`. A change is written over it and does not replace the component."""
    renewed_volume: pulumi.Input[str] | None = None
    """Volume of another component, which writes what this one finds in `/run/plinth/renewed`, in
    place of `renewed_files`."""
    volumes: Sequence[DataVolume] = ()
    given_volumes: Mapping[str, str] = field(default_factory=dict)
    """Volumes that the stack neither makes nor removes, by name, and where each is mounted,
    read-only."""
    temporary: Mapping[str, str] = field(default_factory=lambda: {"/tmp": "rw,size=64m"})  # noqa: S108
    """Writable paths that are lost with the container, and their mount options."""
    ports: Sequence[PublishedPort] = ()
    health: HealthCheck | None = None
    """None only for a one-shot."""
    watch: Watch | None = None
    """How a monitor sees whether it serves. None only for a one-shot."""
    shared_memory_mebibytes: int = 64
    cpu_shares: int = 512
    stop_grace_seconds: int = 10
    one_shot: bool = False
    """Runs to its end once, and again when its specification changes."""
    overlaps: bool = False
    """A replacement serves beside it before it goes, so that no request is lost. For a component
    that keeps nothing and publishes nothing: a volume and a port of the host can be taken once."""

    def __post_init__(self) -> None:
        """Refuse what could not work, and what nobody could watch.

        Raises:
            ValueError: Two containers would claim the same volume, port or work, or two volumes the
                same path; or it stays up and does not say how it is watched.
        """
        if not self.one_shot and self.watch is None:
            raise ValueError(
                f"{self.component}: does not say how it is watched; give its specification a "
                "`watch`: Metrics, HttpProbe or TcpProbe of infra/watch.py"
            )
        if self.overlaps and (self.volumes or self.ports or self.one_shot):
            raise ValueError(
                f"{self.component}: a container with volumes or published ports, or a one-shot, "
                "cannot overlap with its replacement"
            )
        if self.renewed_files and self.renewed_volume:
            raise ValueError(f"{self.component}: its renewed files come from one place or another")


@dataclass(frozen=True)
class Site:
    """Where containers are placed: what they share within a stack."""

    stack: str
    networks: Mapping[str, docker.Network]
    protect_data: bool

    def name(self, component: str) -> str:
        """Name on the engine, of what is there once at a time."""
        return f"plinth-{self.stack}-{component}"

    def labels(self, component: str) -> dict[str, str]:
        """Labels by which tools find what belongs to the stack."""
        return {"plinth.component": component, "plinth.stack": self.stack}


class ContainerService(pulumi.ComponentResource):
    """A component's container, with its files and volumes.

    Resources: the container; a volume for each `DataVolume`; and, when the specification has
    files, a volume that holds them together with the container that carried them there.

    The root file system is read-only, so files cannot be copied into the component itself. A
    second container is created, never started, and receives the files in a volume which the
    component mounts read-only. Volume and carrier are named after the files' content: a change
    makes a new pair, the component moves over, and the old pair goes. Files that the component
    reads again have a volume that stays: a change makes a new carrier, which writes over them.
    """

    component: str
    container: docker.Container
    volumes: Mapping[str, docker.Volume]
    """Those of the specification, by their short names."""
    summary: pulumi.Output[dict[str, object]]
    """What the stack's output `components` says about it."""

    def __init__(
        self,
        spec: ContainerSpec,
        site: Site,
        *,
        after: Sequence[ContainerService] = (),
    ) -> None:
        super().__init__("plinth:container:ContainerService", spec.component)
        self.component = spec.component
        self._spec = spec
        self._site = site
        self.volumes = {volume.name: self._data_volume(volume) for volume in spec.volumes}
        mounts = [
            docker.ContainerVolumeArgs(
                volume_name=self.volumes[volume.name].name, container_path=volume.path
            )
            for volume in spec.volumes
        ]
        mounts += [
            docker.ContainerVolumeArgs(volume_name=name, container_path=path, read_only=True)
            for name, path in spec.given_volumes.items()
        ]
        needed: list[pulumi.Input[pulumi.Resource]] = [service.ready for service in after]
        for kind, directory, files in (
            ("files", FILES_DIRECTORY, spec.files),
            ("renewed-files", RENEWED_FILES_DIRECTORY, spec.renewed_files),
        ):
            if files:
                files_volume, carrier_container = self._files(kind, directory, files)
                mounts.append(
                    docker.ContainerVolumeArgs(
                        volume_name=files_volume.name, container_path=directory, read_only=True
                    )
                )
                needed.append(carrier_container)
        if spec.renewed_volume:
            mounts.append(
                docker.ContainerVolumeArgs(
                    volume_name=spec.renewed_volume,
                    container_path=RENEWED_FILES_DIRECTORY,
                    read_only=True,
                )
            )
        self.container = self._container(mounts, needed)
        self.summary = self._summary()
        self.register_outputs({"container": self.container.name})

    @property
    def networks(self) -> Sequence[str]:
        """Its networks, by name."""
        return self._spec.networks

    @property
    def watch(self) -> Watch | None:
        """How it is watched; None for a one-shot."""
        return self._spec.watch

    @property
    def ready(self) -> pulumi.Output[pulumi.Resource]:
        """The container, once others may rely on it.

        A container that stays up is registered when it is healthy. A one-shot is registered
        however it ended, so its end is looked at here.

        Raises:
            OneShotFailedError: (when the output resolves) a one-shot ended with another exit code
                than 0; carries its last log lines.
        """
        container: pulumi.Resource = self.container
        if not self._spec.one_shot:
            return pulumi.Output.from_input(container)
        name = self._site.name(self._spec.component)

        def check(end: Sequence[Any]) -> pulumi.Resource:
            exit_code, log = end
            require_success(name, exit_code, log or "")
            return container

        return pulumi.Output.all(self.container.exit_code, self.container.container_logs).apply(
            check
        )

    def _options(self, **options: object) -> pulumi.ResourceOptions:
        return pulumi.ResourceOptions.merge(
            pulumi.ResourceOptions(parent=self),
            pulumi.ResourceOptions(**options),  # type: ignore[arg-type]  # passed through by name
        )

    def _data_volume(self, volume: DataVolume) -> docker.Volume:
        return docker.Volume(
            f"{volume.name}-volume",
            name=self._site.name(volume.name),
            labels=_volume_labels(self._site.labels(self._spec.component)),
            opts=self._options(protect=self._site.protect_data),
        )

    def _files(
        self, kind: str, directory: str, files: Mapping[str, pulumi.Input[str]]
    ) -> tuple[docker.Volume, docker.Container]:
        spec = self._spec
        contents = pulumi.Output.all(**files)
        # A digest of generated keys tells nothing about them, and the name must be readable.
        digest = pulumi.Output.unsecret(contents.apply(_files_digest))
        fixed_name = self._site.name(f"{spec.component}-{kind}")
        name = pulumi.Output.concat(fixed_name, "-", digest)
        labels = self._site.labels(spec.component)
        volume = docker.Volume(
            f"{spec.component}-{kind}-volume",
            # Where a component reads its files again, it keeps the volume that it reads from.
            name=name if kind == "files" else fixed_name,
            labels=_volume_labels(labels),
            opts=self._options(),
        )
        carrier = docker.Container(
            f"{spec.component}-{kind}",
            name=name,
            image=spec.image,
            command=["true"],
            # Created only: the copy goes through the engine, so nothing needs to run.
            start=False,
            must_run=False,
            restart="no",
            network_mode="none",
            user=spec.user,
            capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
            security_opts=["no-new-privileges:true"],
            memory=16,
            memory_swap=16,
            cpu_shares=2,
            log_driver="json-file",
            log_opts=_LOG_OPTIONS,
            labels=_container_labels(labels | {"plinth.role": "files"}),
            volumes=[docker.ContainerVolumeArgs(volume_name=volume.name, container_path=directory)],
            uploads=[
                docker.ContainerUploadArgs(
                    file=f"{directory}/{file_name}", content=content, permissions="0440"
                )
                for file_name, content in sorted(files.items())
            ],
            opts=self._options(),
        )
        return volume, carrier

    def _container(
        self,
        mounts: Sequence[docker.ContainerVolumeArgs],
        needed: Sequence[pulumi.Input[pulumi.Resource]],
    ) -> docker.Container:
        spec = self._spec
        return docker.Container(
            spec.component,
            # Without one, Pulumi makes a new name for each replacement: `pulumi:autonaming` in
            # Pulumi.yaml has the pattern.
            name=None if spec.overlaps else self._site.name(spec.component),
            image=spec.image,
            command=list(spec.command) or None,
            hostname=spec.component,
            user=spec.user,
            # Files are 0440 and owned by root: the group lets the component read them, nobody else.
            group_adds=["0"] if spec.files or spec.renewed_files else None,
            envs=_environment(spec),
            volumes=list(mounts) or None,
            tmpfs=dict(spec.temporary),
            network_mode="bridge",
            networks_advanced=[
                docker.ContainerNetworksAdvancedArgs(
                    name=self._site.networks[network].name, aliases=[spec.component]
                )
                for network in spec.networks
            ],
            ports=[
                docker.ContainerPortArgs(
                    internal=port.internal, external=port.external, ip=port.address
                )
                for port in spec.ports
            ]
            or None,
            healthcheck=_healthcheck(spec.health) if spec.health else None,
            read_only=True,
            init=True,
            capabilities=docker.ContainerCapabilitiesArgs(drops=["ALL"]),
            security_opts=["no-new-privileges:true"],
            memory=spec.memory_mebibytes,
            memory_swap=spec.memory_mebibytes,
            cpu_shares=spec.cpu_shares,
            shm_size=spec.shared_memory_mebibytes,
            log_driver="json-file",
            log_opts=_LOG_OPTIONS,
            stop_timeout=spec.stop_grace_seconds,
            destroy_grace_seconds=spec.stop_grace_seconds,
            restart="no" if spec.one_shot else "unless-stopped",
            must_run=not spec.one_shot,
            # A one-shot is waited for until it ends, everything else until it is healthy.
            attach=spec.one_shot or None,
            logs=spec.one_shot or None,
            wait=None if spec.one_shot else True,
            wait_timeout=None if spec.one_shot else _HEALTH_WAIT_SECONDS,
            labels=_container_labels(self._labels()),
            opts=self._options(
                # A fixed name and the host's ports can only be taken once. The provider asks for
                # this itself unless it is told otherwise.
                delete_before_replace=not spec.overlaps,
                depends_on=list(needed),
            ),
        )

    def _labels(self) -> dict[str, str]:
        labels = self._site.labels(self._spec.component)
        if self._spec.secret_environment:
            # Where secrets may stand, by name: the policies and `make scan` find any other place.
            labels["plinth.secret-names"] = ",".join(sorted(self._spec.secret_environment))
        if self._spec.one_shot:
            labels["plinth.role"] = "one-shot"
        return labels

    def _summary(self) -> pulumi.Output[dict[str, object]]:
        spec = self._spec
        return pulumi.Output.from_input(
            {
                "container": self.container.name,
                "image": spec.image,
                "networks": [self._site.name(network) for network in spec.networks],
                "ports": [
                    {"address": port.address, "external": port.external, "internal": port.internal}
                    for port in spec.ports
                ],
                "health": list(spec.health.command) if spec.health else None,
                "one_shot": spec.one_shot,
                "user": spec.user,
                "memory_mebibytes": spec.memory_mebibytes,
                "environment": sorted([*spec.environment, *spec.secret_environment]),
                "volumes": {volume.path: self._site.name(volume.name) for volume in spec.volumes},
                "files": sorted(spec.files),
                "stop_grace_seconds": spec.stop_grace_seconds,
            }
        )


def _environment(spec: ContainerSpec) -> list[pulumi.Input[str]]:
    plain = {name: pulumi.Output.from_input(value) for name, value in spec.environment.items()}
    secret: dict[str, pulumi.Output[str]] = {
        name: pulumi.Output.secret(value) for name, value in spec.secret_environment.items()
    }
    # `concat` keeps a value's secretness; a formatted string would lose it.
    return [
        pulumi.Output.concat(name, "=", value) for name, value in sorted((plain | secret).items())
    ]


def _healthcheck(check: HealthCheck) -> docker.ContainerHealthcheckArgs:
    return docker.ContainerHealthcheckArgs(
        tests=["CMD", *check.command],
        interval=f"{check.interval_seconds}s",
        timeout=f"{check.timeout_seconds}s",
        retries=check.retries,
        start_period=f"{check.start_period_seconds}s",
    )


def _container_labels(labels: Mapping[str, str]) -> list[docker.ContainerLabelArgs]:
    return [
        docker.ContainerLabelArgs(label=label, value=value)
        for label, value in sorted(labels.items())
    ]


def _volume_labels(labels: Mapping[str, str]) -> list[docker.VolumeLabelArgs]:
    return [
        docker.VolumeLabelArgs(label=label, value=value) for label, value in sorted(labels.items())
    ]


def _files_digest(contents: Mapping[str, str]) -> str:
    canonical = json.dumps(contents, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def require_success(container: str, exit_code: int, log: str) -> None:
    """Check how a one-shot ended.

    Raises:
        OneShotFailedError: with another exit code than 0.
    """
    if exit_code == 0:
        return
    tail = "\n".join(f"  {line}" for line in log.strip().splitlines()[-_TAIL_LINES:])
    raise OneShotFailedError(
        f"{container} ended with exit code {exit_code}. Its last lines:\n{tail}\n"
        "What needs it was left as it was. Mend what the lines name, then: make up (or "
        f"docker rm {container} and pulumi up --refresh)."
    )
