"""The age format: the format's own test vectors, and properties of what is written and read."""

import hashlib
import io
import zlib
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backup import age

VECTORS = Path(__file__).parent / "age_vectors"
"""Of C2SP's CCTV, https://github.com/C2SP/CCTV/tree/main/age: those for scrypt and the content."""

ERRORS: dict[str, type[ValueError] | tuple[type[ValueError], ...]] = {
    "header failure": age.FormatError,
    # A header without a key for a passphrase is no match to age, and another format here.
    "no match": (age.WrongPassphraseError, age.FormatError),
    "HMAC failure": age.DamagedError,
    "payload failure": age.DamagedError,
}
PASSPHRASE = "a passphrase for tests"
WORK_FACTOR = 2
CHUNK = age.CHUNK_BYTES
CONTENTS = st.one_of(
    st.binary(max_size=200),
    st.builds(
        lambda size, seed: (seed * (size // len(seed) + 1))[:size],
        st.sampled_from([CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK + 7]),
        st.binary(min_size=1, max_size=9),
    ),
)


@dataclass(frozen=True)
class Vector:
    """A test vector: what it says of itself, and an encrypted file."""

    fields: dict[str, str]
    file: bytes

    @classmethod
    def read(cls, path: Path) -> "Vector":
        head, _, file = path.read_bytes().partition(b"\n\n")
        fields = dict(line.split(": ", 1) for line in head.decode().splitlines())
        return cls(fields, zlib.decompress(file) if "compressed" in fields else file)


def encrypted(content: bytes, passphrase: str = PASSPHRASE) -> bytes:
    file = io.BytesIO()
    with age.Writer(file, passphrase, work_factor=WORK_FACTOR) as writer:
        writer.write(content)
    return file.getvalue()


def decrypted(encrypted: bytes, passphrase: str = PASSPHRASE) -> bytes:
    file = io.BytesIO(encrypted)
    return age.Reader(file, age.read_header(file).file_key(passphrase)).readall()


def split(encrypted: bytes) -> tuple[bytes, list[bytes]]:
    """What stands before the content's chunks, and the chunks."""
    file = io.BytesIO(encrypted)
    age.read_header(file)
    start = file.tell() + 16
    step = CHUNK + age.TAG_BYTES
    content = encrypted[start:]
    return encrypted[:start], [content[at : at + step] for at in range(0, len(content), step)]


@pytest.fixture(scope="module")
def three_chunks() -> tuple[bytes, list[bytes]]:
    return split(encrypted(b"a" * CHUNK + b"b" * CHUNK + b"c" * 100))


@pytest.mark.parametrize("name", sorted(path.name for path in VECTORS.glob("scrypt*")))
def test_a_header_is_read_as_the_format_says(name: str) -> None:
    vector = Vector.read(VECTORS / name)
    if vector.fields["expect"] == "success":
        content = decrypted(vector.file, vector.fields["passphrase"])
        assert hashlib.sha256(content).hexdigest() == vector.fields["payload"]
    else:
        with pytest.raises(ERRORS[vector.fields["expect"]]):
            decrypted(vector.file, vector.fields.get("passphrase", PASSPHRASE))


@pytest.mark.parametrize("name", sorted(path.name for path in VECTORS.glob("stream_*")))
def test_content_is_read_as_the_format_says(name: str) -> None:
    vector = Vector.read(VECTORS / name)
    # These have headers for another kind of key, and tell the file's key.
    file = io.BytesIO(vector.file)
    while not file.readline().startswith(b"---"):
        pass
    key = bytes.fromhex(vector.fields["file key"])
    if vector.fields["expect"] == "success":
        content = age.Reader(file, key).readall()
        assert hashlib.sha256(content).hexdigest() == vector.fields["payload"]
    else:
        with pytest.raises(age.DamagedError):
            age.Reader(file, key).readall()


@given(CONTENTS)
@settings(deadline=None)
def test_what_was_encrypted_comes_back(content: bytes) -> None:
    assert decrypted(encrypted(content)) == content


@given(st.lists(st.integers(1, CHUNK + 3), max_size=6))
@settings(deadline=None, max_examples=30)
def test_how_content_is_handed_over_does_not_matter(sizes: list[int]) -> None:
    file = io.BytesIO()
    with age.Writer(file, PASSPHRASE, work_factor=WORK_FACTOR) as writer:
        for size in sizes:
            writer.write(b"x" * size)
    assert decrypted(file.getvalue()) == b"x" * sum(sizes)


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_any_flipped_bit_is_refused(data: st.DataObject) -> None:
    file = bytearray(encrypted(b"content of a file" * data.draw(st.sampled_from([0, 1, 5000]))))
    at = data.draw(st.integers(0, len(file) - 1))
    file[at] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises((age.FormatError, age.WrongPassphraseError, age.DamagedError)):
        decrypted(bytes(file))


@given(st.data())
@settings(deadline=None, max_examples=200)
def test_any_truncation_is_refused(data: st.DataObject) -> None:
    file = encrypted(b"x" * data.draw(st.sampled_from([0, 1, CHUNK, CHUNK + 1, 2 * CHUNK])))
    with pytest.raises((age.FormatError, age.DamagedError)):
        decrypted(file[: data.draw(st.integers(0, len(file) - 1))])


def test_a_file_cut_between_two_chunks_is_refused(three_chunks: tuple[bytes, list[bytes]]) -> None:
    head, chunks = three_chunks
    with pytest.raises(age.DamagedError):
        decrypted(head + b"".join(chunks[:2]))


@pytest.mark.parametrize(
    "order",
    [(1, 0, 2), (0, 2, 1), (0, 0, 1, 2), (0, 1, 1, 2), (0, 1, 2, 2), (0, 2), (1, 2), (2,)],
    ids=str,
)
def test_chunks_in_another_order_are_refused(
    three_chunks: tuple[bytes, list[bytes]], order: tuple[int, ...]
) -> None:
    head, chunks = three_chunks
    with pytest.raises(age.DamagedError):
        decrypted(head + b"".join(chunks[number] for number in order))


def test_chunks_of_another_file_are_refused(three_chunks: tuple[bytes, list[bytes]]) -> None:
    head, _ = split(encrypted(b"another"))
    with pytest.raises(age.DamagedError):
        decrypted(head + b"".join(three_chunks[1]))


def test_another_passphrase_is_refused() -> None:
    with pytest.raises(age.WrongPassphraseError):
        decrypted(encrypted(b"content"), "another passphrase")


def test_the_same_content_is_never_encrypted_alike() -> None:
    assert encrypted(b"content") != encrypted(b"content")


def test_content_that_is_not_authentic_is_not_given_out(
    three_chunks: tuple[bytes, list[bytes]],
) -> None:
    head, chunks = three_chunks
    changed = bytes([chunks[1][0] ^ 1]) + chunks[1][1:]
    file = io.BytesIO(head + chunks[0] + changed + chunks[2])
    reader = age.Reader(file, age.read_header(file).file_key(PASSPHRASE))
    assert reader.read(2 * CHUNK) == b"a" * CHUNK
    with pytest.raises(age.DamagedError):
        reader.read(1)
