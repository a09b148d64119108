"""The whole program under a recorder, as each shipped stack runs it."""

import secrets
from collections.abc import Callable
from itertools import combinations
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml

from services.auth.external.settings import configured_providers
from services.auth.settings import AuthSettings
from services.certificates.settings import CertificatesSettings
from services.shared.settings import load_settings
from tests.certificates import self_signed
from tests.unit.infra.conftest import ROOT, STACKS, Recorder, run_program, run_program_again
from tests.unit.infra.locks import DIGEST, REGISTRY, fitting, written

CONTAINER = "docker:index/container:Container"
IMAGE = "docker:index/image:Image"
VOLUME = "docker:index/volume:Volume"
REMOTE_IMAGE = "docker:index/remoteImage:RemoteImage"
DEVELOPMENT: dict[str, Any] = {
    "plinth:environment": "development",
    "plinth:auth": {"autoconfirm": True},
}


@pytest.fixture
def containers(program: Recorder) -> dict[str, dict[str, Any]]:
    return program.resources[CONTAINER]


@pytest.fixture
def components(containers: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {name: inputs for name, inputs in containers.items() if not name.endswith("-files")}


def test_every_container_drops_its_capabilities(containers: dict[str, dict[str, Any]]) -> None:
    assert {str(inputs["capabilities"]) for inputs in containers.values()} == {"{'drops': ['ALL']}"}


def test_every_component_has_a_read_only_root(components: dict[str, dict[str, Any]]) -> None:
    assert all(inputs["readOnly"] for inputs in components.values())


def test_memory_and_swap_are_limited_together(containers: dict[str, dict[str, Any]]) -> None:
    assert all(inputs["memory"] == inputs["memorySwap"] for inputs in containers.values())


def test_no_component_runs_as_root(containers: dict[str, dict[str, Any]]) -> None:
    assert all(not inputs["user"].startswith("0") for inputs in containers.values())


def test_everything_that_stays_is_checked_for_health(
    components: dict[str, dict[str, Any]],
) -> None:
    without = {name for name, inputs in components.items() if "healthcheck" not in inputs}
    assert without == {"db-bootstrap"}


@pytest.fixture
def checks(components: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Health checks of what this repository has built."""
    return [inputs["healthcheck"] for inputs in components.values() if "healthcheck" in inputs]


def test_a_start_is_seen_within_a_second(checks: list[dict[str, Any]]) -> None:
    assert {check["interval"] for check in checks} == {"1s"}


def test_what_serves_is_asked_every_ten_seconds(checks: list[dict[str, Any]]) -> None:
    assert {tuple(check["tests"][1:4]) for check in checks} == {("health-check", "10", "3")}


def test_the_engine_does_not_give_a_check_up_that_rests(checks: list[dict[str, Any]]) -> None:
    assert all(int(check["timeout"].removesuffix("s")) > 10 + 3 for check in checks)


def test_upstreams_images_are_asked_in_their_own_words() -> None:
    program = run_program("dev", {**DEVELOPMENT, "plinth:images": {"source": "registry"}})
    check = program.resources[CONTAINER]["postgres"]["healthcheck"]
    assert check["tests"] == ["CMD", "pg_isready", "--quiet", "--host=127.0.0.1"]


@pytest.mark.parametrize("store", ["postgres", "mongo", "redis", "object-store"])
def test_a_store_is_given_half_a_minute_to_stop(
    components: dict[str, dict[str, Any]], store: str
) -> None:
    assert components[store]["destroyGraceSeconds"] >= 30


def test_only_the_gateway_may_be_published_beyond_loopback(
    components: dict[str, dict[str, Any]],
) -> None:
    beyond = {
        name
        for name, inputs in components.items()
        for port in inputs.get("ports", [])
        if port["ip"] != "127.0.0.1"
    }
    assert beyond <= {"gateway"}


def test_no_image_is_untagged(components: dict[str, dict[str, Any]]) -> None:
    assert all(":" in inputs["image"] for inputs in components.values())


def test_files_are_not_for_everybody(containers: dict[str, dict[str, Any]]) -> None:
    modes = {
        upload["permissions"]
        for inputs in containers.values()
        for upload in inputs.get("uploads", [])
    }
    assert modes == {"0440"}


def test_a_components_files_are_named_after_their_content(
    components: dict[str, dict[str, Any]],
) -> None:
    volumes = [volume["volumeName"] for volume in components["gateway"]["volumes"]]
    assert "-gateway-files-" in volumes[0]


def test_the_same_configuration_gives_the_same_resources() -> None:
    first, second = run_program("dev", DEVELOPMENT), run_program_again("dev", DEVELOPMENT)
    assert first.resources == second.resources


def test_another_generation_of_keys_changes_the_gateway() -> None:
    rotated = {**DEVELOPMENT, "plinth:keys": {"generation": 2}}
    before, after = (run_program("dev", configuration) for configuration in (DEVELOPMENT, rotated))
    volume = [run.resources[CONTAINER]["gateway"]["volumes"] for run in (before, after)]
    assert volume[0] != volume[1]


def test_a_new_generation_keeps_the_previous_seed() -> None:
    rotated = run_program("dev", {**DEVELOPMENT, "plinth:keys": {"generation": 2}})
    generated = rotated.resources["random:index/randomPassword:RandomPassword"]
    assert {"seed-keys-1", "seed-keys-2"} <= set(generated)


def test_an_unpublished_store_is_on_the_data_network_alone() -> None:
    program = run_program("dev", DEVELOPMENT)
    networks = program.resources[CONTAINER]["redis"]["networksAdvanced"]
    assert [network["name"] for network in networks] == ["plinth-dev-data"]


def test_no_secret_is_made_of_random_bytes(program: Recorder) -> None:
    # The id of such a resource is its value, and ids are kept in clear.
    assert "random:index/randomBytes:RandomBytes" not in program.resources


def test_protected_data_is_declared_in_production_alone() -> None:
    assert "plinth-dev-postgres-data" in {
        volume["name"]
        for volume in run_program("dev", DEVELOPMENT)
        .resources["docker:index/volume:Volume"]
        .values()
    }


def test_images_may_come_from_a_registry() -> None:
    program = run_program("dev", {**DEVELOPMENT, "plinth:images": {"source": "registry"}})
    pulled = program.resources[REMOTE_IMAGE]
    assert pulled["postgres-image"]["name"].startswith("postgres:17")


def test_plinths_own_services_are_built_whatever_the_source() -> None:
    program = run_program("dev", {**DEVELOPMENT, "plinth:images": {"source": "registry"}})
    assert "db-bootstrap-image" in program.resources[IMAGE]


@pytest.fixture
def locked(tmp_path: Path) -> Recorder:
    """The program of a stack that names a lock."""
    images = {"lock": str(written(tmp_path, fitting()))}
    return run_program("dev", {**DEVELOPMENT, "plinth:images": images})


def test_with_a_lock_nothing_is_built(locked: Recorder) -> None:
    assert IMAGE not in locked.resources


def test_with_a_lock_every_container_runs_an_image_by_its_digest(locked: Recorder) -> None:
    images = {inputs["image"] for inputs in locked.resources[CONTAINER].values()}
    assert all(
        image.startswith(f"{REGISTRY}/") and image.endswith(f"@{DIGEST}") for image in images
    )


def test_a_pulled_image_is_kept_for_the_way_back(locked: Recorder) -> None:
    assert all(inputs["keepLocally"] for inputs in locked.resources[REMOTE_IMAGE].values())


def test_a_lock_leaves_upstream_images_to_their_source(tmp_path: Path) -> None:
    images = {"source": "registry", "lock": str(written(tmp_path, fitting()))}
    program = run_program("dev", {**DEVELOPMENT, "plinth:images": images})
    pulled = {name: inputs["name"] for name, inputs in program.resources[REMOTE_IMAGE].items()}
    own = {name for name, image in pulled.items() if image.startswith(REGISTRY)}
    assert own == {"db-bootstrap-image", "versitygw-image"}


def test_a_lock_that_does_not_fit_stops_the_program_before_anything_is_declared(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = fitting()
    content["images"]["redis"]["tag"] = "8.0-000000000000"
    images = {"lock": str(written(tmp_path, content))}
    declared: list[str] = []
    # Where a resource is declared: the engine hears of it later.
    monkeypatch.setattr(
        pulumi.Resource, "__init__", lambda _, _type, name, *_rest: declared.append(name)
    )
    with pytest.raises(pulumi.RunError, match="was written for other sources of image redis"):
        run_program("dev", {**DEVELOPMENT, "plinth:images": images})
    # The stack itself is declared once in a process.
    assert set(declared) <= {"plinth-dev"}


def test_auth_starts_with_what_a_shipped_stack_tells_it(
    components: dict[str, dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    given = dict(entry.split("=", 1) for entry in components["auth"]["envs"])
    # What the recorder generates reads like a demo's secret.
    generated = {name: secrets.token_urlsafe(32) for name in ("PGPASSWORD", "GOTRUE_JWT_SECRET")}
    for name, value in (given | generated).items():
        monkeypatch.setenv(name, value)
    assert AuthSettings()


def taken(stack: str) -> set[str]:
    """Every name and port that a shipped stack takes on its host."""
    file = yaml.safe_load((ROOT / f"Pulumi.{stack}.yaml").read_text())
    resources = run_program(stack, file["config"]).resources
    kinds = ("container:Container", "network:Network", "volume:Volume")
    names = {
        f"{kind} {inputs['name']}"
        for kind in kinds
        for inputs in resources[f"docker:index/{kind}"].values()
        if "name" in inputs  # others are generated, with the stack's name in them
    }
    ports = {
        f"port {port['external']}"
        for inputs in resources[CONTAINER].values()
        for port in inputs.get("ports", [])
    }
    return names | ports


@pytest.mark.parametrize(("one", "other"), list(combinations(STACKS, 2)))
def test_shipped_stacks_run_side_by_side(one: str, other: str) -> None:
    first, second = taken(one), taken(other)
    assert first
    assert not first & second


def environment_of_auth(**sections: dict[str, Any]) -> dict[str, str]:
    configuration = {f"plinth:{name}": section for name, section in sections.items()}
    program = run_program("dev", DEVELOPMENT | configuration)
    lines = program.resources[CONTAINER]["auth"]["envs"]
    return dict(line.split("=", 1) for line in lines)


def test_auth_sends_to_the_mail_sink_where_it_runs() -> None:
    environment = environment_of_auth(mail={"enabled": True})
    assert (environment["GOTRUE_SMTP_HOST"], environment["PLINTH_SMTP_VERIFIED_TLS"]) == (
        "mail",
        "false",
    )


def test_auth_sends_to_the_configured_server_with_verified_tls() -> None:
    smtp = {"host": "smtp.example.com", "sender_address": "auth@example.com"}
    environment = environment_of_auth(smtp=smtp)
    assert (environment["GOTRUE_SMTP_HOST"], environment["PLINTH_SMTP_VERIFIED_TLS"]) == (
        "smtp.example.com",
        "true",
    )


def test_without_a_way_to_send_auth_has_no_mail_server() -> None:
    assert "GOTRUE_SMTP_HOST" not in environment_of_auth()


def test_links_in_mails_lead_through_the_gateway() -> None:
    environment = environment_of_auth()
    assert environment["GOTRUE_MAILER_URLPATHS_RECOVERY"] == "/auth/v1/verify"


def test_a_mail_template_is_a_file_of_auth() -> None:
    template = "services/auth/mail/built_in/invite.html"
    auth = {"autoconfirm": True, "mail_templates": {"invite": template}}
    program = run_program("dev", DEVELOPMENT | {"plinth:auth": auth})
    uploads = program.resources[CONTAINER]["auth-files"]["uploads"]
    assert {upload["file"].rpartition("/")[2] for upload in uploads} == {
        "invite.html",
        "invite.txt",
    }


def test_a_mail_template_is_named_by_its_place_in_the_container() -> None:
    template = "services/auth/mail/built_in/invite.html"
    auth = {"autoconfirm": True, "mail_templates": {"invite": template}}
    environment = environment_of_auth(auth=auth)
    assert environment["GOTRUE_MAILER_TEMPLATES_INVITE"] == "/run/plinth/files/invite.html"


PROVIDERS = {
    "google": {"client_id": "web,ios", "secret": "k7Qw2-of-google"},
    "company_directory": {
        "client_id": "plinth",
        "secret": "k7Qw2-of-the-directory",
        "url": "http://directory:8080",
    },
}


@pytest.fixture(scope="module")
def with_providers() -> dict[str, str]:
    """Environment of auth where people sign in with providers."""
    auth = {"autoconfirm": True, "providers": PROVIDERS}
    configuration = DEVELOPMENT | {"plinth:auth": auth}
    program = run_program("dev", configuration, secret_keys=["plinth:auth"])
    lines = program.resources[CONTAINER]["auth"]["envs"]
    return dict(line.split("=", 1) for line in lines)


def test_a_provider_is_told_to_auth_by_gotrues_names(with_providers: dict[str, str]) -> None:
    prefix = "GOTRUE_EXTERNAL_GOOGLE_"
    assert {
        name.removeprefix(prefix): value
        for name, value in with_providers.items()
        if name.startswith(prefix)
    } == {
        "ENABLED": "true",
        "CLIENT_ID": "web,ios",
        "SECRET": "k7Qw2-of-google",
        "REDIRECT_URI": "http://127.0.0.1:8000/auth/v1/callback",
    }


def test_auth_understands_the_providers_of_a_stack(with_providers: dict[str, str]) -> None:
    providers = configured_providers(with_providers, callback="", plain_http=True)
    assert {name: provider.url for name, provider in providers.items()} == {
        "google": "https://accounts.google.com",
        "company_directory": "http://directory:8080",
    }


def test_plain_http_is_permitted_where_a_provider_needs_it(
    with_providers: dict[str, str],
) -> None:
    assert with_providers["PLINTH_EXTERNAL_PLAIN_HTTP"] == "true"


def test_plain_http_is_not_permitted_elsewhere() -> None:
    assert "PLINTH_EXTERNAL_PLAIN_HTTP" not in environment_of_auth()


def test_breached_passwords_are_a_volume_that_auth_only_reads() -> None:
    auth = {"autoconfirm": True, "breached_passwords": {"volume": "ranges"}}
    program = run_program("dev", DEVELOPMENT | {"plinth:auth": auth})
    mounts = program.resources[CONTAINER]["auth"]["volumes"]
    assert [mount for mount in mounts if mount["volumeName"] == "ranges"] == [
        {"volumeName": "ranges", "containerPath": "/run/plinth/given", "readOnly": True}
    ]


def test_the_volume_of_breached_passwords_is_not_the_stacks() -> None:
    auth = {"autoconfirm": True, "breached_passwords": {"volume": "ranges"}}
    volumes = run_program("dev", DEVELOPMENT | {"plinth:auth": auth}).resources[VOLUME]
    assert "ranges" not in {volume["name"] for volume in volumes.values()}


def test_auth_limits_requests_by_address_in_production() -> None:
    file = yaml.safe_load((ROOT / "Pulumi.prod.yaml").read_text())
    program = run_program("prod", file["config"])
    assert (
        "GOTRUE_RATE_LIMIT_HEADER=X-Forwarded-For" in program.resources[CONTAINER]["auth"]["envs"]
    )


def test_auth_limits_no_requests_by_address_in_development() -> None:
    assert "GOTRUE_RATE_LIMIT_HEADER" not in environment_of_auth()


@pytest.fixture
def with_certificate(with_certificate_and: Callable[..., Recorder]) -> Callable[[str], Recorder]:
    """Run the program with a certificate of the given subject."""
    return lambda subject: with_certificate_and(subject=subject)


@pytest.fixture
def with_certificate_and(tmp_path: Path) -> Callable[..., Recorder]:
    """Run the program with a certificate and further settings of the gateway."""

    def run(*, subject: str = "a", **gateway: object) -> Recorder:
        chain, key = self_signed(subject)
        (tmp_path / "chain.pem").write_text(chain)
        (tmp_path / "key.pem").write_text(key)
        tls = {
            "certificate_file": str(tmp_path / "chain.pem"),
            "key_file": str(tmp_path / "key.pem"),
            "redirect_port": 8080,
        }
        section = {"port": 8443, "tls": tls, **gateway}
        # The files' names are the same, whatever stands in them.
        return run_program_again("dev", {**DEVELOPMENT, "plinth:gateway": section})

    return run


def test_another_certificate_does_not_replace_the_gateway(
    with_certificate: Callable[[str], Recorder],
) -> None:
    first, second = (with_certificate(subject).resources[CONTAINER] for subject in ("a", "b"))
    assert first["gateway"] == second["gateway"]


def test_another_certificate_is_carried_by_another_container(
    with_certificate: Callable[[str], Recorder],
) -> None:
    names = {
        with_certificate(subject).resources[CONTAINER]["gateway-renewed-files"]["name"]
        for subject in ("a", "b")
    }
    assert len(names) == 2


def test_a_gateway_with_a_certificate_publishes_both_its_ports(
    with_certificate: Callable[[str], Recorder],
) -> None:
    gateway = with_certificate("a").resources[CONTAINER]["gateway"]
    assert [(port["internal"], port["external"]) for port in gateway["ports"]] == [
        (8000, 8443),
        (8001, 8080),
    ]


ACME = {
    "domains": ["api.example.com"],
    "terms_agreed": True,
    "external_account": {"key_id": "kid", "hmac_key": "a-key-in-base64url-of-a-directory"},
}


def issued_by_a_directory(*, waf: bool = False, **changes: Any) -> Recorder:
    """The program of a stack whose certificate a directory issues."""
    gateway = {
        "port": 8443,
        "public_url": "https://api.example.com",
        "tls": {"redirect_port": 8080, "acme": ACME | changes},
        "waf": waf,
    }
    return run_program("dev", {**DEVELOPMENT, "plinth:gateway": gateway}, ["plinth:gateway"])


@pytest.fixture(scope="module")
def with_directory() -> Recorder:
    return issued_by_a_directory()


def mounts(program: Recorder, component: str) -> dict[str, tuple[str, bool]]:
    """Volume and whether it can only be read, by path."""
    return {
        volume["containerPath"]: (volume["volumeName"], volume.get("readOnly", False))
        for volume in program.resources[CONTAINER][component]["volumes"]
    }


def test_the_gateway_reads_what_was_issued(with_directory: Recorder) -> None:
    written = mounts(with_directory, "certificates")["/data/issued"]
    read = mounts(with_directory, "gateway")["/run/plinth/renewed"]
    assert (read, written) == (
        ("plinth-dev-certificates-issued", True),
        ("plinth-dev-certificates-issued", False),
    )


def test_the_key_of_the_account_is_mounted_nowhere_else(with_directory: Recorder) -> None:
    users = {
        component
        for component, inputs in with_directory.resources[CONTAINER].items()
        for volume in inputs.get("volumes", [])
        if volume["volumeName"] == "plinth-dev-certificates-account"
    }
    assert users == {"certificates"}


def test_the_gateways_group_may_read_the_certificate(with_directory: Recorder) -> None:
    containers = with_directory.resources[CONTAINER]
    groups = [containers[name]["user"].split(":")[1] for name in ("certificates", "gateway")]
    assert groups[0] == groups[1]


def test_what_asks_the_directory_is_beside_the_gateway_alone(with_directory: Recorder) -> None:
    networks = with_directory.resources[CONTAINER]["certificates"]["networksAdvanced"]
    assert [network["name"] for network in networks] == ["plinth-dev-edge"]


def test_the_key_of_the_external_account_is_listed_as_secret(with_directory: Recorder) -> None:
    labels = with_directory.resources[CONTAINER]["certificates"]["labels"]
    listed = {entry["label"]: entry["value"] for entry in labels}["plinth.secret-names"]
    assert listed == "PLINTH_ACME_EXTERNAL_ACCOUNT_KEY"


def test_another_domain_does_not_replace_the_gateway(with_directory: Recorder) -> None:
    other = issued_by_a_directory(domains=["api.example.com", "www.example.com"])
    assert other.resources[CONTAINER]["gateway"] == with_directory.resources[CONTAINER]["gateway"]


def test_nothing_obtains_a_certificate_where_files_have_one(
    with_certificate: Callable[[str], Recorder],
) -> None:
    assert "certificates" not in with_certificate("a").resources[CONTAINER]


def test_the_component_takes_what_the_stack_tells_it(
    with_directory: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    for entry in with_directory.resources[CONTAINER]["certificates"]["envs"]:
        monkeypatch.setenv(*entry.split("=", 1))
    settings = load_settings(CertificatesSettings)
    assert (settings.names, settings.external_account_id) == (("api.example.com",), "kid")


@pytest.fixture
def with_firewall(with_certificate_and: Callable[..., Recorder]) -> dict[str, dict[str, Any]]:
    """Containers of a stack that speaks HTTPS through a firewall."""
    return with_certificate_and(waf=True).resources[CONTAINER]


def test_a_firewall_publishes_what_the_gateway_then_does_not(
    with_firewall: dict[str, dict[str, Any]],
) -> None:
    ports = [(port["internal"], port["external"]) for port in with_firewall["waf"]["ports"]]
    assert (ports, with_firewall["gateway"].get("ports")) == ([(8000, 8443), (8001, 8080)], None)


def test_a_firewall_is_shown_the_key_and_the_gateway_is_not(
    with_firewall: dict[str, dict[str, Any]],
) -> None:
    assert {"waf-renewed-files"} == {
        name for name in with_firewall if name.endswith("-renewed-files")
    }


def test_a_firewall_reaches_nothing_but_the_gateway(
    with_firewall: dict[str, dict[str, Any]],
) -> None:
    networks = [network["name"] for network in with_firewall["waf"]["networksAdvanced"]]
    assert networks == ["plinth-dev-edge"]


@pytest.fixture(scope="module")
def with_directory_and_firewall() -> Recorder:
    return issued_by_a_directory(waf=True)


def test_a_firewall_reads_what_was_issued_and_the_gateway_does_not(
    with_directory_and_firewall: Recorder,
) -> None:
    read = mounts(with_directory_and_firewall, "waf")["/run/plinth/renewed"]
    gateways = mounts(with_directory_and_firewall, "gateway")
    assert (read, "/run/plinth/renewed" in gateways) == (
        ("plinth-dev-certificates-issued", True),
        False,
    )


def test_a_firewalls_group_may_read_the_certificate(with_directory_and_firewall: Recorder) -> None:
    containers = with_directory_and_firewall.resources[CONTAINER]
    groups = [containers[name]["user"].split(":")[1] for name in ("certificates", "waf")]
    assert groups[0] == groups[1]


@pytest.mark.parametrize(("waf", "trusted"), [(False, 2), (True, 3)])
def test_a_gateway_behind_a_firewall_trusts_one_proxy_more(
    with_certificate_and: Callable[..., Recorder], *, waf: bool, trusted: int
) -> None:
    containers = with_certificate_and(waf=waf, trusted_proxies=2).resources[CONTAINER]
    uploads = containers["gateway-files"]["uploads"]
    (configuration,) = [file for file in uploads if file["file"].endswith("envoy.yaml")]
    assert f"xff_num_trusted_hops: {trusted}\n" in configuration["content"]
