"""The connection to the Docker engine and what its errors mean.

The connection is made on first use, so that a preview works without an engine.
"""

import contextlib
import json
import os
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any, Final

import docker
import requests
from docker.errors import APIError, DockerException, NotFound
from docker.tls import TLSConfig

from airgap.docker_provider import certificates
from airgap.provider.resource import CheckError, ProviderError
from airgap.provider.values import Value, Values
from toolchain import ssh_tunnel
from toolchain.engine_choice import MATERIAL

DEFAULT_HOST: Final = "unix:///var/run/docker.sock"
_CONNECTIONS: Final = 64
_TIMEOUT_SECONDS: Final = 300
_TAKEN_CONFIGURATION: Final = frozenset({"host", "certPath", "sshOpts", "version", *MATERIAL})
_REFUSED_CONFIGURATION: Final[Mapping[str, str]] = {
    "context": "use docker:host",
    "disableDockerDaemonCheck": "leave it out: the engine is contacted on first use",
    "registryAuth": "log in with `docker login`: its credentials are used",
}

Inspection = dict[str, Any]
"""What the engine's API returns for an inspection, as JSON."""

Api = Any
"""A `docker.APIClient`; the published stubs type only a part of it."""


class Engine:
    """One Docker engine, connected to when it is first needed."""

    def __init__(self) -> None:
        self._host = os.environ.get("DOCKER_HOST") or DEFAULT_HOST
        self._certificates: str | None = os.environ.get("DOCKER_CERT_PATH")
        self._material: dict[str, str] = {}
        self._ssh_options: tuple[str, ...] = ()
        self._api: Api | None = None
        self._lock = threading.Lock()
        self._images: dict[str, Inspection] = {}

    def configure(self, configuration: Values) -> None:
        """Take the provider's configuration: where the engine is, and how it is reached."""
        host, folder = configuration.get("host"), configuration.get("certPath")
        if isinstance(host, str) and host:
            self._host = host
        if isinstance(folder, str) and folder:
            self._certificates = folder
        self._material = {
            name: text
            for name in MATERIAL
            if isinstance(text := configuration.get(name), str) and text
        }
        self._ssh_options = _ssh_options(configuration.get("sshOpts"))

    @property
    def api(self) -> Api:
        """The engine's API.

        Raises:
            ProviderError: the engine cannot be reached.
        """
        with self._lock:
            if self._api is None:
                self._api = self._connect()
            return self._api

    def _connect(self) -> Api:
        try:
            address, tls = self._host, self._tls()
            if address.startswith(f"{ssh_tunnel.SCHEME}://"):
                # It ends with this process.
                address = f"unix://{ssh_tunnel.open_tunnel(address, self._ssh_options).socket}"
            return docker.APIClient(
                base_url=address,
                version="auto",
                timeout=_TIMEOUT_SECONDS,
                tls=tls,
                max_pool_size=_CONNECTIONS,
            )
        except (ssh_tunnel.TunnelError, certificates.CertificateError) as error:
            raise ProviderError(str(error)) from None
        except DockerException as error:
            raise self.unreachable(error) from None

    def _tls(self) -> TLSConfig | bool:
        if not self._host.startswith("tcp://"):
            return False
        if self._material:
            return certificates.from_material(self._material)
        return certificates.from_folder(self._certificates) if self._certificates else False

    def unreachable(self, error: Exception) -> ProviderError:
        """Describe a connection that cannot be made or broke."""
        return ProviderError(
            f"cannot reach the Docker engine at {self._host}: {_innermost(error)}; "
            "start it or set docker:host"
        )

    @contextlib.contextmanager
    def explained(self, subject: str) -> Iterator[None]:
        """Turn the engine's errors into one clear message about ``subject``."""
        try:
            yield
        except APIError as error:
            raise ProviderError(explain(error.explanation or str(error), subject)) from None
        except requests.exceptions.RequestException as error:
            raise self.unreachable(error) from None

    def image(self, reference: str) -> Inspection | None:
        """Inspect a local image; ``None`` when there is none of that name or id."""
        try:
            found: Inspection = self.api.inspect_image(reference)
        except NotFound:
            return None
        return found

    def image_configuration(self, image_id: str) -> Inspection:
        """Return the configuration of an image by its id; images never change under one id."""
        if image_id not in self._images:
            found = self.image(image_id) or {}
            self._images[image_id] = found.get("Config") or {}
        return self._images[image_id]


