"""Sign-in and refresh of a crowd, against what bcrypt alone allows on the same processors.

The tables hold 50,000 users and 200,000 refresh tokens. 32 clients sign in for a minute, then
refresh for a minute, at the auth container's own address. bcrypt alone runs in the same container,
in as many threads as the service has, before the sign-ins and after them. A few seconds of sign-ins
that do not count open the service's connections, as bcrypt alone does not count its own start.
"""

from __future__ import annotations

import secrets
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import bcrypt

from bench import load
from bench.environment import MeasurementError
from infra.services.auth import PORT
from services.auth.passwords import COST

if TYPE_CHECKING:
    from docker.models.containers import Container

    from bench.environment import Environment

USERS = 50_000
CLIENTS = 32
SECONDS = 60
WARM_UP_SECONDS = 5
BCRYPT_SECONDS = 15
CROWD = Path(__file__).with_name("crowd.sql")

# Runs in the container: as many verifications as fit into the time, in as many threads as there.
_BCRYPT_ALONE = """
import time
from concurrent.futures import ThreadPoolExecutor

import bcrypt

from services.auth.passwords import COST, THREADS

hashed = bcrypt.hashpw(b"password", bcrypt.gensalt(COST))
start = time.monotonic()


def verify(_thread):
    count = 0
    while time.monotonic() < start + {seconds}:
        bcrypt.checkpw(b"password", hashed)
        count += 1
    return count


with ThreadPoolExecutor(THREADS) as threads:
    count = sum(threads.map(verify, range(THREADS)))
print(count / (time.monotonic() - start))
"""


@dataclass(frozen=True)
class SignIn:
    """What was measured."""

    bcrypt_per_second: float
    sign_in: load.Load
    refresh: load.Load

    @property
    def of_bcrypt(self) -> float:
        """Sign-ins for each verification that bcrypt alone does in the same time."""
        return self.sign_in.per_second / self.bcrypt_per_second


# Passed on by the environment: the engine's exec gives a command no standard input of its own.
_PSQL = """
printf %s "$SCRIPT" | PGPASSWORD="$POSTGRES_PASSWORD" psql --no-psqlrc --quiet \\
  --username "$POSTGRES_USER" --set ON_ERROR_STOP=1 \\
  --set password_hash="$PASSWORD_HASH" --set users="$USERS"
"""


def _run(container: Container, *command: str, **environment: str) -> str:
    """Run a command in a container; what it printed.

    Raises:
        MeasurementError: It failed.
    """
    ended = container.exec_run(list(command), environment=environment)
    output = ended.output.decode(errors="replace") if isinstance(ended.output, bytes) else ""
    if ended.exit_code != 0:
        raise MeasurementError(f"{command[0]} in {container.name} failed:\n{output}")
    return output


def _fill(environment: Environment, password: str) -> None:
    """Put the crowd into the tables."""
    hashed = bcrypt.hashpw(password.encode(), bcrypt.gensalt(COST)).decode()
    _run(
        environment.containers()["postgres"],
        *("sh", "-c", _PSQL),
        SCRIPT=CROWD.read_text(encoding="utf-8"),
        PASSWORD_HASH=hashed,
        USERS=str(USERS),
    )


def _bcrypt_alone(container: Container) -> float:
    script = _BCRYPT_ALONE.format(seconds=BCRYPT_SECONDS)
    return float(_run(container, "python", "-c", script))


def measure(environment: Environment) -> SignIn:
    """Fill the tables, then let the crowd sign in and refresh.

    Raises:
        MeasurementError: An answer was an error, or the tables could not be filled.
    """
    password = secrets.token_urlsafe(16)
    _fill(environment, password)
    auth = environment.containers()["auth"]
    url = f"http://{environment.address('auth')}:{PORT}"
    before = _bcrypt_alone(auth)

    def sign_in_for(seconds: int) -> load.Load:
        arguments = ("password", str(USERS), password)
        return load.measure(
            "sign-in", url, connections=CLIENTS, seconds=seconds, arguments=arguments
        )

    sign_in_for(WARM_UP_SECONDS)
    sign_in = sign_in_for(SECONDS)
    after = _bcrypt_alone(auth)
    refresh = load.measure(
        "refresh", url, connections=CLIENTS, seconds=SECONDS, arguments=("refresh", str(USERS))
    )
    return SignIn(statistics.mean((before, after)), sign_in, refresh)
