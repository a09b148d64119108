"""What a failed run is summed up to."""

from __future__ import annotations

import json
from typing import Any

import pytest

from toolchain import containers, failure


def event(**fields: Any) -> str:
    return json.dumps(fields)


ERROR = event(
    diagnosticEvent={
        "urn": "urn:pulumi:dev::plinth::docker:index/container:Container::redis",
        "severity": "error",
        "message": "<{%reset%}>driver failed: port is already allocated<{%reset%}>\n",
    }
)


def test_errors_are_read_from_the_event_log() -> None:
    assert failure.problems(ERROR) == [
        failure.Problem("redis", "driver failed: port is already allocated")
    ]


@pytest.mark.parametrize(
    "line",
    [
        event(diagnosticEvent={"severity": "info", "message": "hello"}),
        event(policyEvent={"enforcementLevel": "advisory", "message": "advice"}),
        event(summaryEvent={}),
        '{"diagnosticEv',
    ],
)
def test_other_events_are_passed_over(line: str) -> None:
    assert failure.problems(line) == []


def test_a_repeated_error_counts_once() -> None:
    assert len(failure.problems(f"{ERROR}\n{ERROR}")) == 1


def test_a_mandatory_policy_is_an_error() -> None:
    line = event(policyEvent={"enforcementLevel": "mandatory", "message": "no latest tag"})
    assert failure.problems(line) == [failure.Problem("", "policy violation: no latest tag")]


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Bind for 127.0.0.1:8000 failed: port is already allocated", "port"),
        ("listen tcp4 127.0.0.1:8000: bind: address already in use", "port"),
        ("write /var/lib/docker/x: no space left on device", "disk is full"),
        ("error: incorrect passphrase", "passphrase"),
        ("the stack is currently locked by 1 lock(s)", "Another run"),
        ("Error response from daemon: No such image: x:1", "image is missing"),
        ("Cannot connect to the Docker daemon at unix:///var/run/docker.sock", "make doctor"),
        ("policy violation: no latest tag", "policy names"),
        ("something else", "Mend what the error above names"),
    ],
)
def test_every_known_cause_has_its_sentence(text: str, word: str) -> None:
    assert word in failure.sentence_for(text, "dev")


@pytest.mark.parametrize(("_pattern", "sentence"), failure.SENTENCES)
def test_sentences_are_one_line_of_prose(_pattern: str, sentence: str) -> None:
    assert (sentence[-1], "\n" in sentence) == (".", False)


def inspected(**changes: Any) -> dict[str, Any]:
    state = {"Status": "running", "ExitCode": 0} | changes.pop("State", {})
    return {
        "Name": "/plinth-dev-redis",
        "Created": "2026-11-21T11:00:00Z",
        "State": state,
        "Config": {"Image": "redis:8", "Labels": {containers.COMPONENT_LABEL: "redis"}},
        "HostConfig": {"RestartPolicy": {"Name": "unless-stopped"}},
        "NetworkSettings": {"Ports": {"6379/tcp": [{"HostIp": "127.0.0.1", "HostPort": "16379"}]}},
    } | changes


def parsed(**changes: Any) -> containers.Container:
    return containers.parse(json.dumps([inspected(**changes)]))[0]


def test_ports_read_as_host_to_container() -> None:
    assert parsed().ports == ("127.0.0.1:16379->6379/tcp",)


def test_an_unpublished_port_is_left_out() -> None:
    assert parsed(NetworkSettings={"Ports": {"6379/tcp": None}}).ports == ()


@pytest.mark.parametrize(("policy", "expected"), [("unless-stopped", True), ("no", False)])
def test_one_shots_are_told_from_what_keeps_running(policy: str, *, expected: bool) -> None:
    container = parsed(HostConfig={"RestartPolicy": {"Name": policy}})
    assert container.keeps_running is expected


def test_file_carriers_are_recognised() -> None:
    carrier = parsed(State={"Status": "created"}, HostConfig={"RestartPolicy": {"Name": "no"}})
    assert carrier.holds_files


@pytest.mark.parametrize(
    ("state", "expected"),
    [
        ({}, False),
        ({"Health": {"Status": "healthy"}}, False),
        ({"Health": {"Status": "unhealthy"}}, True),
        ({"Status": "restarting"}, True),
        ({"Status": "exited", "ExitCode": 0}, False),
        ({"Status": "exited", "ExitCode": 3}, True),
        ({"Status": "created"}, False),
    ],
)
def test_failed_containers_are_recognised(state: dict[str, Any], *, expected: bool) -> None:
    assert parsed(State=state).has_failed is expected


@pytest.mark.parametrize(
    ("state", "restart", "expected"),
    [
        ({"Status": "exited", "ExitCode": 3}, "no", True),
        ({"Status": "exited", "ExitCode": 0}, "no", False),
        ({"Status": "created", "ExitCode": 0}, "no", False),
        ({"Status": "exited", "ExitCode": 3}, "unless-stopped", False),
    ],
)
def test_one_shots_to_run_again_are_recognised(
    state: dict[str, Any], restart: str, *, expected: bool
) -> None:
    container = parsed(State=state, HostConfig={"RestartPolicy": {"Name": restart}})
    assert container.is_failed_one_shot is expected


def test_containers_come_oldest_first() -> None:
    newer = inspected(Name="/b", Created="2026-11-21T12:00:00Z")
    found = containers.parse(json.dumps([newer, inspected(Name="/a")]))
    assert [container.name for container in found] == ["a", "b"]
