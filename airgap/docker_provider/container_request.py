"""From a container's inputs to the engine's request that creates it.

Field names are those of the engine's API, ``POST /containers/create`` (v1.41). As with the
official provider, networks are attached after the container is created, since that version of
the API takes one network only.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from airgap.docker_provider.durations import to_nanoseconds
from airgap.docker_provider.inputs import (
    ContainerInputs,
    Device,
    DeviceRate,
    HealthCheck,
    Mount,
    NetworkAttachment,
    Port,
    Volume,
)
from airgap.docker_provider.labels import to_mapping

MEBIBYTE: Final = 1024 * 1024
_NANO_CPUS: Final = 1_000_000_000

Request = dict[str, Any]
"""JSON of the engine's API."""


def container(inputs: ContainerInputs) -> Request:
    """Return the request's body; inputs that are not given are left to the engine."""
    return _given(
        {
            "Cmd": inputs.command,
            "Domainname": inputs.domainname,
            "Entrypoint": inputs.entrypoints,
            "Env": inputs.envs,
            "ExposedPorts": {_port_key(port): {} for port in inputs.ports},
            "Healthcheck": inputs.healthcheck and health_check(inputs.healthcheck),
            "HostConfig": _host(inputs),
            "Hostname": inputs.hostname,
            "Image": inputs.image,
            "Labels": to_mapping(inputs.labels),
            "OpenStdin": inputs.stdin_open,
            "StopSignal": inputs.stop_signal,
            "StopTimeout": inputs.stop_timeout,
            "Tty": inputs.tty,
            "User": inputs.user,
            "Volumes": {
                volume.container_path: {}
                for volume in inputs.volumes
                if volume.container_path and not volume.volume_name and not volume.host_path
            },
            "WorkingDir": inputs.working_dir,
        }
    )


def _host(inputs: ContainerInputs) -> Request:
    capabilities = inputs.capabilities
    return _given(
        {
            "AutoRemove": inputs.rm,
            "Binds": [text for text in map(bind, inputs.volumes) if text],
            "BlkioDeviceReadBps": _rates(inputs.device_read_bps),
            "BlkioDeviceReadIOps": _rates(inputs.device_read_iops),
            "BlkioDeviceWriteBps": _rates(inputs.device_write_bps),
            "BlkioDeviceWriteIOps": _rates(inputs.device_write_iops),
            "CapAdd": capabilities and capabilities.adds,
            "CapDrop": capabilities and capabilities.drops,
            "CgroupParent": inputs.cgroup_parent,
            "CgroupnsMode": inputs.cgroupns_mode,
            "Devices": [_device(device) for device in inputs.devices],
            "Dns": inputs.dns,
            "DnsOptions": inputs.dns_opts,
            "DnsSearch": inputs.dns_searches,
            "ExtraHosts": [f"{host.host}:{host.ip}" for host in inputs.hosts],
            "GroupAdd": inputs.group_adds,
            "Init": bool(inputs.init),
            "IpcMode": inputs.ipc_mode,
            "LogConfig": _given({"Type": inputs.log_driver, "Config": inputs.log_opts}),
            "Mounts": [_mount(mount) for mount in inputs.mounts],
            "NanoCpus": round(float(inputs.cpus or 0) * _NANO_CPUS),
            "NetworkMode": inputs.network_mode,
            "PidMode": inputs.pid_mode,
            "PortBindings": port_bindings(inputs.ports),
            "Privileged": inputs.privileged,
            "PublishAllPorts": inputs.publish_all_ports,
            "ReadonlyRootfs": inputs.read_only,
            "Runtime": inputs.runtime,
            "SecurityOpt": inputs.security_opts,
            "ShmSize": inputs.shm_size * MEBIBYTE,
            "StorageOpt": inputs.storage_opts,
            "Sysctls": inputs.sysctls,
            "Tmpfs": inputs.tmpfs,
            "Ulimits": [
                {"Name": limit.name, "Soft": limit.soft, "Hard": limit.hard}
                for limit in inputs.ulimits
            ],
            "UsernsMode": inputs.userns_mode,
            "VolumesFrom": [
                volume.from_container for volume in inputs.volumes if volume.from_container
            ],
            "CpuPeriod": inputs.cpu_period,
            "CpuQuota": inputs.cpu_quota,
            "CpuShares": inputs.cpu_shares,
            "CpusetCpus": inputs.cpu_set,
            "Memory": inputs.memory * MEBIBYTE,
            "MemoryReservation": inputs.memory_reservation * MEBIBYTE,
            "MemorySwap": _swap(inputs.memory_swap),
            "RestartPolicy": {
                "Name": inputs.restart,
                "MaximumRetryCount": inputs.max_retry_count,
            },
        }
    )


