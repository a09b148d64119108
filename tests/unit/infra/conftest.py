import asyncio
import copy
import json
import runpy
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from pulumi.runtime import mocks, stack

ROOT = Path(__file__).resolve().parents[3]
STACKS = ("dev", "ci", "prod")
SECRET_MARK = "4dabf18193072939515e22adb298388d"


@dataclass
class Recorder(mocks.Mocks):
    """Stands in for the engine: keeps what is registered and answers as a provider would."""

    resources: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    """Inputs by resource name by type."""

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        inputs = _without_secret_marks(args.inputs)
        self.resources.setdefault(args.typ, {})[args.name] = inputs
        match args.typ:
            case "random:index/randomPassword:RandomPassword":
                length = int(inputs["length"])
                computed: dict[str, object] = {"result": f"{args.name}-{'x' * length}"}
            case "docker:index/container:Container":
                computed = {"exitCode": 0, "containerLogs": "done"}
            case _:
                computed = {}
        return f"{args.name}-id", inputs | computed

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        raise AssertionError(f"the program asks the engine for {args.token}")


def _without_secret_marks(value: Any) -> Any:
    if isinstance(value, dict):
        if SECRET_MARK in value:
            return _without_secret_marks(value["value"])
        return {name: _without_secret_marks(entry) for name, entry in value.items()}
    if isinstance(value, list):
        return [_without_secret_marks(entry) for entry in value]
    return value


def run_program(
    stack_name: str, configuration: dict[str, Any], secret_keys: Sequence[str] = ()
) -> Recorder:
    """What the whole program registers with the recorder; it runs once for each configuration.

    Args:
        stack_name: The stack's name.
        configuration: `<namespace>:<key>` to value.
        secret_keys: Which of them hold an encrypted value.
    """
    recorded = _recorded(stack_name, _as_text(configuration), tuple(secret_keys))
    return copy.deepcopy(recorded)


def run_program_again(stack_name: str, configuration: dict[str, Any]) -> Recorder:
    """As `run_program`, but it runs, whether it ran before or not, and is not remembered."""
    return _run(stack_name, _as_text(configuration), ())


def _as_text(configuration: dict[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name, value if isinstance(value, str) else json.dumps(value))
        for name, value in configuration.items()
    )


def _run(
    stack_name: str, settings: tuple[tuple[str, str], ...], secret_keys: tuple[str, ...]
) -> Recorder:
    recorder = Recorder()
    asyncio.set_event_loop(asyncio.new_event_loop())
    mocks.set_mocks(recorder, project="plinth", stack=stack_name)
    pulumi.runtime.set_all_config(dict(settings), list(secret_keys))

    async def program() -> None:
        try:
            runpy.run_path(str(ROOT / "infra"), run_name="__main__")
        finally:
            # The next run waits for what this one registered, in another loop.
            await stack.wait_for_rpcs()

    asyncio.get_event_loop().run_until_complete(program())
    return recorder


_recorded = cache(_run)


@pytest.fixture(scope="session", params=STACKS)
def program(request: pytest.FixtureRequest) -> Recorder:
    """The program as each shipped stack runs it."""
    file = yaml.safe_load((ROOT / f"Pulumi.{request.param}.yaml").read_text())
    return run_program(request.param, file["config"])
