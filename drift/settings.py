"""A container's settings as one flat table, from its declaration and from its inspection.

Both sides pass through the same functions, in the form of the engine's API (v1.41): the declared
inputs become the request that creates the container, completed by what the image brings, and the
inspection has that form already. What is left is a comparison of two tables of texts.

Values of the environment are kept as fingerprints only.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from airgap.docker_provider import container_request
from airgap.docker_provider.durations import from_nanoseconds
from drift.finding import ABSENT

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from airgap.docker_provider.inputs import ContainerInputs
    from drift.fingerprint import Fingerprints

Settings = dict[str, str]
"""What differs by name, each as it is shown."""

Form = dict[str, Any]
"""JSON of the engine's API."""

_MEBIBYTE = 1024 * 1024
_SHORT_ID_LENGTH = 12
_ANONYMOUS_NAME_LENGTH = 64
_DEFAULT_STOP_SECONDS = 10
_OWN_VOLUME = "volume of its own"
_BRIDGE = "bridge"


def _mebibytes(value: int) -> str:
    return "unlimited" if value <= 0 else f"{value / _MEBIBYTE:g} MiB"


def _yes_or_no(value: object) -> str:
    return "yes" if value else "no"


def _number(value: int | None) -> str:
    return str(value or 0)


def _text(value: str | None) -> str:
    return value or "default"


def _limit(value: int) -> str:
    return str(value) if value > 0 else "unlimited"


def _namespace(value: str) -> str:
    """Whose it is: engines name a container's own by several words."""
    return value if value == "host" or value.startswith("container:") else "its own"


_HOST_SCALARS: tuple[tuple[str, str, object, Callable[[Any], str]], ...] = (
    ("memory", "Memory", 0, _mebibytes),
    ("memory and swap", "MemorySwap", 0, _mebibytes),
    ("memory reservation", "MemoryReservation", 0, _mebibytes),
    ("shared memory", "ShmSize", 64 * _MEBIBYTE, _mebibytes),
    ("cpu shares", "CpuShares", 0, _number),
    ("cpu period", "CpuPeriod", 0, _number),
    ("cpu quota", "CpuQuota", 0, _number),
    ("cpu set", "CpusetCpus", "", _text),
    ("cpus", "NanoCpus", 0, _number),
    ("process limit", "PidsLimit", 0, _limit),
    ("privileged", "Privileged", False, _yes_or_no),
    ("read-only root", "ReadonlyRootfs", False, _yes_or_no),
    ("init", "Init", False, _yes_or_no),
    ("publishes all ports", "PublishAllPorts", False, _yes_or_no),
    ("removed when it ends", "AutoRemove", False, _yes_or_no),
    ("process namespace", "PidMode", "", _namespace),
    ("user namespace", "UsernsMode", "", _namespace),
    ("host name namespace", "UTSMode", "", _namespace),
    ("memory namespace", "IpcMode", "", _namespace),
    ("log driver", "LogConfig.Type", "json-file", _text),
)
"""Setting, its place in HostConfig, what an engine takes when it is not given, how it is shown."""

_HOST_SETS: tuple[tuple[str, str], ...] = (
    ("security options", "SecurityOpt"),
    ("further groups", "GroupAdd"),
    ("name servers", "Dns"),
    ("name server options", "DnsOptions"),
    ("search domains", "DnsSearch"),
    ("hosts file", "ExtraHosts"),
    ("devices", "Devices"),
    ("device requests", "DeviceRequests"),
    ("process resource limits", "Ulimits"),
    ("volumes of containers", "VolumesFrom"),
)

_HOST_MAPS: tuple[tuple[str, str], ...] = (
    ("log option", "LogConfig.Config"),
    ("kernel parameter", "Sysctls"),
    ("storage option", "StorageOpt"),
)


