"""From an inspection of a container to what the resource's state says about it.

`observed` gives the inputs that an inspection shows; `outputs` the whole state, in the shape in
which the official provider writes it, so that either provider goes on with the other's state.
"""

from typing import Any, Final

from airgap.docker_provider.container_request import MEBIBYTE
from airgap.docker_provider.durations import from_nanoseconds
from airgap.docker_provider.engine import Inspection
from airgap.docker_provider.inputs import (
    ContainerInputs,
    NetworkAttachment,
    Upload,
)
from airgap.docker_provider.inputs import Volume as VolumeInput
from airgap.docker_provider.labels import from_mapping
from airgap.provider.values import Value, Values

META: Final = '{"schema_version":"2"}'
_SHORT_ID_LENGTH: Final = 12
_NANO_CPUS: Final = 1_000_000_000
_PREDEFINED_NETWORKS: Final = frozenset({"bridge", "host", "none", "default"})


def observed(inspected: Inspection, image: Inspection, declared: ContainerInputs) -> Values:
    """Return the inputs as the inspection shows them.

    Args:
        inspected: The container.
        image: The configuration of its image, whose own environment and labels do not count.
        declared: The inputs it was made from; they settle what cannot be told from outside.
    """
    configuration, host = inspected["Config"], inspected["HostConfig"]
    log = host["LogConfig"]
    return {
        "capabilities": _capabilities(host),
        "command": configuration["Cmd"] or [],
        "cpuPeriod": host["CpuPeriod"],
        "cpuQuota": host["CpuQuota"],
        "cpuSet": host["CpusetCpus"],
        "cpuShares": host["CpuShares"],
        "cpus": _trim(host["NanoCpus"] / _NANO_CPUS),
        "devices": [
            {
                "containerPath": device["PathInContainer"],
                "hostPath": device["PathOnHost"],
                "permissions": device["CgroupPermissions"],
            }
            for device in host["Devices"] or []
        ],
        "dns": host["Dns"] or [],
        "dnsOpts": host["DnsOptions"] or [],
        "dnsSearches": host["DnsSearch"] or [],
        "domainname": configuration["Domainname"],
        "entrypoints": configuration["Entrypoint"] or [],
        "envs": _environment(configuration, image, declared),
        "groupAdds": host["GroupAdd"] or [],
        "healthcheck": _health_check(configuration, image, declared),
        "hostname": configuration["Hostname"],
        "hosts": [_host_line(line) for line in host["ExtraHosts"] or []],
        "init": bool(host.get("Init")),
        "ipcMode": host["IpcMode"],
        "labels": from_mapping(_labels(configuration, image, declared)),
        "logDriver": log["Type"],
        "logOpts": log["Config"] or {},
        "maxRetryCount": host["RestartPolicy"]["MaximumRetryCount"],
        "memory": host["Memory"] // MEBIBYTE,
        "memoryReservation": host["MemoryReservation"] // MEBIBYTE,
        "memorySwap": _swap(host["MemorySwap"]),
        "mounts": [_mount(mount) for mount in host.get("Mounts") or []],
        "name": inspected["Name"].removeprefix("/"),
        "networkMode": host["NetworkMode"],
        "networksAdvanced": _networks(inspected, declared),
        "ports": _ports(inspected),
        "privileged": host["Privileged"],
        "publishAllPorts": host["PublishAllPorts"],
        "readOnly": host["ReadonlyRootfs"],
        "restart": host["RestartPolicy"]["Name"] or "no",
        "rm": host["AutoRemove"],
        "runtime": host["Runtime"],
        "securityOpts": host["SecurityOpt"] or [],
        "shmSize": host["ShmSize"] // MEBIBYTE,
        "stdinOpen": configuration["OpenStdin"],
        "stopSignal": configuration.get("StopSignal", ""),
        "stopTimeout": configuration.get("StopTimeout") or 0,
        "storageOpts": host.get("StorageOpt") or {},
        "sysctls": host.get("Sysctls") or {},
        "tmpfs": host.get("Tmpfs") or {},
        "tty": configuration["Tty"],
        "ulimits": [
            {"hard": limit["Hard"], "name": limit["Name"], "soft": limit["Soft"]}
            for limit in host["Ulimits"] or []
        ],
        "user": configuration["User"],
        "usernsMode": host["UsernsMode"],
        "volumes": _volumes(inspected, declared),
        "workingDir": configuration["WorkingDir"],
    }


