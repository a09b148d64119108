"""A lock that fits this checkout, for tests to break in one place."""

import json
from pathlib import Path
from typing import Any

from infra import catalog
from infra.config.loading import parse
from infra.config.stack import StackConfig
from infra.image_lock import own_images

ROOT = Path(__file__).resolve().parents[3]
REGISTRY = "registry.example.org:5000/plinth"
DIGEST = "sha256:" + "0123456789abcdef" * 4
DEVELOPMENT: dict[str, object] = {"environment": "development", "auth": {"autoconfirm": True}}


def fitting() -> dict[str, Any]:
    """The lock's content, with every image that a stack of this checkout runs."""
    names = own_images(parse(DEVELOPMENT | {"mail": {"enabled": True}}))
    return {
        "registry": REGISTRY,
        "platform": "linux/amd64",
        "images": {
            name: {"tag": catalog.published_tag(name, ROOT), "digest": DIGEST} for name in names
        },
    }


def written(folder: Path, content: Any) -> Path:
    """The content as a file; text as it is, anything else as JSON."""
    file = folder / "images.lock.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content))
    return file


def naming(file: Path, **more: object) -> StackConfig:
    """The configuration of a stack that names a lock."""
    return parse(DEVELOPMENT | {"images": {"lock": str(file), **more}})