def declared(inputs: ContainerInputs, image: Form, fingerprints: Fingerprints) -> Settings:
    """The settings that a container made from the inputs has.

    Args:
        inputs: the declaration.
        image: the configuration of the declared image, as an inspection's `Config` shows it.
        fingerprints: hide the values of the environment.
    """
    request = container_request.container(inputs)
    host = request.get("HostConfig", {})
    attached = {network.name: network.aliases for network in inputs.networks_advanced}
    mode = host.get("NetworkMode") or _BRIDGE
    return {
        "name": inputs.name,
        "image": inputs.image,
        **_configuration(_with_image(request, image), fingerprints),
        **_host(host),
        **_declared_mounts(host, image),
        **_networks(attached or {mode: []}, ()),
        **_ports(host.get("PortBindings") or {}),
    }


def found(inspected: Form, fingerprints: Fingerprints) -> Settings:
    """The settings of a container that exists, from its inspection."""
    configuration, host = inspected["Config"], inspected["HostConfig"]
    network = inspected["NetworkSettings"]
    short_id = inspected["Id"][:_SHORT_ID_LENGTH]
    attached = {name: end["Aliases"] or [] for name, end in (network["Networks"] or {}).items()}
    # What is published in fact: a container that lost its last open network publishes nothing.
    is_running = inspected["State"]["Running"]
    ports = network["Ports"] if is_running else host["PortBindings"]
    if configuration.get("Hostname") == short_id:
        configuration = {**configuration, "Hostname": ""}
    return {
        "name": inspected["Name"].removeprefix("/"),
        "image": configuration["Image"],
        **_configuration(configuration, fingerprints),
        **_host(host),
        **_found_mounts(inspected),
        **_networks(attached, {short_id}),
        **_ports(ports or {}),
    }


def differences(expected: Settings, actual: Settings) -> list[tuple[str, str, str]]:
    """What differs, what was declared and what was found, by name."""
    return [
        (what, expected.get(what, ABSENT), actual.get(what, ABSENT))
        for what in sorted(expected.keys() | actual.keys())
        if expected.get(what) != actual.get(what)
    ]


def _with_image(request: Form, image: Form) -> Form:
    """Complete a request by the image's configuration as the engine does.

    Source: `merge` in moby's daemon/commit.go.
    """
    replaces_entrypoint = bool(request.get("Entrypoint"))
    own_check, image_check = request.get("Healthcheck"), image.get("Healthcheck")
    given = {key: value for key, value in (own_check or {}).items() if value}
    return {
        **request,
        "Cmd": request.get("Cmd") or ([] if replaces_entrypoint else image.get("Cmd")),
        "Entrypoint": request.get("Entrypoint") or image.get("Entrypoint"),
        "Env": [
            f"{name}={value}"
            for name, value in (
                _pairs(image.get("Env") or []) | _pairs(request.get("Env") or [])
            ).items()
        ],
        "Labels": (image.get("Labels") or {}) | (request.get("Labels") or {}),
        "Healthcheck": {**(image_check or {}), **given},
        **{key: request.get(key) or image.get(key) for key in ("StopSignal", "User", "WorkingDir")},
    }


def _configuration(form: Form, fingerprints: Fingerprints) -> Settings:
    return {
        "user": _text(form.get("User")),
        "host name": _text(form.get("Hostname")),
        "domain name": _text(form.get("Domainname")),
        "working directory": _text(form.get("WorkingDir")),
        "entrypoint": shlex.join(form.get("Entrypoint") or []),
        "command": shlex.join(form.get("Cmd") or []),
        "terminal": _yes_or_no(form.get("Tty")),
        "stop signal": form.get("StopSignal") or "SIGTERM",
        "stop timeout": f"{form.get('StopTimeout') or _DEFAULT_STOP_SECONDS} s",
        **_health_check(form.get("Healthcheck") or {}),
        **{
            f"environment {name}": fingerprints.of(value)
            for name, value in _pairs(form.get("Env") or []).items()
        },
        **{f"label {name}": value for name, value in (form.get("Labels") or {}).items()},
    }


def _health_check(check: Form) -> Settings:
    test = check.get("Test") or []
    if not test or test == ["NONE"]:
        return {"health check": "none"}
    return {
        "health check": shlex.join(test[1:] if test[0] == "CMD" else test),
        "health check interval": from_nanoseconds(check.get("Interval") or 0),
        "health check timeout": from_nanoseconds(check.get("Timeout") or 0),
        "health check start period": from_nanoseconds(check.get("StartPeriod") or 0),
        "health check retries": _number(check.get("Retries")),
    }


