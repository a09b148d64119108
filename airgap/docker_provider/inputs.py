"""Inputs of the docker resources, as the official provider (pulumi-docker 5.x) takes them.

Names, types and defaults follow its schema; sizes are in MiB, times in seconds unless a field
says otherwise. A field that is missing here is refused by name.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError
from pydantic.alias_generators import to_camel

from airgap.provider.resource import CheckError, without_internal
from airgap.provider.values import Value, Values, contains_unknown


class Inputs(BaseModel):
    """Base of every model here: names in camel case, nothing unknown, nothing changed later."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        coerce_numbers_to_str=True,
        extra="forbid",
        frozen=True,
        hide_input_in_errors=True,
        populate_by_name=True,
    )


InputsT = TypeVar("InputsT", bound=Inputs)


class Label(Inputs):
    """One label of a network, volume or container."""

    label: str
    value: str


class IpamConfig(Inputs):
    """One address range of a network."""

    aux_address: dict[str, str] = Field(default_factory=dict)
    gateway: str = ""
    ip_range: str = ""
    subnet: str = ""


class NetworkInputs(Inputs):
    """docker:index/network:Network."""

    name: str
    attachable: bool = False
    driver: str = ""
    ingress: bool = False
    internal: bool = False
    ipam_configs: list[IpamConfig] = Field(default_factory=list)
    ipam_driver: str = "default"
    ipam_options: dict[str, str] = Field(default_factory=dict)
    ipv6: bool = False
    labels: list[Label] = Field(default_factory=list)
    options: dict[str, str] = Field(default_factory=dict)


class VolumeInputs(Inputs):
    """docker:index/volume:Volume."""

    name: str
    driver: str = ""
    driver_opts: dict[str, str] = Field(default_factory=dict)
    labels: list[Label] = Field(default_factory=list)


class RemoteImageInputs(Inputs):
    """docker:index/remoteImage:RemoteImage."""

    name: str
    force_remove: bool = False
    keep_locally: bool = False
    platform: str = ""
    pull_triggers: list[str] = Field(default_factory=list)
    triggers: dict[str, str] = Field(default_factory=dict)


class TagInputs(Inputs):
    """docker:index/tag:Tag."""

    source_image: str
    target_image: str
    tag_triggers: list[str] = Field(default_factory=list)


class Build(Inputs):
    """How an image is built; paths are relative to the program's folder."""

    add_hosts: list[str] = Field(default_factory=list)
    args: dict[str, str] = Field(default_factory=dict)
    builder_version: Literal["BuilderV1"]
    context: str = "."
    context_digest: str = ""
    dockerfile: str = ""
    network: str = ""
    platform: str = ""
    target: str = ""


class Registry(Inputs):
    """Where an image is pushed to, and the account there."""

    server: str = ""
    username: str = ""
    password: str = ""


class ImageInputs(Inputs):
    """docker:index/image:Image."""

    image_name: str
    build: Build
    build_on_preview: bool = False
    registry: Registry = Registry()
    skip_push: bool = False


class Capabilities(Inputs):
    """Linux capabilities, in the ``CAP_…`` form."""

    adds: list[str] = Field(default_factory=list)
    drops: list[str] = Field(default_factory=list)


class Device(Inputs):
    """A device of the host inside the container."""

    host_path: str
    container_path: str = ""
    permissions: str = "rwm"


class DeviceRate(Inputs):
    """A limit of bytes or operations per second on a device; ``rate`` as the engine takes it."""

    path: str
    rate: int


class HealthCheck(Inputs):
    """A health check; durations as Go writes them, for instance ``1m30s``."""

    tests: list[str]
    interval: str = "0s"
    retries: int = 0
    start_interval: str = "0s"
    start_period: str = "0s"
    timeout: str = "0s"


class Host(Inputs):
    """One line of the container's hosts file."""

    host: str
    ip: str


