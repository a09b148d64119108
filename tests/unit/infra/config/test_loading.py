import json

import pytest
from pydantic import SecretStr

from infra.config.auth import GOTRUE_PROVIDERS, PROVIDERS_WITH_KNOWN_URL
from infra.config.gateway import Waf
from infra.config.loading import check_stack_name, load, parse, require_encrypted
from infra.config.section import ConfigurationError
from infra.config.stack import StackConfig
from services.auth.external import settings as provider_settings

DEVELOPMENT: dict[str, object] = {
    "environment": "development",
    "auth": {"autoconfirm": True},
}
TLS = {"certificate_file": "chain.pem", "key_file": "key.pem", "redirect_port": 80}
PROVIDER = {"client_id": "plinth", "secret": "k7Qw2"}
ACME = {"domains": ["api.example.com"], "terms_agreed": True}
EXTERNAL_ACCOUNT = {"key_id": "kid", "hmac_key": "a-key-in-base64url-of-a-directory"}


def with_acme(tls: dict[str, object] | None = None, **acme: object) -> dict[str, object]:
    """A gateway whose certificate a directory issues."""
    settings = {"redirect_port": 80, **(tls or {}), "acme": ACME | acme}
    return {"gateway": {"port": 443, "public_url": "https://api.example.com", "tls": settings}}


def with_acme_and(**gateway: object) -> dict[str, object]:
    """The same with further settings of the gateway."""
    issued = with_acme()["gateway"]
    assert isinstance(issued, dict)
    return {"gateway": issued | gateway}


PRODUCTION: dict[str, object] = {
    "environment": "production",
    "images": {"require_digest": True},
    "protect_data": True,
    "auth": {"signup": False},
}


def test_a_development_stack_needs_two_settings() -> None:
    assert parse(DEVELOPMENT).environment == "development"


