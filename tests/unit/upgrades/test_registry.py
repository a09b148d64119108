import json

import pytest

from tests.unit.upgrades.conftest import Page, Publisher
from upgrades import registry
from upgrades.versions import UnreachableError

LIST = "/v2/team/app/tags/list?n=1000"
TOKEN = "/token?scope=repository%3Ateam%2Fapp%3Apull&service=here"


def repository(publisher: Publisher) -> str:
    return f"{publisher.address.removeprefix('http://')}/team/app"


@pytest.mark.parametrize(
    ("reference", "url", "name"),
    [
        ("postgres", "https://registry-1.docker.io", "library/postgres"),
        ("envoyproxy/envoy", "https://registry-1.docker.io", "envoyproxy/envoy"),
        ("ghcr.io/team/app", "https://ghcr.io", "team/app"),
        ("registry.example:5000/app", "https://registry.example:5000", "app"),
        ("127.0.0.1:5000/team/app", "http://127.0.0.1:5000", "team/app"),
        ("localhost/app", "http://localhost", "app"),
    ],
)
def test_a_repository_is_asked_for_where_an_engine_pulls_it(
    reference: str, url: str, name: str
) -> None:
    assert registry.address(reference) == (url, name)


def test_tags_are_listed_page_by_page(publisher: Publisher) -> None:
    following = "/v2/team/app/tags/list?n=1000&last=1.1"
    link = {"Link": f'<{following}>; rel="next"'}
    publisher.pages[LIST] = Page(json.dumps({"tags": ["1.0", "1.1"]}), headers=link)
    publisher.pages[following] = Page(json.dumps({"tags": ["1.2"]}))
    assert registry.tags(repository(publisher)) == ["1.0", "1.1", "1.2"]


def test_a_registry_gives_a_token_to_anybody(publisher: Publisher) -> None:
    publisher.token = "given"
    publisher.pages[TOKEN] = Page(json.dumps({"token": "given"}))
    publisher.pages[LIST] = Page(json.dumps({"tags": ["1.0"]}))
    assert registry.tags(repository(publisher)) == ["1.0"]


def test_a_token_that_is_refused_is_not_asked_for_again(publisher: Publisher) -> None:
    publisher.token = "another"
    publisher.pages[TOKEN] = Page(json.dumps({"token": "given"}))
    with pytest.raises(UnreachableError, match="answers 401"):
        registry.tags(repository(publisher))


def test_a_registry_that_wants_a_password_is_told(publisher: Publisher) -> None:
    publisher.pages[LIST] = Page("", 401, {"WWW-Authenticate": 'Basic realm="here"'})
    with pytest.raises(UnreachableError, match="wants credentials"):
        registry.tags(repository(publisher))


@pytest.mark.parametrize("body", ["<html>", "[]"])
def test_an_answer_that_is_not_a_registrys_is_told(body: str, publisher: Publisher) -> None:
    publisher.pages[LIST] = Page(body)
    with pytest.raises(UnreachableError, match="does not answer as a registry does"):
        registry.tags(repository(publisher))


def test_a_repository_without_tags_has_none(publisher: Publisher) -> None:
    publisher.pages[LIST] = Page('{"tags": null}')
    assert registry.tags(repository(publisher)) == []


def test_a_list_without_an_end_is_given_up(publisher: Publisher) -> None:
    link = {"Link": f'<{LIST}>; rel="next"'}
    publisher.pages[LIST] = Page('{"tags": ["1"]}', headers=link)
    with pytest.raises(UnreachableError, match="more tags than are looked at"):
        registry.tags(repository(publisher))
