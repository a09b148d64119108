"""The gateway's container where a stack chooses Kong."""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pulumi
import pytest
import yaml

from infra.catalog import CATALOG
from infra.gateway import certificates
from infra.gateway.kong import component
from infra.gateway.kong.plugins import ALL
from tests.certificates import self_signed
from tests.unit.infra.conftest import run_program

from .stand_in import BODY_BUFFER_BYTES

if TYPE_CHECKING:
    from collections.abc import Callable

CONTAINER = "docker:index/container:Container"
DEVELOPMENT: dict[str, Any] = {
    "plinth:environment": "development",
    "plinth:auth": {"autoconfirm": True},
}
Containers = dict[str, dict[str, Any]]


def containers(**gateway: Any) -> Containers:
    """Inputs of the stack's containers, by name."""
    chosen = {**DEVELOPMENT, "plinth:gateway": {"engine": "kong", **gateway}}
    return run_program("dev", chosen).resources[CONTAINER]


@pytest.fixture(scope="module")
def plain() -> Containers:
    """Of a stack whose gateway speaks plain HTTP."""
    return containers()


@pytest.fixture(scope="module")
def with_tls(tmp_path_factory: pytest.TempPathFactory) -> Containers:
    """Of a stack whose gateway has a certificate and is behind a proxy."""
    folder = tmp_path_factory.mktemp("certificate")
    chain, key = self_signed("gateway")
    (folder / "chain.pem").write_text(chain)
    (folder / "key.pem").write_text(key)
    tls = {
        "certificate_file": str(folder / "chain.pem"),
        "key_file": str(folder / "key.pem"),
        "redirect_port": 8080,
    }
    return containers(port=8443, tls=tls, trusted_proxies=1)


def environment(containers: Containers) -> dict[str, str]:
    return dict(entry.split("=", 1) for entry in containers["gateway"]["envs"])


def test_kong_is_pulled_whatever_the_source(plain: Containers) -> None:
    assert plain["gateway"]["image"] == CATALOG["gateway"].alternatives["kong"].reference


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KONG_DATABASE", "off"),
        ("KONG_DECLARATIVE_CONFIG", "/run/plinth/files/kong.yaml"),
        ("KONG_ADMIN_LISTEN", "off"),
        ("KONG_ADMIN_GUI_LISTEN", "off"),
        ("KONG_HEADERS", "off"),
        ("KONG_UNTRUSTED_LUA", "sandbox"),
        (
            "KONG_UNTRUSTED_LUA_SANDBOX_REQUIRES",
            "cjson.safe,resty.openssl.hmac,resty.openssl.pkey",
        ),
        ("KONG_PLUGINS", ",".join(model.plugin for model in ALL)),
        # The line of a request, which nginx writes into it below that, may hold a key.
        ("KONG_LOG_LEVEL", "alert"),
        ("KONG_PROXY_ACCESS_LOG", "off"),
        ("KONG_PROXY_LISTEN", "0.0.0.0:8000"),
        ("KONG_NGINX_HTTP_CLIENT_MAX_BODY_SIZE", str(1024 * 1024)),
        ("KONG_NGINX_HTTP_CLIENT_BODY_BUFFER_SIZE", str(BODY_BUFFER_BYTES)),
    ],
)
def test_kong_is_told(plain: Containers, name: str, value: str) -> None:
    assert environment(plain)[name] == value


def test_kong_writes_in_memory_alone(plain: Containers) -> None:
    gateway = plain["gateway"]
    assert (gateway["readOnly"], list(gateway["tmpfs"]), environment(plain)["KONG_PREFIX"]) == (
        True,
        ["/tmp"],
        "/tmp/kong",
    )


def test_kong_runs_without_privileges(plain: Containers) -> None:
    gateway = plain["gateway"]
    assert (gateway["user"], gateway["capabilities"]) == ("1000:1000", {"drops": ["ALL"]})