def test_a_production_stack_with_safe_settings_is_accepted() -> None:
    assert parse(PRODUCTION).protect_data


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        pytest.param(PRODUCTION, True, id="production"),
        pytest.param(DEVELOPMENT, False, id="development"),
        pytest.param(PRODUCTION | {"upgrade": {"backup_first": False}}, False, id="off"),
        pytest.param(DEVELOPMENT | {"upgrade": {"backup_first": True}}, True, id="on"),
    ],
)
def test_production_is_backed_up_before_an_upgrade_unless_told_otherwise(
    values: dict[str, object], *, expected: bool
) -> None:
    assert parse(values).backs_up_before_upgrade is expected


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gatway": {}}, "plinth:gatway: no such setting; known here: auth, database"),
        ({"gateway": {"prot": 1}}, "plinth:gateway.prot: no such setting; known here: bind_addr"),
        ({"gateway": {"port": "abc"}}, "plinth:gateway.port: input should be a valid integer"),
        ({"gateway": {"port": 70000}}, "plinth:gateway.port: input should be less than or equal"),
        ({"gateway": {"cors_origins": ["*"]}}, "plinth:gateway.cors_origins.0: must be an origin"),
        ({"gateway": {"public_url": "api"}}, "plinth:gateway.public_url: must be an http or https"),
        ({"rest": {"schemas": []}}, "plinth:rest.schemas: tuple should have at least 1 item"),
        ({"rest": {"schemas": ["a;b"]}}, "plinth:rest.schemas.0: must be a lower-case PostgreSQL"),
        ({"database": {"extensions": ["a b"]}}, "plinth:database.extensions.0: must be the name"),
        ({"images": {"source": "hub"}}, "plinth:images.source: input should be 'packages' or"),
        ({"redis": {"port": 8000}}, "redis.port: port 8000 is also gateway.port; give one of them"),
        (
            {"observability": {"enabled": True, "port": 8000}},
            "observability.port: port 8000 is also gateway.port",
        ),
        ({"auth": {"signup": True}}, "auth.signup: new addresses are confirmed by mail, and none"),
        ({"smtp": {"host": "smtp"}}, "smtp.sender_address: is needed with smtp.host"),
        (
            {"auth": {"access_token_hook": {"address": "https://hooks.example.com"}}},
            "auth.access_token_hook: is an endpoint, whose requests are signed",
        ),
        (
            {"auth": {"access_token_hook": {"address": "http://hooks.example.com"}}},
            "auth.access_token_hook.address",
        ),
        (
            {"auth": {"breached_passwords": {"volume": "/srv/ranges"}}},
            "auth.breached_passwords.volume",
        ),
        ({"auth": {"attempts": {"by_address": 0}}}, "auth.attempts.by_address"),
        ({"smtp": {"user": "plinth"}}, "smtp.password: is needed with smtp.user, and only with it"),
        ({"smtp": {"sender_address": "x"}}, "smtp.sender_address: must be an address such as"),
        (
            {"smtp": {"host": "smtp", "sender_address": "a@b.c"}, "mail": {"enabled": True}},
            "smtp.host: mails go to the mail sink while it runs",
        ),
        (
            {"auth": {"autoconfirm": True, "mail_templates": {"invite": "no/such.html"}}},
            "plinth:auth.mail_templates.invite: 'no/such.html' must be an HTML file",
        ),
        (
            {"auth": {"autoconfirm": True, "mail_subjects": {"invitation": "x"}}},
            "plinth:auth.mail_subjects.invitation",
        ),
        (
            {"gateway": {"tls": TLS, "port": 80}},
            "gateway.tls.redirect_port: port 80 is also gateway.p",
        ),
        (
            {"gateway": {"tls": TLS, "public_url": "http://api.example.com"}},
            "gateway.public_url: http://api.example.com is plain HTTP, and gateway.tls is set",
        ),
        ({"gateway": {"tls": {"key": 1}}}, "gateway.tls.key: no such setting; known here: acme"),
        (
            {"gateway": {"tls": {"key_file": "key.pem"}}},
            "gateway.tls: certificate_file and key_file are needed together; set both, or acme",
        ),
        (with_acme(tls=TLS), "gateway.tls: acme stands beside certificate_file and key_file"),
        (with_acme(tls={"redirect_port": None}), "gateway.tls: redirect_port is not set, where"),
        (
            with_acme(terms_agreed=False),
            "gateway.tls.acme: terms_agreed is not true; read the directory's terms of service",
        ),
        (with_acme_and(engine="kong"), "gateway: tls.acme does not work with engine kong, which"),
        (
            with_acme(domains=["www.example.com"]),
            "gateway.tls.acme.domains: api.example.com is not among them, the host of gateway.pub",
        ),
        (with_acme(domains=[]), "gateway.tls.acme.domains: tuple should have at least 1 item"),
        (
            with_acme(domains=["*.example.com"]),
            "gateway.tls.acme.domains.0: *.example.com: wildcards can be proved by DNS alone",
        ),
        (
            with_acme(domains=["192.0.2.1"]),
            "gateway.tls.acme.domains.0: '192.0.2.1' must be a host's name in lower case",
        ),
        (
            with_acme(directory_url="http://ca.example.com/directory"),
            "gateway.tls.acme.directory_url: must be the https URL of an ACME directory",
        ),
        (
            with_acme(external_account={"key_id": "kid"}),
            "gateway.tls.acme.external_account.hmac_key: is missing; set it with pulumi config",
        ),
        (
            with_acme(external_account={"key_id": "kid", "hmac_key": "not base64url!"}),
            "gateway.tls.acme.external_account.hmac_key: must be the base64url text that the dir",
        ),
        (
            {"auth": {"autoconfirm": True, "providers": {"google": {"client_id": "x"}}}},
            "auth.providers.google.secret: is missing; set it with pulumi config set --secret",
        ),
        (
            {"auth": {"autoconfirm": True, "providers": {"google": {**PROVIDER, "id": "x"}}}},
            "auth.providers.google.id: no such setting; known here: client_id, secret, url",
        ),
        (
            {"auth": {"autoconfirm": True, "providers": {"keycloak": PROVIDER}}},
            "providers.keycloak.url is missing; set it to the issuer",
        ),
        (
            {"auth": {"autoconfirm": True, "providers": {"Google": PROVIDER}}},
            "must be the name of a provider",
        ),
        (
            {"auth": {"autoconfirm": True, "providers": {"email": PROVIDER}}},
            "must be the name of a provider",
        ),
        ({"gateway": {"waf": {"level": 1}}}, "gateway.waf.level: no such setting; known here: ano"),
        ({"gateway": {"waf": {"paranoia_level": 5}}}, "gateway.waf.paranoia_level: input should"),
        ({"gateway": {"waf": "on"}}, "plinth:gateway.waf: input should be a valid dictionary"),
    ],
)
def test_a_mistake_is_named_with_its_path(values: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(DEVELOPMENT | values)
    assert message in str(raised.value)


def test_each_mistake_has_a_line_of_its_own() -> None:
    with pytest.raises(ConfigurationError) as raised:
        parse(DEVELOPMENT | {"one": 1, "two": 2})
    assert len(str(raised.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"auth": {"autoconfirm": True}}, "auth.autoconfirm: true is not for production"),
        ({"mail": {"enabled": True}}, "mail.enabled: true is not for production"),
        ({"images": {"require_digest": False}}, "images.require_digest: false is not for prod"),
        ({"protect_data": False}, "protect_data: false is not for production"),
        ({"smtp": {"verified_tls": False}}, "smtp.verified_tls: false is not for production"),
        (
            {"auth": {"signup": False, "providers": {"sso": {**PROVIDER, "url": "http://sso"}}}},
            "auth.providers.sso.url: http is not for production; use https",
        ),
    ],
)
def test_production_refuses_what_is_only_safe_elsewhere(
    setting: dict[str, object], message: str
) -> None:
    with pytest.raises(ConfigurationError, match=message):
        parse(PRODUCTION | setting)


