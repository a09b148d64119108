"""Files encrypted with a passphrase, in the age format (https://age-encryption.org/v1).

A file's key is wrapped by scrypt; the content is cut into chunks of 64 KiB, each encrypted by
ChaCha20-Poly1305 under a nonce that holds the chunk's number and whether it is the last. A chunk
that is changed, missing, moved or repeated is therefore refused, and so is a file that was cut off.
Content streams through: one chunk is in memory at a time.

The format is age's, so that `age --decrypt` opens a bundle where Plinth is not at hand. The
primitives are those of `cryptography`; the Python bindings of age (pyrage) hold the whole file in
memory when the key is a passphrase.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import io
import re
import secrets
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

if TYPE_CHECKING:
    from typing_extensions import Buffer

CHUNK_BYTES = 64 * 1024
TAG_BYTES = 16
WORK_FACTOR = 18
"""Binary logarithm of scrypt's cost: 256 MiB and about a second, age's own default."""

HIGHEST_WORK_FACTOR = 20
"""A header is read before it is authenticated: a higher factor could exhaust the memory."""

_VERSION = b"age-encryption.org/v1"
_FILE_KEY_BYTES = 16
_SALT_BYTES = 16
_NONCE_BYTES = 16
_LONGEST_HEADER = 256
_HEADER = re.compile(
    rb"(?P<authenticated>age-encryption\.org/v1\n"
    rb"-> scrypt (?P<salt>[A-Za-z0-9+/]{22}) (?P<work_factor>[1-9][0-9]?)\n"
    rb"(?P<wrapped>[A-Za-z0-9+/]{43})\n"
    rb"---) (?P<mac>[A-Za-z0-9+/]{43})\n"
)


class FormatError(ValueError):
    """It is no age file that a passphrase opens."""


class WrongPassphraseError(ValueError):
    """The passphrase does not open the file."""


class DamagedError(ValueError):
    """The file is not as it was written: cut off, changed, or put together anew."""


@dataclass(frozen=True)
class Header:
    """The part of a file that holds its wrapped key."""

    salt: bytes
    work_factor: int
    wrapped: bytes
    authenticated: bytes
    mac: bytes

    def file_key(self, passphrase: str) -> bytes:
        """Unwrap the file's key: 16 bytes.

        Raises:
            WrongPassphraseError: The passphrase is another one.
            DamagedError: The passphrase is right and the header was changed.
        """
        wrapping = ChaCha20Poly1305(_wrapping_key(passphrase, self.salt, self.work_factor))
        try:
            key = wrapping.decrypt(bytes(12), self.wrapped, None)
        except InvalidTag:
            raise WrongPassphraseError("the passphrase does not open it") from None
        if not hmac.compare_digest(_header_mac(key, self.authenticated), self.mac):
            raise DamagedError("its header was changed")
        return key


def read_header(file: IO[bytes]) -> Header:
    """Read the header; the file then stands at the content.

    Raises:
        FormatError: It is no header, one of another kind of key, or one of too high a cost.
    """
    lines = [file.readline(_LONGEST_HEADER) for _ in range(4)]
    found = _HEADER.fullmatch(b"".join(lines))
    if found is None:
        raise FormatError("it is no file that age encrypted with a passphrase")
    work_factor = int(found["work_factor"])
    if work_factor > HIGHEST_WORK_FACTOR:
        raise FormatError(f"its work factor {work_factor} is above {HIGHEST_WORK_FACTOR}")
    return Header(
        salt=_decoded(found["salt"]),
        work_factor=work_factor,
        wrapped=_decoded(found["wrapped"]),
        authenticated=found["authenticated"],
        mac=_decoded(found["mac"]),
    )


class Writer(io.RawIOBase):
    """Encrypts what is written to it.

    Closing it writes the last chunk: without that the file cannot be read. The underlying file
    stays open.
    """

    def __init__(self, file: IO[bytes], passphrase: str, *, work_factor: int = WORK_FACTOR) -> None:
        super().__init__()
        file_key = secrets.token_bytes(_FILE_KEY_BYTES)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        file.write(_new_header(file_key, passphrase, work_factor))
        file.write(nonce)
        self._file = file
        self._cipher = ChaCha20Poly1305(_payload_key(file_key, nonce))
        self._pending = bytearray()
        self._number = 0

    def writable(self) -> bool:
        """Whether it takes content."""
        return True

    def write(self, data: Buffer, /) -> int:
        """Take content."""
        self._pending += data
        # A full chunk stays until it is known whether it is the last one.
        while len(self._pending) > CHUNK_BYTES:
            self._encrypt(bytes(self._pending[:CHUNK_BYTES]), is_last=False)
            del self._pending[:CHUNK_BYTES]
        return memoryview(data).nbytes

    def close(self) -> None:
        """Write the last chunk."""
        if not self.closed:
            self._encrypt(bytes(self._pending), is_last=True)
        super().close()

    def _encrypt(self, chunk: bytes, *, is_last: bool) -> None:
        self._file.write(self._cipher.encrypt(_nonce(self._number, is_last=is_last), chunk, None))
        self._number += 1


class Reader(io.RawIOBase):
    """Decrypts the content that follows a header; gives out nothing that is not authentic.

    Reading raises `DamagedError` where the file is not as it was written. Only at the end of the
    stream is it certain that nothing was cut off.
    """

    def __init__(self, file: IO[bytes], file_key: bytes) -> None:
        super().__init__()
        nonce = file.read(_NONCE_BYTES)
        if len(nonce) < _NONCE_BYTES:
            raise DamagedError("it was cut off")
        self._file = file
        self._cipher = ChaCha20Poly1305(_payload_key(file_key, nonce))
        self._plain = memoryview(b"")
        self._number = 0
        self._encrypted = self._next()
        if not self._encrypted:
            raise DamagedError("it was cut off")

    def readable(self) -> bool:
        """Whether it gives content."""
        return True

    def readinto(self, buffer: Buffer, /) -> int:
        """Fill a buffer, perhaps in part; 0 at the end."""
        if not self._plain and self._encrypted:
            self._plain = memoryview(self._decrypt())
        target = memoryview(buffer).cast("B")
        count = min(len(target), len(self._plain))
        target[:count] = self._plain[:count]
        self._plain = self._plain[count:]
        return count

    def _decrypt(self) -> bytes:
        chunk, self._encrypted = self._encrypted, self._next()
        is_last = not self._encrypted
        try:
            plain = self._cipher.decrypt(_nonce(self._number, is_last=is_last), chunk, None)
        except InvalidTag:
            raise DamagedError(f"chunk {self._number} is changed, missing or cut off") from None
        if not plain and self._number:
            raise DamagedError("its last chunk is empty")
        self._number += 1
        return plain

    def _next(self) -> bytes:
        return self._file.read(CHUNK_BYTES + TAG_BYTES)


def _new_header(file_key: bytes, passphrase: str, work_factor: int) -> bytes:
    salt = secrets.token_bytes(_SALT_BYTES)
    wrapping = ChaCha20Poly1305(_wrapping_key(passphrase, salt, work_factor))
    authenticated = b"%s\n-> scrypt %s %d\n%s\n---" % (
        _VERSION,
        _encoded(salt),
        work_factor,
        _encoded(wrapping.encrypt(bytes(12), file_key, None)),
    )
    return authenticated + b" " + _encoded(_header_mac(file_key, authenticated)) + b"\n"


def _wrapping_key(passphrase: str, salt: bytes, work_factor: int) -> bytes:
    labelled = _VERSION + b"/scrypt" + salt
    return Scrypt(salt=labelled, length=32, n=1 << work_factor, r=8, p=1).derive(
        passphrase.encode()
    )


def _header_mac(file_key: bytes, authenticated: bytes) -> bytes:
    key = HKDF(algorithm=hashes.SHA256(), length=32, salt=None, info=b"header").derive(file_key)
    return hmac.digest(key, authenticated, "sha256")


def _payload_key(file_key: bytes, nonce: bytes) -> bytes:
    return HKDF(algorithm=hashes.SHA256(), length=32, salt=nonce, info=b"payload").derive(file_key)


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([is_last])


def _encoded(data: bytes) -> bytes:
    return base64.b64encode(data).rstrip(b"=")


def _decoded(text: bytes) -> bytes:
    try:
        data = base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise FormatError("its header is not base64") from None
    if _encoded(data) != text:
        raise FormatError("its header is not canonical base64")
    return data