def outputs(
    inspected: Inspection,
    shown: Values,
    declared: ContainerInputs,
    *,
    logs: str | None = None,
) -> Values:
    """Return the state of a container.

    Args:
        inspected: The container.
        shown: What `observed` returned for it.
        declared: The inputs it was made from.
        logs: What a one-shot container wrote, if it was attached to and logs were asked for.
    """
    running = inspected["State"]["Running"]
    given = declared.model_fields_set
    return {
        **shown,
        "__meta": META,
        "attach": declared.attach,
        "bridge": inspected["NetworkSettings"]["Bridge"],
        "cgroupParent": declared.cgroup_parent or None,
        "cgroupnsMode": declared.cgroupns_mode or None,
        "containerLogs": logs,
        "containerReadRefreshTimeoutMilliseconds": (
            declared.container_read_refresh_timeout_milliseconds
        ),
        "cpuPeriod": shown["cpuPeriod"] or None,
        "cpuQuota": shown["cpuQuota"] or None,
        "cpus": declared.cpus or None,
        "destroyGraceSeconds": declared.destroy_grace_seconds or None,
        "deviceReadBps": _dump(declared, "device_read_bps"),
        "deviceReadIops": _dump(declared, "device_read_iops"),
        "deviceRequests": [],
        "deviceWriteBps": _dump(declared, "device_write_bps"),
        "deviceWriteIops": _dump(declared, "device_write_iops"),
        "exitCode": None if running or declared.must_run else inspected["State"]["ExitCode"],
        "gpus": None,
        "id": inspected["Id"],
        "image": declared.image,
        "logs": declared.logs,
        "mustRun": declared.must_run,
        "networkDatas": _network_data(inspected),
        "pidMode": declared.pid_mode or None,
        "platform": inspected["Platform"] if "platform" not in given else declared.platform,
        "removeVolumes": declared.remove_volumes,
        "start": declared.start,
        "uploads": [_upload_output(upload) for upload in declared.uploads],
        "wait": declared.wait,
        "waitTimeout": declared.wait_timeout,
    }


def _dump(declared: ContainerInputs, field: str) -> Value:
    dumped: Value = declared.model_dump(mode="json", by_alias=True, include={field}).popitem()[1]
    return dumped


def _upload_output(upload: Upload) -> Value:
    return {
        "content": upload.content,
        "contentBase64": upload.content_base64,
        "executable": upload.executable,
        "file": upload.file,
        **({"group": upload.group} if upload.group else {}),
        **({"owner": upload.owner} if upload.owner else {}),
        "permissions": upload.permissions,
        "source": upload.source,
        "sourceHash": upload.source_hash,
    }


def _capabilities(host: Inspection) -> Value:
    if not host["CapAdd"] and not host["CapDrop"]:
        return None
    return {"adds": host["CapAdd"] or [], "drops": host["CapDrop"] or []}


def _environment(
    configuration: Inspection, image: Inspection, declared: ContainerInputs
) -> list[Value]:
    """Return the environment without what the image brings, unless it was declared."""
    names = {entry.partition("=")[0] for entry in declared.envs}
    own = set(image.get("Env") or [])
    shown: list[str] = [
        entry
        for entry in configuration["Env"] or []
        if entry not in own or entry.partition("=")[0] in names
    ]
    order = {entry: index for index, entry in enumerate(declared.envs)}
    return [*sorted(shown, key=lambda entry: (order.get(entry, len(order)), entry))]