def check_configuration(configuration: Values) -> Values:
    """Refuse provider configuration that the stand-in does not take.

    Raises:
        CheckError: naming the setting and what to use in its place.
    """
    try:
        _ssh_options(configuration.get("sshOpts"))
    except ssh_tunnel.TunnelError as error:
        raise CheckError(("sshOpts", str(error))) from None
    failures = [
        (key, _REFUSED_CONFIGURATION.get(key, "there is no such setting"))
        for key, value in configuration.items()
        if key not in _TAKEN_CONFIGURATION and not key.startswith("__") and not _is_empty(value)
    ]
    if failures:
        raise CheckError(*failures)
    return configuration


def _ssh_options(value: Value) -> tuple[str, ...]:
    """Options of ssh from the configuration, where the engine hands a list on as JSON.

    Raises:
        TunnelError: It is no list of texts.
    """
    if _is_empty(value):
        return ()
    return ssh_tunnel.options_from(value if isinstance(value, str) else json.dumps(value))


def _is_empty(value: Value) -> bool:
    return value in (None, "", "false", "[]", [], False)


# The engine's texts, in the order in which they are looked for, and what they are told as.
_EXPLANATIONS: Final = (
    (
        r"no space left on device",
        (
            "{subject}: the engine's disk is full; free space (`docker system df` shows what takes "
            "it, `docker system prune` removes what is unused) and run again"
        ),
    ),
    (
        (
            r"(?:Bind for|listen tcp\d?|listen udp\d?) (?P<address>\S+?):? "
            r"(?:failed: port is already allocated|bind: address already in use)"
        ),
        (
            "{subject}: port {address} of the host is already in use; stop what listens there or "
            "choose another port"
        ),
    ),
    (
        (
            r'The container name "/?(?P<name>[^"]+)" is already in use by container '
            r'"?(?P<holder>[0-9a-f]{12})'
        ),
        (
            "{subject}: the name {name} is taken by container {holder}; "
            "remove it with `docker rm -f {name}` or choose another name"
        ),
    ),
    (
        r"No such image: (?P<image>\S+)",
        "{subject}: image {image} is not on this engine; build or pull it first",
    ),
    (
        r"container rootfs is marked read-only",
        (
            "{subject}: uploads need a writable root file system; put the files into a volume or "
            "leave readOnly out"
        ),
    ),
    (
        r"network (?P<network>\S+) not found",
        "{subject}: network {network} does not exist",
    ),
    (
        r"all predefined address pools have been fully subnetted|non-overlapping IPv4 address pool",
        (
            "{subject}: the engine has no free address range for another network; remove unused "
            "networks with `docker network prune`"
        ),
    ),
)


def explain(text: str, subject: str) -> str:
    """Return one clear line for an error text of the engine.

    Args:
        text: What the engine answered.
        subject: What was being done, for instance ``container web``.
    """
    for pattern, explanation in _EXPLANATIONS:
        found = re.search(pattern, text)
        if found:
            return explanation.format(subject=subject, **found.groupdict())
    return f"{subject}: the engine refused: {' '.join(text.split())}"


def _innermost(error: BaseException) -> str:
    """Return the text of the error at the bottom: the system's own, such as a refused socket."""
    reason = error
    while True:
        inner = reason.__cause__ or reason.__context__
        if inner is None:
            break
        reason = inner
    text = str(reason)
    system = re.search(r"\[Errno \d+\] ([^')]+)", text)
    return system[1].strip() if system else " ".join(text.split())
