"""The form of nginx's configuration language."""

from __future__ import annotations


def block(head: str, *parts: str) -> str:
    """A block directive: `head { parts }`, its content indented."""
    content = "\n".join(part.strip("\n") for part in parts if part)
    lines = (f"    {line}" if line else "" for line in content.split("\n"))
    return f"{head} {{\n" + "\n".join(lines) + "\n}"


def choice(source: str, variable: str, *cases: tuple[str, str]) -> str:
    """A `map` block: the value of a variable by that of another one.

    Args:
        source: What is looked at.
        variable: What gets the value.
        cases: Pattern and value.
    """
    return block(f"map {source} {variable}", *(f"{pattern} {value};" for pattern, value in cases))


def milliseconds(seconds: float) -> str:
    """A time."""
    return f"{round(seconds * 1000)}ms"