def test_kong_is_asked_for_its_health(plain: Containers) -> None:
    assert plain["gateway"]["healthcheck"]["tests"] == ["CMD", "kong", "health"]


def test_keys_are_in_the_file_and_not_in_the_environment(plain: Containers) -> None:
    (upload,) = plain["gateway-files"]["uploads"]
    keys = ("sb_secret_", "sb_publishable_")
    assert (
        all(key in upload["content"] for key in keys),
        any(key in str(plain["gateway"]) for key in keys),
    ) == (True, False)


def test_file_is_the_declaration(plain: Containers) -> None:
    (upload,) = plain["gateway-files"]["uploads"]
    assert yaml.safe_load(upload["content"])["_format_version"] == "3.0"


def test_other_proxies_are_not_believed(plain: Containers) -> None:
    assert "KONG_TRUSTED_IPS" not in environment(plain)


def test_a_trusted_proxy_is_believed(with_tls: Containers) -> None:
    assert environment(with_tls)["KONG_TRUSTED_IPS"] == "0.0.0.0/0,::/0"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("KONG_PROXY_LISTEN", "0.0.0.0:8000 http2 ssl, 0.0.0.0:8001"),
        ("KONG_SSL_CERT", "/run/plinth/renewed/chain.pem"),
        ("KONG_SSL_CERT_KEY", "/run/plinth/renewed/key.pem"),
        ("KONG_SSL_PROTOCOLS", "TLSv1.2 TLSv1.3"),
    ],
)
def test_kong_speaks_tls(with_tls: Containers, name: str, value: str) -> None:
    assert environment(with_tls)[name] == value


def test_both_ports_are_published(with_tls: Containers) -> None:
    ports = [(port["internal"], port["external"]) for port in with_tls["gateway"]["ports"]]
    assert ports == [(8000, 8443), (8001, 8080)]


def test_tls_without_a_certificate_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    # As where something else than a file is to give it.
    monkeypatch.setattr(certificates, "read", lambda _config: None)
    tls = {"certificate_file": "chain.pem", "key_file": "key.pem"}
    with pytest.raises(pulumi.RunError, match="engine: kong takes its certificate from files"):
        containers(tls=tls)


def test_envoy_is_what_runs_by_default() -> None:
    chosen = run_program("dev", {**DEVELOPMENT, "plinth:gateway": {"engine": "envoy"}})
    default = run_program("dev", DEVELOPMENT)
    assert chosen.resources == default.resources


@pytest.fixture
def renew(tmp_path: Path) -> Callable[[int], list[str]]:
    """Run start.sh, renew the key, and return what Kong was told; it fails at first."""

    def run(failures: int) -> list[str]:
        for name in ("chain.pem", "key.pem"):
            (tmp_path / name).write_text("first")
        told = tmp_path / "told"
        programs = {
            # The script's own pauses: a certificate is renewed in each.
            "sleep": f"echo second >'{tmp_path}/key.pem'; /bin/sleep 0.02",
            "kong": f"echo \"$@\" >>'{told}'; [[ $(wc --lines <'{told}') -gt {failures} ]]",
            "serve": (
                f"until [[ $(cat '{told}' | wc --lines) -gt {failures} ]]\ndo /bin/sleep 0.02\ndone"
            ),
        }
        for name, text in programs.items():
            (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
            (tmp_path / name).chmod(0o755)
        script = Path(component.__file__).with_name(component.START_FILE)
        process = subprocess.Popen(
            ["bash", script, tmp_path, "serve"],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin"},
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            process.wait(timeout=20)
        finally:
            os.killpg(process.pid, signal.SIGTERM)
        return told.read_text().splitlines()[: failures + 1]

    return run


def test_a_renewed_certificate_is_read(renew: Callable[[int], list[str]]) -> None:
    assert renew(0) == ["reload"]


def test_a_pair_that_does_not_fit_is_tried_again(renew: Callable[[int], list[str]]) -> None:
    assert renew(2) == ["reload"] * 3
