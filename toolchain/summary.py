"""What `make up` ends with: where things are, the publishable key, and lines to paste."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

ADDRESSES = (
    ("gateway_url", "API"),
    ("auth_url", "Auth"),
    ("rest_url", "REST"),
    ("jwks_url", "Signing keys"),
    ("mail_url", "Mail"),
    ("prometheus_url", "Prometheus"),
)
SECRETS = ("secret_key", "database", "mongo", "redis", "s3")


def lines(stack: str, outputs: Mapping[str, Any]) -> list[str]:
    """The summary of a stack that is up, as lines of at most 80 columns where a key allows.

    Args:
        stack: its name.
        outputs: its outputs; secret ones may be blanked.
    """
    text = ["", f"Plinth is up: stack {stack}", ""]
    text += [f"  {title:<17}{outputs[name]}" for name, title in ADDRESSES if outputs.get(name)]
    key = outputs.get("publishable_key")
    if key:
        text += [f"  {'Publishable key':<17}{key}"]
    readable = [name for name in SECRETS if outputs.get(name)]
    option = "" if stack == "dev" else f" STACK={stack}"
    if readable:
        text += ["", "Secret outputs (" + ", ".join(readable) + "):"]
        text += [f"  make outputs SHOW_SECRETS=1{option}"]
    if key and outputs.get("auth_url") and outputs.get("rest_url"):
        text += ["", *_commands(outputs, option)]
    return text


def _commands(outputs: Mapping[str, Any], option: str) -> list[str]:
    auth, rest = outputs["auth_url"], outputs["rest_url"]
    return [
        f"Try it (the last one reads the rows of `make seed{option}`):",
        f"  KEY={outputs['publishable_key']}",
        f'  curl {auth}/health -H "apikey: $KEY"',
        f'  TOKEN=$(curl -s {auth}/signup -H "apikey: $KEY" \\',
        "    -H 'content-type: application/json' \\",
        """    -d '{"email":"me-'$(date +%s)'@example.com","password":"'$(date +%s%N)'"}' \\""",
        "    | python3 -c 'import json,sys;print(json.load(sys.stdin)[\"access_token\"])')",
        f'  curl "{rest}/todos?select=*" -H "apikey: $KEY" \\',
        '    -H "Authorization: Bearer $TOKEN"',
    ]
