import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from infra import catalog
from infra.config.loading import parse
from infra.config.section import ConfigurationError
from infra.image_lock import ImageLock, own_images, read, require
from tests.unit.infra.locks import (
    DEVELOPMENT,
    DIGEST,
    REGISTRY,
    ROOT,
    fitting,
    naming,
    written,
)
from tests.unit.infra.test_external_stores import EXTERNAL

Content = dict[str, Any]
Change = Callable[[Content], Any]


def without_auth(content: Content) -> None:
    del content["images"]["auth"]


def of_other_sources(content: Content) -> None:
    content["images"]["redis"]["tag"] = "8.0-000000000000"


def of_short_digest(content: Content) -> None:
    content["images"]["redis"]["digest"] = "sha256:0123"


def of_another_platform(content: Content) -> None:
    content["platform"] = "linux/arm64"


def with_another_key(content: Content) -> None:
    content["images"]["redis"]["size"] = 1


def without_registry(content: Content) -> None:
    del content["registry"]


BROKEN = {
    without_auth: (
        "plinth:images.lock: images.lock.json has no image auth; publish what is missing: "
        f"make publish REGISTRY={REGISTRY}"
    ),
    of_other_sources: (
        "images.lock.json was written for other sources of image redis "
        f"(8.0-000000000000, here {catalog.published_tag('redis', ROOT)}); publish them: "
        f"make publish REGISTRY={REGISTRY}"
    ),
    of_short_digest: "images.lock.json: image redis has no valid digest",
    of_another_platform: "images.lock.json: platform: Input should be 'linux/amd64'",
    with_another_key: "images.lock.json: images.redis.size: Extra inputs are not permitted",
    without_registry: "images.lock.json: registry: Field required",
}


def test_a_lock_that_fits_is_taken(tmp_path: Path) -> None:
    file = written(tmp_path, fitting())
    assert require(naming(file), ROOT) == ImageLock.model_validate(fitting())


def test_a_stack_that_names_no_lock_has_none() -> None:
    assert require(parse(DEVELOPMENT), ROOT) is None


@pytest.mark.parametrize(("change", "message"), BROKEN.items(), ids=lambda part: str(part)[:20])
def test_a_lock_that_does_not_fit_is_refused(tmp_path: Path, change: Change, message: str) -> None:
    content = fitting()
    change(content)
    with pytest.raises(ConfigurationError, match=re.escape(message)):
        require(naming(written(tmp_path, content)), ROOT)


@pytest.mark.parametrize("text", ["{", "", "[]", '"text"', "null"])
def test_what_is_no_lock_at_all_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match=r"no JSON object: .*; restore it from git"):
        read(written(tmp_path, text))


def test_a_missing_lock_is_named_with_the_command_that_writes_it(tmp_path: Path) -> None:
    message = r"images\.lock\.json does not exist; write it: make publish REGISTRY=host/path"
    with pytest.raises(ConfigurationError, match=message):
        require(naming(tmp_path / "images.lock.json"), ROOT)


@pytest.mark.parametrize("change", BROKEN, ids=lambda change: change.__name__)
def test_a_refusal_is_one_line(tmp_path: Path, change: Change) -> None:
    content = fitting()
    change(content)
    with pytest.raises(ConfigurationError) as raised:
        require(naming(written(tmp_path, content)), ROOT)
    assert "\n" not in str(raised.value)


def test_an_image_that_the_stack_does_not_run_may_be_of_other_sources(tmp_path: Path) -> None:
    content = fitting()
    content["images"]["mailpit"]["tag"] = "1.0-000000000000"
    assert require(naming(written(tmp_path, content)), ROOT)


def test_a_reference_has_tag_and_digest() -> None:
    lock = ImageLock.model_validate(fitting())
    tag = catalog.published_tag("redis", ROOT)
    assert lock.reference("redis") == f"{REGISTRY}/redis:{tag}@{DIGEST}"


def test_the_text_is_read_back_as_it_was(tmp_path: Path) -> None:
    lock = ImageLock.model_validate(fitting())
    assert read(written(tmp_path, lock.as_text())) == lock


def test_the_text_is_sorted_by_image() -> None:
    content = fitting()
    turned = {**content, "images": dict(reversed(content["images"].items()))}
    texts = {ImageLock.model_validate(each).as_text() for each in (content, turned)}
    assert len(texts) == 1


def test_the_text_ends_with_a_newline() -> None:
    assert ImageLock.model_validate(fitting()).as_text().endswith("}\n")


@pytest.mark.parametrize(
    ("settings", "names"),
    [
        (
            {},
            "auth db-bootstrap envoy ferretdb postgres postgrest redis versitygw",
        ),
        (
            {"mail": {"enabled": True}},
            "auth db-bootstrap envoy ferretdb mailpit postgres postgrest redis versitygw",
        ),
        (
            {"observability": {"enabled": True}},
            (
                "auth blackbox db-bootstrap envoy ferretdb postgres postgrest prometheus redis "
                "versitygw"
            ),
        ),
        (
            {
                "gateway": {
                    "public_url": "https://api.example.com",
                    "tls": {
                        "redirect_port": 80,
                        "acme": {"domains": ["api.example.com"], "terms_agreed": True},
                    },
                }
            },
            "auth certificates db-bootstrap envoy ferretdb postgres postgrest redis versitygw",
        ),
        (
            {"gateway": {"waf": True}},
            "auth db-bootstrap envoy ferretdb postgres postgrest redis versitygw waf",
        ),
        (
            {name: {"external": place} for name, place in EXTERNAL.items()},
            "auth db-bootstrap envoy postgrest",
        ),
        (
            {"gateway": {"engine": "kong"}, "auth": {"autoconfirm": True, "engine": "gotrue"}},
            "db-bootstrap ferretdb postgres postgrest redis versitygw",
        ),
        ({"images": {"source": "registry"}}, "db-bootstrap versitygw"),
    ],
    ids=[
        "packages",
        "mail",
        "observability",
        "certificates",
        "firewall",
        "elsewhere",
        "others",
        "registry",
    ],
)
def test_own_images_are_those_that_the_stack_runs(settings: dict[str, object], names: str) -> None:
    assert own_images(parse(DEVELOPMENT | settings)) == names.split()