def test_an_extension_may_have_a_hyphen() -> None:
    config = parse(DEVELOPMENT | {"database": {"extensions": ["uuid-ossp"]}})
    assert config.database.extensions == ("uuid-ossp",)


def test_the_public_url_defaults_to_the_published_port() -> None:
    config = parse(DEVELOPMENT | {"gateway": {"port": 8123}})
    assert config.public_url == "http://127.0.0.1:8123"


def test_the_public_url_of_a_gateway_with_a_certificate_defaults_to_https() -> None:
    config = parse(DEVELOPMENT | {"gateway": {"port": 8443, "tls": TLS}})
    assert config.public_url == "https://127.0.0.1:8443"


def test_the_port_for_redirects_is_published() -> None:
    config = parse(DEVELOPMENT | {"gateway": {"port": 443, "tls": TLS}})
    assert config.published_ports() == {"gateway.port": 443, "gateway.tls.redirect_port": 80}


def test_a_trailing_slash_of_the_public_url_is_dropped() -> None:
    config = parse(DEVELOPMENT | {"gateway": {"public_url": "https://api.example.com/"}})
    assert config.public_url == "https://api.example.com"


def test_only_configured_ports_are_published() -> None:
    config = parse(DEVELOPMENT | {"redis": {"port": 16379}})
    assert config.published_ports() == {"gateway.port": 8000, "redis.port": 16379}


def test_structured_values_arrive_as_json() -> None:
    raw = {f"plinth:{key}": json.dumps(value) for key, value in DEVELOPMENT.items()}
    assert load(raw) == parse(DEVELOPMENT)


def test_plain_text_values_need_no_quotes() -> None:
    raw = {"plinth:environment": "development", "plinth:auth": '{"autoconfirm":true}'}
    assert load(raw).environment == "development"


def test_keys_of_other_namespaces_are_left_alone() -> None:
    raw = {
        "docker:registryAuth": "[]",
        "plinth:environment": "test",
        "plinth:auth": '{"signup":false}',
    }
    assert load(raw).environment == "test"


@pytest.mark.parametrize("host", ["ssh://deploy@host", "tcp://host:2376"])
def test_a_stack_on_another_machine_says_how_clients_reach_it(host: str) -> None:
    raw = {"docker:host": host, "plinth:environment": "test", "plinth:auth": '{"signup":false}'}
    with pytest.raises(ConfigurationError, match=r"^plinth:gateway\.public_url: is not set"):
        load(raw)
    assert load(raw | {"plinth:gateway": '{"public_url":"https://api.example.com"}'})


def test_a_socket_of_this_machine_needs_no_public_url() -> None:
    raw = {
        "docker:host": "unix:///run/user/1000/docker.sock",
        "plinth:environment": "test",
        "plinth:auth": '{"signup":false}',
    }
    assert load(raw).public_url == "http://127.0.0.1:8000"


def test_configuration_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValueError, match="frozen"):
        parse(DEVELOPMENT).gateway.port = 1  # type: ignore[misc]


@pytest.mark.parametrize("name", ["dev", "ci", "team-a", "a1"])
def test_a_stack_name_that_a_container_can_carry_is_accepted(name: str) -> None:
    assert check_stack_name(name) == name


@pytest.mark.parametrize("name", ["Dev", "1dev", "dev_1", "", "d" * 32, "a/b"])
def test_another_stack_name_is_refused(name: str) -> None:
    with pytest.raises(ConfigurationError, match="use a lower-case letter"):
        check_stack_name(name)


