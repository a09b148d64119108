"""The firewall's files, rendered from settings and the route table."""

import re

import pytest

from infra.container import FILES_DIRECTORY
from infra.gateway.routes import MEBIBYTE, ROUTES, Route
from infra.gateway.settings import Tls
from infra.gateway.waf import runtime
from infra.gateway.waf.nginx import render
from infra.gateway.waf.rules import render_rules
from infra.gateway.waf.settings import WafSettings

UPLOADS = Route(
    name="uploads",
    prefix="/uploads/v1",
    component="files",
    port=1,
    profile="core",
    description="Large bodies",
    requests_per_minute=1,
    timeout_seconds=7,
    body_limit_bytes=50 * MEBIBYTE,
    streams_body=True,
)
SOCKETS = Route(
    name="sockets",
    prefix="/sockets/v1",
    component="sockets",
    port=1,
    profile="core",
    description="Answers without an end",
    requests_per_minute=1,
    timeout_seconds=0,
    websocket=True,
)
DEFAULT = WafSettings()
TLS = WafSettings(tls=Tls(public_host="api.example.com", public_port=8443))


def _location(prefix: str, routes: tuple[Route, ...]) -> str:
    found = re.search(
        rf"^ *location \^~ {re.escape(prefix)}/ \{{\n(.*?)\n +\}}$",
        render(DEFAULT, routes),
        re.DOTALL | re.MULTILINE,
    )
    assert found
    return found[1]


@pytest.mark.parametrize("route", ROUTES, ids=lambda route: str(route.name))
def test_route_is_inspected_with_its_body_limit(route: Route) -> None:
    location = _location(route.prefix, ROUTES)
    assert ("modsecurity on;" in location, f"size {route.body_limit_bytes};" in location) == (
        True,
        True,
    )


def test_streamed_body_is_not_held() -> None:
    location = _location("/uploads/v1", (UPLOADS,))
    assert ("modsecurity on" in location, "proxy_request_buffering off;" in location) == (
        False,
        True,
    )


def test_head_of_a_streamed_body_is_inspected() -> None:
    assert "auth_request /-/inspected;" in _location("/uploads/v1", (UPLOADS,))


def test_answer_without_an_end_has_no_time_limit() -> None:
    assert "proxy_read_timeout 1d;" in _location("/sockets/v1", (SOCKETS,))


def test_gateway_answers_first_when_a_component_takes_too_long() -> None:
    assert "proxy_read_timeout 12000ms;" in _location("/uploads/v1", (UPLOADS,))


def test_plain_http_has_no_redirect() -> None:
    assert "return 308" not in render(DEFAULT)


@pytest.mark.parametrize(
    ("challenges", "folder"),
    [(False, "/run/plinth/renewed"), (True, "/run/plinth/renewed/current")],
)
def test_certificate_is_read_and_followed_where_it_is_renewed(
    *, challenges: bool, folder: str
) -> None:
    tls = Tls(public_host="api.example.com", public_port=443, challenges=challenges)
    read = f"ssl_certificate {folder}/chain.pem;" in render(WafSettings(tls=tls))
    assert (read, runtime.command("gateway", tls)[-1]) == (True, folder)


def test_nothing_is_passed_on_by_plain_http_where_no_directory_asks() -> None:
    assert "acme-challenge" not in render(TLS)


def _without_key(request: str) -> bool:
    """Whether a request is taken for one without a key.

    Args:
        request: What nginx puts together: whether its path needs a key, the header `apikey`, the
            header `Authorization` and the query, with colons between them.
    """
    pattern = re.search(r'"~\*(.*)" 1;', render(DEFAULT))
    assert pattern
    return re.search(pattern[1], request, re.IGNORECASE) is not None


def _needs_key(target: str) -> bool:
    """Whether a path is taken for one that needs a key."""
    written = render(DEFAULT).partition("$plinth_key_needed {")[2].partition("}")[0]
    rows = re.findall(r'"~(.*)" ([01]);', written)
    return next((value == "1" for pattern, value in rows if re.search(pattern, target)), False)


@pytest.mark.parametrize(
    ("target", "needed"),
    [
        ("/rest/v1/todos", True),
        ("/rest/v1", True),
        ("/auth/v1/token?grant_type=password", True),
        ("/auth/v1/verifyx", True),
        ("/auth/v1/verify", False),
        ("/auth/v1/verify/", False),
        ("/auth/v1/verify?x", False),
        ("/auth/v1//verify", False),
        ("/rest/v1/../../auth/v1/verify", False),
        ("/auth/v1/%76erify", False),
        ("/auth/v1\\verify", False),
        ("http://host/rest/v1/todos", False),
        ("/nowhere", False),
    ],
)
def test_key_is_asked_for_where_nobody_can_read_another_path(target: str, *, needed: bool) -> None:
    assert _needs_key(target) is needed


