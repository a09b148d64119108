"""Passwords that are known from breaches are not set, and only files are asked."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from services.auth.breached_passwords import BreachedPasswords
from services.auth.errors import AuthError, WeakPasswordError
from services.auth.passwords import Passwords
from tests.service.auth.service import SERVICE_TOKEN, AuthService, new_email

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    import httpx

    from tests.service.auth.service import StartService

BREACHED = "password-1"
UNKNOWN = "Tu9xwq-LmR2-kz7d"


def hash_of(password: str) -> tuple[str, str]:
    """The first five digits of the password's SHA-1 hash, which name a file, and the others."""
    digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper()
    return digest[:5], digest[5:]


def write_range(folder: Path, prefix: str, *lines: str, ending: str = ".txt") -> None:
    (folder / f"{prefix}{ending}").write_text("\r\n".join(lines))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Range files: the first, the last, and the one of a breached password."""
    prefix, suffix = hash_of(BREACHED)
    for name in ("00000", "FFFFF"):
        write_range(tmp_path, name, f"{'0' * 35}:1")
    write_range(tmp_path, prefix, f"{'0' * 35}:1", f"{suffix}:2413945", f"{'F' * 35}:7")
    return tmp_path


def test_a_breached_password_is_found(folder: Path) -> None:
    assert BreachedPasswords(folder).contains(BREACHED)


def test_another_password_of_its_range_is_not_found(folder: Path) -> None:
    write_range(folder, hash_of(UNKNOWN)[0], f"{'0' * 35}:1")

    assert not BreachedPasswords(folder).contains(UNKNOWN)


def test_a_hash_in_lower_case_counts(folder: Path) -> None:
    prefix, suffix = hash_of(UNKNOWN)
    write_range(folder, prefix, f"{suffix.lower()}:1")

    assert BreachedPasswords(folder).contains(UNKNOWN)


def test_padding_does_not_count(folder: Path) -> None:
    prefix, suffix = hash_of(UNKNOWN)
    write_range(folder, prefix, f"{suffix}:0")

    assert not BreachedPasswords(folder).contains(UNKNOWN)


def test_files_may_come_without_an_ending(folder: Path) -> None:
    prefix, suffix = hash_of(UNKNOWN)
    write_range(folder, prefix, f"{suffix}:1", ending="")

    assert BreachedPasswords(folder).contains(UNKNOWN)


def remove_folder(folder: Path) -> None:
    folder.rename(folder.with_name("elsewhere"))


def remove_last(folder: Path) -> None:
    (folder / "FFFFF.txt").unlink()


def replace_first(folder: Path) -> None:
    (folder / "00000.txt").write_text("<html>\n")


def empty_first(folder: Path) -> None:
    (folder / "00000.txt").write_text("")


@pytest.mark.parametrize("damage", [remove_folder, remove_last, replace_first, empty_first])
def test_files_that_are_not_there_or_are_others_are_refused(
    folder: Path, damage: Callable[[Path], None]
) -> None:
    damage(folder)
    with pytest.raises(ValueError, match=r"has no (readable file|lines such as)"):
        BreachedPasswords(folder)


async def test_a_password_can_have_two_weaknesses(folder: Path) -> None:
    passwords = Passwords(len(BREACHED) + 1, breached=BreachedPasswords(folder))
    with pytest.raises(WeakPasswordError) as refused:
        await passwords.check_strength(BREACHED)
    passwords.close()

    assert refused.value.reasons == ("length", "pwned")


async def test_a_range_that_is_missing_lets_a_password_pass(folder: Path) -> None:
    passwords = Passwords(8, breached=BreachedPasswords(folder))
    await passwords.check_strength(UNKNOWN)
    passwords.close()


async def test_a_range_that_is_missing_ends_the_request_where_that_is_asked_for(
    folder: Path,
) -> None:
    passwords = Passwords(8, breached=BreachedPasswords(folder), refuse_unchecked=True)
    with pytest.raises(AuthError) as refused:
        await passwords.check_strength(UNKNOWN)
    passwords.close()

    assert (refused.value.status, refused.value.code) == (500, "unexpected_failure")


@pytest.fixture(scope="module")
def careful(
    start_service: StartService, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[AuthService]:
    """A service that knows the breached password."""
    ranges = tmp_path_factory.mktemp("ranges")
    prefix, suffix = hash_of(BREACHED)
    for name in ("00000", "FFFFF"):
        write_range(ranges, name, f"{'0' * 35}:1")
    write_range(ranges, prefix, f"{suffix}:3")
    settings = {
        "GOTRUE_PASSWORD_HIBP_ENABLED": "true",
        "PLINTH_PASSWORD_HIBP_PATH": str(ranges),
    }
    with start_service(settings) as running:
        yield running


def reasons(answer: httpx.Response) -> tuple[int, list[str]]:
    body: dict[str, Any] = answer.json()
    return answer.status_code, body["weak_password"]["reasons"]


@pytest.mark.engine
def test_nobody_signs_up_with_a_breached_password(careful: AuthService) -> None:
    body = {"email": new_email(), "password": BREACHED}

    assert reasons(careful.request("POST", "/signup", body=body)) == (422, ["pwned"])


@pytest.mark.engine
def test_nobody_changes_to_a_breached_password(careful: AuthService) -> None:
    token = careful.sign_up(password=UNKNOWN)["access_token"]
    answer = careful.request("PUT", "/user", body={"password": BREACHED}, token=token)

    assert reasons(answer) == (422, ["pwned"])


@pytest.mark.engine
def test_administrators_set_no_breached_password(careful: AuthService) -> None:
    body = {"email": new_email(), "password": BREACHED}
    answer = careful.request("POST", "/admin/users", body=body, token=SERVICE_TOKEN)

    assert reasons(answer) == (422, ["pwned"])


@pytest.mark.engine
def test_who_has_a_breached_password_signs_in_and_is_told(
    service: AuthService, careful: AuthService
) -> None:
    email = service.sign_up(password=BREACHED)["user"]["email"]

    assert reasons(careful.sign_in(email, BREACHED)) == (200, ["pwned"])