def _host(host: Form) -> Settings:
    restart = host.get("RestartPolicy") or {}
    retries = restart.get("MaximumRetryCount")
    policy = restart.get("Name") or "no"
    return {
        **{
            what: show(default if (value := _at(host, place)) is None else value)
            for what, place, default, show in _HOST_SCALARS
        },
        **{what: _joined(_at(host, place) or []) for what, place in _HOST_SETS},
        **{
            f"{what} {name}": value
            for what, place in _HOST_MAPS
            for name, value in (_at(host, place) or {}).items()
        },
        "capabilities added": _joined(map(_capability, host.get("CapAdd") or [])),
        "capabilities dropped": _joined(map(_capability, host.get("CapDrop") or [])),
        "network mode": _network_mode(host.get("NetworkMode")),
        "restart policy": f"{policy} {retries}" if retries else policy,
    }


def _network_mode(mode: str | None) -> str:
    return _BRIDGE if mode in {None, "", "default"} else str(mode)


def _capability(name: str) -> str:
    upper = name.upper()
    return upper if upper == "ALL" or upper.startswith("CAP_") else f"CAP_{upper}"


def _declared_mounts(host: Form, image: Form) -> Settings:
    places = {}
    for path in image.get("Volumes") or {}:
        places[path] = f"{_OWN_VOLUME}, read-write"
    for bind in host.get("Binds") or []:
        source, path, options = bind.split(":", 2)
        places[path] = _mount("bind" if source.startswith("/") else "volume", source, options)
    for mount in host.get("Mounts") or []:
        mode = "ro" if mount.get("ReadOnly") else "rw"
        places[mount["Target"]] = _mount(mount["Type"], mount.get("Source", ""), mode)
    return {f"mount {path}": value for path, value in places.items()} | _temporary(host)


def _found_mounts(inspected: Form) -> Settings:
    return {
        f"mount {mount['Destination']}": _mount(
            mount["Type"], mount.get("Name") or mount["Source"], "rw" if mount["RW"] else "ro"
        )
        for mount in inspected["Mounts"]
    } | _temporary(inspected["HostConfig"])


def _mount(kind: str, source: str, options: str) -> str:
    mode = "read-only" if "ro" in options.split(",") else "read-write"
    is_anonymous = len(source) == _ANONYMOUS_NAME_LENGTH and set(source) <= set("0123456789abcdef")
    if kind == "volume" and (is_anonymous or not source):
        return f"{_OWN_VOLUME}, {mode}"
    return f"{'folder' if kind == 'bind' else kind} {source}, {mode}".replace(" ,", ",")


def _temporary(host: Form) -> Settings:
    return {
        f"mount {path}": f"tmpfs {options}" for path, options in (host.get("Tmpfs") or {}).items()
    }


def _networks(attached: Mapping[str, Iterable[str]], incidental: Iterable[str]) -> Settings:
    return {
        f"network {name}": f"aliases {_joined(set(aliases) - set(incidental))}"
        for name, aliases in attached.items()
    }


def _ports(bindings: Mapping[str, Iterable[Form] | None]) -> Settings:
    return {
        f"published port {inside}": _joined(
            f"{binding['HostIp'] or '0.0.0.0'}:{binding['HostPort']}"  # noqa: S104  (what it means)
            for binding in outside
        )
        for inside, outside in bindings.items()
        if outside
    }


def _pairs(entries: Iterable[str]) -> dict[str, str]:
    return {name: value for name, _, value in (entry.partition("=") for entry in entries)}


def _joined(items: Iterable[object]) -> str:
    texts = (item if isinstance(item, str) else json.dumps(item, sort_keys=True) for item in items)
    return ", ".join(sorted(texts)) or "none"


def _at(form: Form, place: str) -> Any:  # noqa: ANN401  (a form is any JSON)
    value: Any = form
    for key in place.split("."):
        value = (value or {}).get(key)
    return value
