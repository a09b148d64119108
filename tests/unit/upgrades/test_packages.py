import json

import pytest

from tests.unit.upgrades.conftest import Page, Publisher
from upgrades import packages
from upgrades.versions import UnreachableError

NOBODY = "http://127.0.0.1:1"
WHEEL = '<a href="{0}-py3-none-any.whl">{0}-py3-none-any.whl</a>'


def test_pip_is_asked_with_its_own_settings(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    links = "".join(WHEEL.format(f"example_package-{version}") for version in ("1.0", "1.2"))
    publisher.pages["/example-package/"] = Page(links, headers={"Content-Type": "text/html"})
    monkeypatch.setenv("PIP_INDEX_URL", publisher.address)
    monkeypatch.setenv("PIP_NO_INDEX", "0")
    assert packages.pypi("example-package") == ["1.2", "1.0"]


def test_a_package_that_pip_does_not_find_is_told(
    publisher: Publisher, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_INDEX_URL", publisher.address)
    with pytest.raises(UnreachableError, match="pip: No matching distribution found"):
        packages.pypi("example-package")


@pytest.mark.parametrize("rest", ["", ",direct", "|https://elsewhere.example", "/"])
def test_go_modules_are_asked_for_at_the_first_proxy(rest: str, publisher: Publisher) -> None:
    publisher.pages["/example.com/!upper/module/v2/@v/list"] = Page("v2.0.0\nv2.1.0\n")
    proxies = {"GOPROXY": publisher.address + rest}
    assert packages.go("example.com/Upper/module/v2", proxies) == ["v2.0.0", "v2.1.0"]


@pytest.mark.parametrize("proxies", ["direct", "off"])
def test_without_a_go_proxy_nobody_is_asked(proxies: str) -> None:
    with pytest.raises(UnreachableError, match=f"GOPROXY starts with {proxies}"):
        packages.go("example.com/module", {"GOPROXY": proxies})


def test_deprecated_npm_versions_do_not_count(publisher: Publisher) -> None:
    versions = {"1.0.0": {}, "1.1.0": {"deprecated": "broken"}, "1.2.0": {}}
    publisher.pages["/@scope%2Fname"] = Page(json.dumps({"versions": versions}))
    registry = {"npm_config_registry": publisher.address + "/"}
    assert packages.npm("@scope/name", registry) == ["1.0.0", "1.2.0"]


@pytest.mark.parametrize("body", ["<html>", "[]", "{}", '{"versions": []}'])
def test_an_answer_that_is_not_npms_is_told(body: str, publisher: Publisher) -> None:
    publisher.pages["/name"] = Page(body)
    with pytest.raises(UnreachableError, match="does not answer as an npm registry does"):
        packages.npm("name", {"npm_config_registry": publisher.address})


def test_a_refusal_is_told_with_its_host(publisher: Publisher) -> None:
    host = publisher.address.removeprefix("http://")
    with pytest.raises(UnreachableError, match=f"{host} answers 404"):
        packages.npm("name", {"npm_config_registry": publisher.address})


def test_a_publisher_that_does_not_answer_is_told() -> None:
    with pytest.raises(UnreachableError, match=r"127\.0\.0\.1:1: .*refused"):
        packages.go("example.com/module", {"GOPROXY": NOBODY})


def test_credentials_in_an_address_are_not_told() -> None:
    with pytest.raises(UnreachableError) as told:
        packages.go("example.com/module", {"GOPROXY": "http://user:secret@127.0.0.1:1"})
    assert "secret" not in str(told.value)


@pytest.mark.parametrize("address", ["file:///etc", "nothing"])
def test_only_web_addresses_are_asked(address: str) -> None:
    with pytest.raises(UnreachableError, match="is no web address"):
        packages.go("example.com/module", {"GOPROXY": address})
