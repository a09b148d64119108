import pytest

from airgap.docker_provider.registry import host_of, refusal
from airgap.docker_provider.remote_image import split_reference

DIGEST = "sha256:" + "0123456789abcdef" * 4
REFERENCE = f"registry.example.org:5000/plinth/redis:8.0-0123@{DIGEST}"
ANSWERS = {
    f"manifest verification failed for digest {DIGEST}": "sent something else",
    f"filesystem layer verification failed for digest {DIGEST}": "sent something else",
    "gzip: invalid checksum": "sent something else",
    f"manifest for plinth/redis@{DIGEST} not found: manifest unknown: x": "does not have it",
    "unknown blob": "does not have it",
    "unauthorized: authentication required": "refuses this login",
    'Head "https://…": no basic auth credentials': "refuses this login",
    "denied: requested access to the resource is denied": "refuses this login",
    "received unexpected HTTP status: 500 Internal Server Error": "failed",
    "http: server gave HTTP response to HTTPS client": "speaks HTTP",
    "x509: certificate signed by unknown authority": "does not trust the certificate",
    'Get "https://…": dial tcp 10.0.0.1:443: connect: connection refused': "does not answer",
    'Get "https://…": dial tcp: lookup registry: no such host': "does not answer",
    'Get "https://…/v2/": EOF': "does not answer",
    "write /var/lib/docker/x: no space left on device": "a disk is full",
}
"""What engine and registries answer, and what it is told as."""


@pytest.mark.parametrize(("answer", "what"), ANSWERS.items())
def test_an_answer_is_told_as_what_it_means(answer: str, what: str) -> None:
    assert what in refusal(REFERENCE, answer).what


@pytest.mark.parametrize("answer", ANSWERS)
def test_the_engines_words_are_kept(answer: str) -> None:
    assert answer in refusal(REFERENCE, answer).what


def test_an_answer_that_is_not_known_is_told_as_it_is() -> None:
    assert refusal(REFERENCE, "out of\n  paper").what == "out of paper"


def test_a_refused_login_names_the_registry() -> None:
    mend = refusal(REFERENCE, "unauthorized").mend
    assert mend.startswith("run docker login registry.example.org:5000 ")


@pytest.mark.parametrize(
    ("reference", "host"),
    [
        (REFERENCE, "registry.example.org:5000"),
        ("127.0.0.1:5000/plinth/redis:8", "127.0.0.1:5000"),
        ("plinth/redis:8", "docker.io"),
        (f"redis@{DIGEST}", "docker.io"),
    ],
)
def test_a_name_leads_to_a_registry(reference: str, host: str) -> None:
    assert host_of(reference) == host


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        (REFERENCE, ("registry.example.org:5000/plinth/redis", DIGEST)),
        (f"redis@{DIGEST}", ("redis", DIGEST)),
        ("redis:8.2", ("redis", "8.2")),
        ("registry.example.org:5000/redis", ("registry.example.org:5000/redis", "latest")),
    ],
)
def test_a_name_is_split(reference: str, parts: tuple[str, str]) -> None:
    assert split_reference(reference) == parts