def _labels(
    configuration: Inspection, image: Inspection, declared: ContainerInputs
) -> dict[str, str]:
    names = {label.label for label in declared.labels}
    own: dict[str, str] = image.get("Labels") or {}
    return {
        name: value
        for name, value in (configuration["Labels"] or {}).items()
        if name in names or own.get(name) != value
    }


def _health_check(configuration: Inspection, image: Inspection, declared: ContainerInputs) -> Value:
    check = configuration.get("Healthcheck")
    if not check or (declared.healthcheck is None and check == image.get("Healthcheck")):
        return None
    shown: dict[str, Value] = {
        "interval": from_nanoseconds(check.get("Interval", 0)),
        "retries": check.get("Retries", 0),
        "startInterval": from_nanoseconds(check.get("StartInterval", 0)),
        "startPeriod": from_nanoseconds(check.get("StartPeriod", 0)),
        "tests": check.get("Test") or [],
        "timeout": from_nanoseconds(check.get("Timeout", 0)),
    }
    if declared.healthcheck is not None and "StartInterval" not in check:
        # An engine before 25 does not keep it; what was asked for is no drift.
        shown["startInterval"] = declared.healthcheck.start_interval
    return shown


def _host_line(line: str) -> Value:
    name, _, address = line.partition(":")
    return {"host": name, "ip": address}


def _swap(amount: int) -> int:
    return amount // MEBIBYTE if amount > 0 else amount


def _trim(number: float) -> str:
    return f"{number:.9f}".rstrip("0").rstrip(".") if number else ""


def _mount(mount: Inspection) -> Value:
    shown: dict[str, Value] = {
        "readOnly": mount.get("ReadOnly", False),
        "source": mount.get("Source", ""),
        "target": mount["Target"],
        "type": mount["Type"],
    }
    if bind := mount.get("BindOptions"):
        shown["bindOptions"] = {"propagation": bind.get("Propagation", "")}
    if tmpfs := mount.get("TmpfsOptions"):
        shown["tmpfsOptions"] = {
            "mode": tmpfs.get("Mode", 0),
            "sizeBytes": tmpfs.get("SizeBytes", 0),
        }
    if volume := mount.get("VolumeOptions"):
        driver: dict[str, Any] = volume.get("DriverConfig") or {}
        shown["volumeOptions"] = {
            "driverName": driver.get("Name", ""),
            "driverOptions": driver.get("Options") or {},
            "labels": from_mapping(volume.get("Labels") or {}),
            "noCopy": volume.get("NoCopy", False),
        }
    return shown


def _volumes(inspected: Inspection, declared: ContainerInputs) -> list[Value]:
    """Return volumes in the order in which they were declared, then any others."""
    host = inspected["HostConfig"]
    anonymous = [
        {**_volume(""), "containerPath": volume.container_path}
        for volume in declared.volumes
        if not (volume.volume_name or volume.host_path or volume.from_container)
        and volume.container_path in (inspected["Config"]["Volumes"] or {})
    ]
    shown = [
        *anonymous,
        *(_volume(text) for text in host["Binds"] or []),
        *({**_volume(""), "fromContainer": name} for name in host["VolumesFrom"] or []),
    ]
    order = {_place(volume): index for index, volume in enumerate(declared.volumes)}
    return [
        *sorted(
            shown,
            key=lambda item: order.get(
                (str(item["containerPath"]), str(item["fromContainer"])), len(order)
            ),
        )
    ]


def _place(volume: VolumeInput) -> tuple[str, str]:
    return volume.container_path, volume.from_container


def _volume(bind: str) -> dict[str, Value]:
    source, _, rest = bind.partition(":")
    target, _, options = rest.partition(":")
    modes = options.split(",")
    is_path = source.startswith("/")
    return {
        "containerPath": target,
        "fromContainer": "",
        "hostPath": source if is_path else "",
        "readOnly": "ro" in modes,
        "selinuxRelabel": next((mode for mode in modes if mode in {"z", "Z"}), ""),
        "volumeName": "" if is_path else source,
    }