def update(inputs: ContainerInputs) -> Request:
    """Return the arguments of the SDK's ``update_container``: what changes in place."""
    return {
        "cpu_period": inputs.cpu_period,
        "cpu_quota": inputs.cpu_quota,
        "cpu_shares": inputs.cpu_shares,
        "cpuset_cpus": inputs.cpu_set,
        "mem_limit": inputs.memory * MEBIBYTE,
        "mem_reservation": inputs.memory_reservation * MEBIBYTE,
        "memswap_limit": _swap(inputs.memory_swap),
        "restart_policy": {"Name": inputs.restart, "MaximumRetryCount": inputs.max_retry_count},
    }


def endpoint(attachment: NetworkAttachment) -> Request:
    """Return the arguments of the SDK's ``connect_container_to_network`` for a network."""
    return _given(
        {
            "aliases": attachment.aliases,
            "driver_opt": dict(_pair(option) for option in attachment.driver_opts),
            "ipv4_address": attachment.ipv4_address,
            "ipv6_address": attachment.ipv6_address,
            "link_local_ips": attachment.link_local_ips,
            "mac_address": attachment.mac_address,
        }
    )


def health_check(check: HealthCheck) -> Request:
    """Return the engine's form of a health check; ``startInterval`` needs engine 25 or later."""
    request: Request = {
        "Test": check.tests,
        "Interval": to_nanoseconds(check.interval),
        "Timeout": to_nanoseconds(check.timeout),
        "StartPeriod": to_nanoseconds(check.start_period),
        "Retries": check.retries,
    }
    start_interval = to_nanoseconds(check.start_interval)
    return {**request, "StartInterval": start_interval} if start_interval else request


def bind(volume: Volume) -> str:
    """Return a volume in the engine's ``source:target:options`` form; empty if it has none."""
    source = volume.host_path or volume.volume_name
    if not source:
        return ""
    options = ["ro" if volume.read_only else "rw"]
    if volume.selinux_relabel:
        options.append(volume.selinux_relabel)
    return f"{source}:{volume.container_path}:{','.join(options)}"


def port_bindings(ports: Iterable[Port]) -> dict[str, list[dict[str, str]]]:
    """Return the engine's form of published ports."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in ports:
        external = "" if port.external is None else str(port.external)
        bindings.setdefault(_port_key(port), []).append({"HostIp": port.ip, "HostPort": external})
    return bindings


def _port_key(port: Port) -> str:
    return f"{port.internal}/{port.protocol}"


def _swap(mebibytes: int) -> int:
    return mebibytes * MEBIBYTE if mebibytes > 0 else mebibytes


def _rates(rates: Iterable[DeviceRate]) -> list[Request]:
    return [{"Path": rate.path, "Rate": rate.rate} for rate in rates]


def _device(device: Device) -> Request:
    return {
        "PathOnHost": device.host_path,
        "PathInContainer": device.container_path or device.host_path,
        "CgroupPermissions": device.permissions,
    }


def _mount(mount: Mount) -> Request:
    request: Request = {
        "Type": mount.type,
        "Target": mount.target,
        "Source": mount.source,
        "ReadOnly": mount.read_only,
    }
    if mount.bind_options:
        request["BindOptions"] = {"Propagation": mount.bind_options.propagation}
    if mount.tmpfs_options:
        request["TmpfsOptions"] = {
            "SizeBytes": mount.tmpfs_options.size_bytes,
            "Mode": mount.tmpfs_options.mode,
        }
    if mount.volume_options:
        options = mount.volume_options
        request["VolumeOptions"] = _given(
            {
                "NoCopy": options.no_copy,
                "Labels": to_mapping(options.labels),
                "DriverConfig": _given(
                    {"Name": options.driver_name, "Options": options.driver_options}
                ),
            }
        )
    return request


def _pair(option: str) -> tuple[str, str]:
    name, _, value = option.partition("=")
    return name, value


def _given(fields: Mapping[str, Any]) -> Request:
    return {key: value for key, value in fields.items() if value not in (None, "", [], {}, 0)}
