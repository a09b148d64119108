"""The commands that README.md and docs/ tell readers to type, run as they stand.

A fenced block of commands (console, bash, sh, js, python) has an HTML comment on the line before
it, which a reader of the rendered page does not see:

    <!-- run -->                    run it against the stack `ci`; it must end with 0
    <!-- not run: reason -->        do not run it, and why

Blocks in other languages (text, yaml, sql, json) show no commands and need no comment, nor do
blocks without a language, as long as no line of theirs starts with a prompt.

In `console` a command stands behind `$ ` and goes on behind `> ` or after a backslash; everything
else is output, which is not compared. `bash` and `sh` are commands alone. They run by bash in the
checkout's folder, one page from top to bottom: a block finds the variables that the blocks before
it set. It ends at the first command that fails, and a curl that is answered with an error fails.
STACK=ci is set, so `make outputs` speaks of this stack. `js` runs as a module of Node.js with
supabase-js at hand and `python` by the project's interpreter; both find the page's variables in
their environment.
"""

import os
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.supabase_js import installation
from tests.running_stack import NAME, ROOT, RunningStack

SHELLS = frozenset({"console", "bash", "sh"})
SCRIPTS = frozenset({"js", "python"})
BLOCK = re.compile(
    r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>[a-z]*)[^\n]*\n"
    r"(?P<text>.*?)^ *(?P=fence) *$",
    re.MULTILINE | re.DOTALL,
)
RUN = "<!-- run -->"
NOT_RUN = re.compile(r"<!-- not run: \S.* -->")
PAGE_SECONDS = 600
PROLOGUE = """set -o errexit -o nounset -o pipefail -o allexport
[ ! -e "$PAGE_STATE" ] || . "$PAGE_STATE"
"""
EPILOGUE = """
export -p >"$PAGE_STATE"
"""
INTERPRETERS = {"js": "node", "python": sys.executable}
SUFFIXES = {"js": ".mjs", "python": ".py"}


@dataclass(frozen=True)
class Block:
    """A fenced block of a page."""

    page: Path
    line: int
    language: str
    mark: str
    """The line before it."""
    text: str

    @property
    def place(self) -> str:
        """For people: the page and the line."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"

    @property
    def has_commands(self) -> bool:
        """Whether a reader is meant to type it."""
        return self.language in SHELLS | SCRIPTS or bool(
            re.search(r"^\$ ", self.text, re.MULTILINE)
        )


def blocks_of(page: Path) -> list[Block]:
    """Every fenced block of a page, in order."""
    source = page.read_text(encoding="utf-8")
    blocks = []
    for found in BLOCK.finditer(source):
        before = source[: found.start()].splitlines()
        indent = re.compile(f"^ {{0,{len(found['indent'])}}}", re.MULTILINE)
        blocks.append(
            Block(
                page=page,
                line=len(before) + 1,
                language=found["language"],
                mark=before[-1].strip() if before else "",
                text=indent.sub("", found["text"]),
            )
        )
    return blocks


def commands_of(session: str) -> str:
    """What was typed in a `console` block."""
    typed: list[str] = []
    for line in session.splitlines():
        if line.startswith("$ "):
            typed.append(line.removeprefix("$ "))
        elif typed and line.startswith("> "):
            typed.append(line.removeprefix("> "))
        elif typed and typed[-1].endswith("\\"):
            typed.append(line)
    return "\n".join(typed)


BLOCKS = [
    block
    for page in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if page.exists()
    for block in blocks_of(page)
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the pages' variables are kept, and curl's settings."""
    folder = tmp_path_factory.mktemp("pages")
    (folder / ".curlrc").write_text("fail\nshow-error\n", encoding="utf-8")
    if any(block.mark == RUN and block.language == "js" for block in BLOCKS):
        installation.offer_to(folder)
    return folder


@pytest.fixture
def environment(stack: RunningStack, folder: Path) -> dict[str, str]:
    assert stack.outputs
    return {**os.environ, **installation.ENVIRONMENT, "STACK": NAME, "CURL_HOME": str(folder)}


@pytest.mark.parametrize(
    ("session", "commands"),
    [
        ("$ make up\nPlinth is up\n$ make ps\n", "make up\nmake ps"),
        ("$ curl \\\n    -s x\nanswer\n", "curl \\\n    -s x"),
        ("$ for i in 1 2; do\n> echo $i; done\n1\n2\n", "for i in 1 2; do\necho $i; done"),
    ],
)
def test_output_is_told_from_commands(session: str, commands: str) -> None:
    assert commands_of(session) == commands


@pytest.mark.parametrize("block", [b for b in BLOCKS if b.has_commands], ids=lambda b: b.place)
def test_commands_are_run_or_say_why_not(block: Block) -> None:
    assert block.mark == RUN or NOT_RUN.fullmatch(block.mark), (
        f"{block.place}: put {RUN} or <!-- not run: reason --> on the line before the block"
    )


def test_the_readme_has_something_to_run() -> None:
    assert any(block.mark == RUN for block in BLOCKS if block.page.name == "README.md")


@pytest.fixture
def script(block: Block, folder: Path) -> str:
    """What bash runs for a block."""
    if block.language in SHELLS:
        commands = commands_of(block.text) if block.language == "console" else block.text
        return PROLOGUE + commands + EPILOGUE
    file = folder / f"line-{block.line}{SUFFIXES[block.language]}"
    file.write_text(block.text, encoding="utf-8")
    return PROLOGUE + shlex.join([INTERPRETERS[block.language], str(file)])


@pytest.mark.engine
@pytest.mark.stack
@pytest.mark.parametrize("block", [b for b in BLOCKS if b.mark == RUN], ids=lambda b: b.place)
def test_commands_work(
    block: Block, script: str, folder: Path, environment: dict[str, str]
) -> None:
    state = folder / block.page.name
    ended = subprocess.run(
        ["bash", "-c", script],
        cwd=ROOT,
        env={**environment, "PAGE_STATE": str(state)},
        capture_output=True,
        text=True,
        timeout=PAGE_SECONDS,
        check=False,
    )
    assert ended.returncode == 0, f"{block.place}:\n{ended.stdout}\n{ended.stderr}"