def _networks(inspected: Inspection, declared: ContainerInputs) -> list[Value]:
    """Return the networks the container is on, besides the one its network mode gives it."""
    attached: dict[str, Inspection] = inspected["NetworkSettings"]["Networks"] or {}
    short_id = inspected["Id"][:_SHORT_ID_LENGTH]
    mode = inspected["HostConfig"]["NetworkMode"]
    by_declaration: list[Value] = []
    seen: set[str] = set()
    for attachment in declared.networks_advanced:
        for name, endpoint in attached.items():
            if attachment.name in {name, endpoint["NetworkID"]}:
                by_declaration.append(_network(endpoint, attachment, short_id))
                seen.add(name)
    expected = _PREDEFINED_NETWORKS if not declared.networks_advanced else frozenset()
    others = [
        _network(endpoint, NetworkAttachment(name=name), short_id)
        for name, endpoint in sorted(attached.items())
        if name not in seen and name != mode and name not in expected
    ]
    on_default = declared.networks_advanced and mode in attached and mode not in seen
    if on_default:
        others.append(_network(attached[mode], NetworkAttachment(name=mode), short_id))
    return [*by_declaration, *others]


def _network(endpoint: Inspection, attachment: NetworkAttachment, short_id: str) -> Value:
    aliases = {alias for alias in endpoint["Aliases"] or [] if alias != short_id}
    order = {alias: index for index, alias in enumerate(attachment.aliases)}
    addresses = endpoint.get("IPAMConfig") or {}
    return {
        "aliases": [*sorted(aliases, key=lambda alias: (order.get(alias, len(order)), alias))],
        "driverOpts": [
            f"{name}={value}" for name, value in sorted((endpoint.get("DriverOpts") or {}).items())
        ],
        "gwPriority": 0,
        "ipv4Address": addresses.get("IPv4Address", ""),
        "ipv6Address": addresses.get("IPv6Address", ""),
        "linkLocalIps": addresses.get("LinkLocalIPs") or [],
        "macAddress": attachment.mac_address,
        "name": attachment.name,
    }


def _network_data(inspected: Inspection) -> list[Value]:
    attached: dict[str, Inspection] = inspected["NetworkSettings"]["Networks"] or {}
    return [
        {
            "gateway": endpoint["Gateway"],
            "globalIpv6Address": endpoint["GlobalIPv6Address"],
            "globalIpv6PrefixLength": endpoint["GlobalIPv6PrefixLen"],
            "ipAddress": endpoint["IPAddress"],
            "ipPrefixLength": endpoint["IPPrefixLen"],
            "ipv6Gateway": endpoint["IPv6Gateway"],
            "macAddress": endpoint["MacAddress"],
            "networkName": name,
        }
        for name, endpoint in sorted(attached.items())
    ]


def _ports(inspected: Inspection) -> list[Value]:
    """Return the ports that the container asks the engine to publish.

    They are taken from its configuration, since a container that is only on internal networks
    has none published; a port left to the engine's choice is looked up among the published.
    """
    published = inspected["NetworkSettings"]["Ports"] or {}
    shown: list[Value] = []
    for key, bindings in sorted((inspected["HostConfig"]["PortBindings"] or {}).items()):
        internal, _, protocol = key.partition("/")
        for index, binding in enumerate(bindings or []):
            actual = published.get(key) or []
            external = binding["HostPort"] or (
                actual[index]["HostPort"] if index < len(actual) else "0"
            )
            shown.append(
                {
                    "external": int(external),
                    "internal": int(internal),
                    "ip": binding["HostIp"] or "0.0.0.0",  # noqa: S104  what the engine means
                    "protocol": protocol,
                }
            )
    return shown