class BindOptions(Inputs):
    """Options of a bind mount."""

    propagation: str = ""


class TmpfsOptions(Inputs):
    """Options of a tmpfs mount."""

    mode: int = 0
    size_bytes: int = 0


class VolumeOptions(Inputs):
    """Options of a volume mount."""

    driver_name: str = ""
    driver_options: dict[str, str] = Field(default_factory=dict)
    labels: list[Label] = Field(default_factory=list)
    no_copy: bool = False


class Mount(Inputs):
    """A mount in the long form."""

    target: str
    type: Literal["bind", "volume", "tmpfs"]
    bind_options: BindOptions | None = None
    read_only: bool = False
    source: str = ""
    tmpfs_options: TmpfsOptions | None = None
    volume_options: VolumeOptions | None = None


class NetworkAttachment(Inputs):
    """A network that the container is on; ``name`` is the network's name or id."""

    name: str
    aliases: list[str] = Field(default_factory=list)
    driver_opts: list[str] = Field(default_factory=list)
    gw_priority: Literal[0] = 0
    ipv4_address: str = ""
    ipv6_address: str = ""
    link_local_ips: list[str] = Field(default_factory=list)
    mac_address: str = ""


class Port(Inputs):
    """A published port; without ``external`` the engine chooses one."""

    internal: int
    external: int | None = None
    ip: str = "0.0.0.0"  # noqa: S104  the official provider's default
    protocol: str = "tcp"


class Ulimit(Inputs):
    """A resource limit of the container's processes."""

    hard: int
    name: str
    soft: int


class Upload(Inputs):
    """A file put into the container before it starts; exactly one source of content."""

    file: str
    content: str = ""
    content_base64: str = ""
    executable: bool = False
    group: str = ""
    owner: str = ""
    permissions: str = ""
    source: str = ""
    source_hash: str = ""


class Volume(Inputs):
    """A volume, a folder of the host or another container's volumes inside the container."""

    container_path: str = ""
    from_container: str = ""
    host_path: str = ""
    read_only: bool = False
    selinux_relabel: str = ""
    volume_name: str = ""


class ContainerInputs(Inputs):
    """docker:index/container:Container."""

    image: str
    name: str
    attach: bool = False
    capabilities: Capabilities | None = None
    cgroup_parent: str = ""
    cgroupns_mode: str = ""
    command: list[str] = Field(default_factory=list)
    container_read_refresh_timeout_milliseconds: int = 15000
    cpu_period: int = 0
    cpu_quota: int = 0
    cpu_set: str = ""
    cpu_shares: int = 0
    cpus: str = ""
    destroy_grace_seconds: int = 0
    device_read_bps: list[DeviceRate] = Field(default_factory=list)
    device_read_iops: list[DeviceRate] = Field(default_factory=list)
    device_write_bps: list[DeviceRate] = Field(default_factory=list)
    device_write_iops: list[DeviceRate] = Field(default_factory=list)
    devices: list[Device] = Field(default_factory=list)
    dns: list[str] = Field(default_factory=list)
    dns_opts: list[str] = Field(default_factory=list)
    dns_searches: list[str] = Field(default_factory=list)
    domainname: str = ""
    entrypoints: list[str] = Field(default_factory=list)
    envs: list[str] = Field(default_factory=list)
    group_adds: list[str] = Field(default_factory=list)
    healthcheck: HealthCheck | None = None
    hostname: str = ""
    hosts: list[Host] = Field(default_factory=list)
    init: bool | None = None
    ipc_mode: str = ""
    labels: list[Label] = Field(default_factory=list)
    log_driver: str = ""
    log_opts: dict[str, str] = Field(default_factory=dict)
    logs: bool = False
    max_retry_count: int = 0
    memory: int = 0
    memory_reservation: int = 0
    memory_swap: int = 0
    mounts: list[Mount] = Field(default_factory=list)
    must_run: bool = True
    network_mode: str = ""
    networks_advanced: list[NetworkAttachment] = Field(default_factory=list)
    pid_mode: str = ""
    platform: str = ""
    ports: list[Port] = Field(default_factory=list)
    privileged: bool = False
    publish_all_ports: bool = False
    read_only: bool = False
    remove_volumes: bool = True
    restart: Literal["no", "on-failure", "always", "unless-stopped"] = "no"
    rm: bool = False
    runtime: str = ""
    security_opts: list[str] = Field(default_factory=list)
    shm_size: int = 0
    start: bool = True
    stdin_open: bool = False
    stop_signal: str = ""
    stop_timeout: int = 0
    storage_opts: dict[str, str] = Field(default_factory=dict)
    sysctls: dict[str, str] = Field(default_factory=dict)
    tmpfs: dict[str, str] = Field(default_factory=dict)
    tty: bool = False
    ulimits: list[Ulimit] = Field(default_factory=list)
    uploads: list[Upload] = Field(default_factory=list)
    user: str = ""
    userns_mode: str = ""
    volumes: list[Volume] = Field(default_factory=list)
    wait: bool = False
    wait_timeout: int = 60
    working_dir: str = ""


