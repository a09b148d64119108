"""Makes a test's recording out of a real one: drops what the report never reads, changes nothing.

    python -m tests.unit.preview_report.trim .plinth/log/<stack>-report recordings/<case>

A real recording is some 500 KB, a trimmed one a tenth of it. Secrets need no scrubbing: Pulumi
writes `[secret]` for them, and a test looks for what it might have missed.
"""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

from preview_report.recording import DIGEST_FILE, ERRORS_FILE, EVENTS_FILE

STEP = ("op", "urn", "oldState", "newState", "diffReasons", "replaceReasons")
STATE = ("inputs", "protect", "retainOnDelete", "dependencies")
JUDGED = ("labels", "name", "image", "healthcheck", "destroyGraceSeconds", "waitTimeout", "volumes")
"""Inputs of unchanged resources that a judgement reads."""
DIAGNOSTIC = ("urn", "message", "severity")
EVENTS = ("policyEvent", "summaryEvent")


def _only(fields: tuple[str, ...], entry: dict[str, Any]) -> dict[str, Any]:
    return {name: entry[name] for name in fields if entry.get(name)}


def step(recorded: dict[str, Any]) -> dict[str, Any]:
    """A step of the digest with the fields that the report reads."""
    kept = _only(STEP, recorded)
    for side in ("oldState", "newState"):
        if side in kept:
            kept[side] = _only(STATE, kept[side])
    if kept["op"] != "same":
        return kept
    new = kept["newState"]
    new["inputs"] = _only(JUDGED, new.get("inputs", {}))
    # Both sides of an unchanged resource are alike, its protection apart.
    if kept["oldState"].get("protect") == new.get("protect"):
        del kept["oldState"]
    else:
        kept["oldState"]["inputs"] = new["inputs"]
    return kept


def trim(source: Path, destination: Path) -> None:
    """Trim a recording into a folder."""
    destination.mkdir(parents=True, exist_ok=True)
    text = (source / DIGEST_FILE).read_text(encoding="utf-8")
    digest = json.loads(text[text.find("{") :]) if "{" in text else {}
    kept = {
        "steps": [step(each) for each in digest.get("steps", ())],
        "diagnostics": [_only(DIAGNOSTIC, each) for each in digest.get("diagnostics", ())],
    }
    (destination / DIGEST_FILE).write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")
    events = (source / EVENTS_FILE).read_text(encoding="utf-8").splitlines()
    lines = [line for line in events if any(f'"{name}":' in line for name in EVENTS)]
    (destination / EVENTS_FILE).write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    shutil.copyfile(source / ERRORS_FILE, destination / ERRORS_FILE)


if __name__ == "__main__":
    trim(Path(sys.argv[1]), Path(sys.argv[2]))
