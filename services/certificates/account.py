"""The account at a directory: its private key and its URL, in files that nobody else reads."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.serialization import load_pem_private_key
from josepy.jwk import JWKEC

from services.certificates.pair import new_key

if TYPE_CHECKING:
    from pathlib import Path

_KEY_FILE = "key.pem"
_REGISTRATION_FILE = "registration.json"


@dataclass(frozen=True)
class Registration:
    """What a directory knows an account by."""

    url: str
    email: str


@dataclass(frozen=True)
class AccountFolder:
    """Files of the account at one directory."""

    path: Path

    @classmethod
    def of(cls, folder: Path, directory_url: str) -> AccountFolder:
        """The account's own folder: a key is for one directory alone."""
        return cls(folder / hashlib.sha256(directory_url.encode()).hexdigest()[:16])

    def key(self) -> JWKEC:
        """The account's key, made where there is none."""
        file = self.path / _KEY_FILE
        try:
            pem = file.read_bytes()
        except FileNotFoundError:
            pem = new_key()[1].encode()
            self._write(file, pem)
        return JWKEC(key=load_pem_private_key(pem, password=None))

    def registration(self) -> Registration | None:
        """The account, when the directory has made it."""
        try:
            return Registration(**json.loads((self.path / _REGISTRATION_FILE).read_bytes()))
        except FileNotFoundError:
            return None

    def write_registration(self, registration: Registration) -> None:
        """Remember the account."""
        content = json.dumps({"url": registration.url, "email": registration.email})
        self._write(self.path / _REGISTRATION_FILE, content.encode())

    def forget_registration(self) -> None:
        """Let the account be made again, by the same key."""
        (self.path / _REGISTRATION_FILE).unlink(missing_ok=True)

    def _write(self, file: Path, content: bytes) -> None:
        self.path.mkdir(mode=0o700, exist_ok=True)
        written = file.with_suffix(".written")
        descriptor = os.open(written, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as output:
            output.write(content)
            output.flush()
            os.fsync(output.fileno())
        written.rename(file)