def test_every_setting_is_described() -> None:
    definitions = StackConfig.model_json_schema()["$defs"]
    undescribed = [
        f"{section}.{name}"
        for section, definition in definitions.items()
        for name, setting in definition["properties"].items()
        if "description" not in setting
    ]
    assert not undescribed


SMTP = {"host": "smtp", "sender_address": "a@b.example", "user": "plinth", "password": "k7Qw2"}
WITH_SMTP = {
    "plinth:environment": "development",
    "plinth:auth": '{"autoconfirm": true}',
    "plinth:smtp": json.dumps(SMTP),
}


def test_a_password_in_clear_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="pulumi config set --secret --path plinth:smtp"):
        require_encrypted(load(WITH_SMTP), [])


def test_a_refused_password_is_not_repeated() -> None:
    with pytest.raises(ConfigurationError) as raised:
        require_encrypted(load(WITH_SMTP), [])
    assert "k7Qw2" not in str(raised.value)


def test_an_encrypted_password_is_accepted() -> None:
    settings = load(WITH_SMTP)
    require_encrypted(settings, ["plinth:smtp"])
    assert settings.smtp.password == SecretStr("k7Qw2")


def test_a_stack_with_a_mail_server_confirms_addresses() -> None:
    values = {"environment": "development", "smtp": {"host": "s", "sender_address": "a@b.example"}}
    assert not parse(values).auth.autoconfirm


def test_a_certificate_may_come_from_a_directory() -> None:
    acme = parse(DEVELOPMENT | with_acme()).acme
    assert acme
    assert acme.directory_url == "https://acme-v02.api.letsencrypt.org/directory"


def test_the_key_of_an_external_account_must_be_encrypted() -> None:
    config = parse(DEVELOPMENT | with_acme(external_account=EXTERNAL_ACCOUNT))
    with pytest.raises(ConfigurationError, match=r"tls\.acme\..*hmac_key: stands in clear"):
        require_encrypted(config, set())


def test_a_providers_secret_in_clear_is_refused() -> None:
    auth = {"autoconfirm": True, "providers": {"google": PROVIDER}}
    raw = {"plinth:environment": "development", "plinth:auth": json.dumps(auth)}
    with pytest.raises(ConfigurationError, match=r"--path plinth:auth\.providers\.google\.secret"):
        require_encrypted(load(raw), [])


def test_a_providers_secret_in_clear_beside_an_encrypted_one_is_refused() -> None:
    providers = {"google": PROVIDER, "github": PROVIDER}
    auth = {"autoconfirm": True, "providers": providers}
    raw = {"plinth:environment": "development", "plinth:auth": json.dumps(auth)}
    in_clear = {"auth.providers.github.secret"}
    with pytest.raises(ConfigurationError, match=r"^plinth:auth\.providers\.github\.secret: .*$"):
        require_encrypted(load(raw), {"plinth:auth"}, in_clear)


def test_a_provider_that_gotrue_does_not_know_is_refused() -> None:
    provider = PROVIDER | {"url": "https://id.example.com"}
    auth = {"autoconfirm": True, "engine": "gotrue", "providers": {"company_directory": provider}}
    with pytest.raises(ConfigurationError, match=r"company_directory: GoTrue knows no provider"):
        parse(DEVELOPMENT | {"auth": auth})


def test_the_providers_of_gotrue_are_those_that_auth_lists() -> None:
    assert set(provider_settings.GOTRUE_PROVIDERS) == GOTRUE_PROVIDERS


def test_providers_that_need_no_url_are_those_that_auth_finds() -> None:
    assert set(PROVIDERS_WITH_KNOWN_URL) == set(provider_settings.DEFAULT_URLS)


@pytest.mark.parametrize("engine", ["envoy", "kong"])
def test_a_firewall_leads_a_directory_to_its_proof_whatever_stands_behind(engine: str) -> None:
    parsed = parse(PRODUCTION | with_acme_and(engine=engine, waf=True))
    assert parsed.acme


@pytest.mark.parametrize(
    ("value", "expected"),
    [(True, Waf()), (False, None), ({"paranoia_level": 2}, Waf(paranoia_level=2))],
)
def test_a_firewall_is_a_switch_or_a_section(value: object, expected: Waf | None) -> None:
    assert parse(DEVELOPMENT | {"gateway": {"waf": value}}).gateway.waf == expected