REFUSED: Final[Mapping[str, str]] = {
    "gpus": "GPUs are not supported by this stand-in of the docker provider",
    "deviceRequests": "device requests are not supported by this stand-in of the docker provider",
    "cluster": "cluster volumes are not supported by this stand-in of the docker provider",
    "build": "build with docker.Image: this stand-in does not build in a RemoteImage",
    "build.cacheFrom": "cache images are not supported by this stand-in; leave cacheFrom out",
    "build.builderVersion": "set BuilderV1: this stand-in builds with the classic builder only",
    "networksAdvanced.gwPriority": "gateway priorities are not supported by this stand-in",
    "mounts.volumeOptions.subpath": "volume subpaths are not supported by this stand-in",
}
"""Inputs of the official provider that the stand-in does not take, and why."""


def parse(model: type[InputsT], values: Values) -> InputsT:
    """Read inputs into their model.

    Raises:
        CheckError: one failure per input that is missing, of the wrong type or refused.
    """
    try:
        return model.model_validate(strip_internal(values))
    except ValidationError as error:
        raise CheckError(
            *(_failure(detail["loc"], detail["type"], detail["msg"]) for detail in error.errors())
        ) from None


def check(model: type[Inputs], values: Values) -> None:
    """Validate the inputs that are known; an unknown one is checked once it is known.

    Raises:
        CheckError: as `parse`.
    """
    unknown = {key for key, value in values.items() if contains_unknown(value)}
    try:
        model.model_validate(
            strip_internal({key: value for key, value in values.items() if key not in unknown})
        )
    except ValidationError as error:
        failures = [
            _failure(detail["loc"], detail["type"], detail["msg"])
            for detail in error.errors()
            if not (detail["type"] == "missing" and detail["loc"][0] in unknown)
        ]
        if failures:
            raise CheckError(*failures) from None


def _failure(location: tuple[int | str, ...], kind: str, message: str) -> tuple[str, str]:
    path = "".join(
        f"[{part}]" if isinstance(part, int) else f".{part}" for part in location
    ).removeprefix(".")
    named = ".".join(part for part in location if isinstance(part, str))
    if named in REFUSED:
        return path, REFUSED[named]
    if kind == "extra_forbidden":
        return path, "there is no such input; check its name"
    return path, message


def strip_internal(values: Mapping[str, Value]) -> Values:
    """Return the properties without nulls and ``__…`` keys, at any depth."""
    return {
        key: _strip_value(value)
        for key, value in without_internal(values).items()
        if value is not None
    }


def _strip_value(value: Value) -> Value:
    match value:
        case dict():
            return strip_internal(value)
        case list():
            return [_strip_value(item) for item in value]
        case _:
            return value
