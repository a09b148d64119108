"""A copy of the checkout with a stack of its own, `drift`."""

import json
from collections.abc import Iterator
from typing import Any

import docker

from tests import checkout
from tests.checkout import Run

NAME = "drift"
SETTINGS: dict[str, Any] = {
    "environment": "test",
    "gateway": {"port": 27010},
    "auth": {"autoconfirm": True},
    "mail": {"enabled": True, "port": 27011},
}


def rows(output: str) -> list[list[str]]:
    """The rows of a table, by column; columns are two spaces apart."""
    lines = output.splitlines()
    heading = next((line for line in lines if line.startswith("COMPONENT ")), "")
    starts = [heading.find(name) for name in ("COMPONENT", "WHAT", "DECLARED", "FOUND")]
    ends = [*starts[1:], None]
    return [
        [line[start:end].strip() for start, end in zip(starts, ends, strict=True)]
        for line in lines[lines.index(heading) + 1 if heading else len(lines) :]
    ]


def found(output: str) -> set[tuple[str, str]]:
    """Component and what differs, of each row."""
    return {(row[0], row[1]) for row in rows(output)}


def reported(run: Run) -> str:
    """What a run told before it put anything right."""
    return run.output.partition("Putting right:\n")[0]


class Checkout(checkout.Checkout):
    """The copy with its one stack."""

    def up(self) -> Run:
        """Bring the stack up as `SETTINGS` say."""
        self.configure(NAME, SETTINGS)
        return self.make(NAME, "up")

    def drift(self, *options: str) -> Run:
        """Look for drift, by the command whose exit code make would hide."""
        return self.run("python3", "-m", "toolchain", "drift", "--stack", NAME, *options)

    def secrets(self) -> set[str]:
        """Every text of 16 characters or more that the stack hands out or runs with as a secret."""
        outputs = json.loads(self.make(NAME, "outputs", "SHOW_SECRETS=1").output)
        secret = {
            name: outputs[name] for name in ("secret_key", "database", "mongo", "redis", "s3")
        }
        client = docker.from_env()
        values = [
            entry.split("=", 1)[1]
            for container in client.containers.list(filters={"label": f"plinth.stack={NAME}"})
            for entry in container.attrs["Config"]["Env"]
            if any(word in entry.split("=")[0] for word in ("PASSWORD", "SECRET", "KEYS"))
        ]
        return {text for text in (*_texts(secret), *values) if len(text) >= 16}


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, str):
        yield value