@pytest.mark.parametrize(
    ("request_", "without"),
    [
        ("1:::", True),
        ("1:::select=id", True),
        ("0:::", False),
        ("1:a-key::", False),
        ("1::Bearer a-key:", False),
        ("1:::apikey=a-key", False),
        ("1:::a=b&APIKEY=a-key", False),
        ("1:::%61pikey=a-key", False),
    ],
)
def test_request_is_without_key_where_it_can_hold_none(request_: str, *, without: bool) -> None:
    assert _without_key(request_) is without


@pytest.mark.parametrize(
    ("port", "address"),
    [(443, "https://api.example.com$"), (8443, "https://api.example.com:8443$")],
)
def test_redirect_leads_to_the_public_address(port: int, address: str) -> None:
    settings = WafSettings(tls=Tls(public_host="api.example.com", public_port=port))
    assert f"return 308 {address}plinth_target;" in render(settings)


def test_tls_is_spoken_where_there_is_a_certificate() -> None:
    assert ("listen 8000 ssl " in render(TLS), " ssl " in render(DEFAULT)) == (True, False)


def test_forwarded_address_is_replaced_where_no_proxy_is_trusted() -> None:
    assert "X-Forwarded-For $remote_addr;" in render(DEFAULT)


def test_forwarded_address_is_added_to_behind_a_proxy() -> None:
    assert "X-Forwarded-For $proxy_add_x_forwarded_for;" in render(WafSettings(trusted_proxies=1))


@pytest.mark.parametrize(
    ("forwarded", "proxies", "client"),
    [
        ("203.0.113.7", 1, "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7", 1, "203.0.113.7"),
        ("198.51.100.1, 203.0.113.7 , 192.0.2.1", 2, "203.0.113.7"),
        ("203.0.113.7,192.0.2.1", 2, "203.0.113.7"),
    ],
)
def test_client_is_the_address_that_the_outermost_trusted_proxy_saw(
    forwarded: str, proxies: int, client: str
) -> None:
    written = re.search(r'"~(.*)" \$forwarded;', render(WafSettings(trusted_proxies=proxies)))
    assert written
    # nginx writes names of groups as Perl does.
    found = re.search(written[1].replace("(?<", "(?P<"), forwarded)
    assert found
    assert found["forwarded"] == client


def test_requests_are_not_counted_where_limits_are_off() -> None:
    assert "limit_req" not in render(DEFAULT)


def test_strict_transport_is_asked_for_over_https_alone() -> None:
    secure, plain = (render(WafSettings(secure=secure)) for secure in (True, False))
    assert ("Strict-Transport" in secure, "Strict-Transport" in plain) == (True, False)


@pytest.mark.parametrize(
    ("settings", "line"),
    [
        (WafSettings(paranoia_level=3), "setvar:tx.paranoia_level=3,"),
        (WafSettings(anomaly_threshold=9), "setvar:tx.inbound_anomaly_score_threshold=9,"),
        (WafSettings(disabled_rules=(942100,)), "\nSecRuleRemoveById 942100\n"),
    ],
)
def test_strictness_is_what_the_configuration_says(settings: WafSettings, line: str) -> None:
    assert line in render_rules(settings)


def test_every_included_file_is_delivered() -> None:
    text = render(DEFAULT) + render_rules(DEFAULT)
    named = set(re.findall(rf"{FILES_DIRECTORY}/([\w.]+)", text))
    assert named - {runtime.RULES_FILE} <= runtime.fixed_files().keys()


def test_every_exclusion_says_why() -> None:
    text = "".join(
        content for name, content in runtime.fixed_files().items() if name.endswith(".conf")
    )
    rules = re.findall(r"(?:^|\n)(.*)\n(?:SecRule|SecRuleRemoveById) ", text)
    assert all(line.startswith("# ") for line in rules)


def test_identifiers_of_own_rules_are_unique() -> None:
    text = render_rules(DEFAULT) + "".join(runtime.fixed_files().values())
    identifiers = re.findall(r'"id:(\d+),', text)
    assert len(identifiers) == len(set(identifiers))
