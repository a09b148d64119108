"""Generated secrets: every password, key and token of an environment.

Nothing is typed by a person. Values are stack resources, so they are kept in the state (encrypted)
and stay the same until their generation counts up.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pulumi
import pulumi_random as random

from infra import keys

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from infra.config.operation import Keys, Passwords

ROLES: tuple[keys.Role, ...] = ("anon", "service_role")
PASSWORD_LENGTH = 40
SEED_LENGTH = 48


def password(name: str, generation: int) -> pulumi.Output[str]:
    """A generated password of letters and digits, safe in a URL and a configuration file.

    Args:
        name: Whose password it is; the resource is `password-<name>-<generation>`.
        generation: A new one gives a new password.
    """
    resource = random.RandomPassword(
        f"password-{name}-{generation}", length=PASSWORD_LENGTH, special=False
    )
    result: pulumi.Output[str] = pulumi.Output.secret(resource.result)
    return result


@dataclass(frozen=True)
class Account:
    """Whom a client logs in as, and its password."""

    name: str
    password: pulumi.Output[str]


@dataclass(frozen=True)
class Accounts:
    """Two accounts that may do the same, for generations of passwords to take turns at.

    Stores keep one password for an account; with two, a client that holds the previous generation's
    goes on until it is revoked.
    """

    current: Account
    previous: Account | None
    """None where the previous generation is revoked, or there was none."""

    @property
    def accepted(self) -> list[Account]:
        """Both, the current one first."""
        return [self.current, *([self.previous] if self.previous else [])]


def passwords(name: str, config: Passwords) -> list[pulumi.Output[str]]:
    """Generated passwords of the accepted generations, the current one first."""
    return [password(name, generation) for generation in accepted_generations(config)]


def accounts(secret: str, config: Passwords, *, name: str, alternate: str) -> Accounts:
    """Accounts of the accepted generations, with generated passwords.

    Args:
        secret: What the passwords are called in the state: `password-<secret>-<generation>`.
        config: Which generations are accepted.
        name: Of the account of odd generations.
        alternate: Of the account of even generations.
    """
    names = (name, alternate) if config.generation % 2 else (alternate, name)
    # Not strict: the previous generation may not be there.
    current, *others = map(Account, names, passwords(secret, config))
    return Accounts(current, others[0] if others else None)


def given(secret: SecretStr) -> pulumi.Output[str]:
    """A secret that a person gave in the configuration, for what this stack does not declare."""
    return pulumi.Output.secret(secret.get_secret_value())


def seed(name: str, generation: int) -> pulumi.Output[bytes]:
    """A generated secret of more than 256 bits that keys are derived from.

    A password, not `RandomBytes`: that resource's id is its value, and ids are kept in clear.
    """
    resource = random.RandomPassword(f"seed-{name}-{generation}", length=SEED_LENGTH, special=False)
    text: pulumi.Output[str] = pulumi.Output.secret(resource.result)
    return text.apply(str.encode)


@dataclass(frozen=True)
class IssuedKey:
    """An API key as the gateway knows it: what a client sends, and what stands for it inside."""

    value: str
    role: keys.Role
    token: str


@dataclass(frozen=True)
class KeyMaterial:
    """Everything that is derived from the generated seeds, as one value."""

    public_key_set: str
    """JWKS for verifiers inside: the accepted generations' keys and the next one's, and the HS256
    keys too while legacy keys are on."""

    signing_keys: str
    """JWKs of the auth component, the current one with its private part."""

    api_keys: tuple[IssuedKey, ...]
    """Accepted API keys; the current generation first."""

    legacy_secret: str | None
    """HS256 secret of the current legacy keys, where they are on."""

    legacy_keys: Mapping[keys.Role, str]
    """Current legacy keys by role; empty where they are off."""

    def current(self, role: keys.Role) -> str:
        """The API key of the current generation."""
        return next(key.value for key in self.api_keys if key.role == role)


def key_material(config: Keys, issuer: str) -> pulumi.Output[KeyMaterial]:
    """Generate the seeds of the accepted generations and the next, and derive everything from them.

    Returns:
        A secret output.
    """
    generations = accepted_generations(config)
    accepted = [seed("keys", generation) for generation in generations]
    following = seed("keys", config.generation + 1)
    legacy = [
        password("legacy-jwt", generation) for generation in (generations if config.legacy else ())
    ]
    return pulumi.Output.secret(
        pulumi.Output.all(accepted=accepted, following=following, legacy=legacy).apply(
            lambda values: derive(
                Generations(tuple(values["accepted"]), values["following"]),
                tuple(values["legacy"]),
                issuer,
            )
        )
    )


def accepted_generations(config: Keys | Passwords) -> list[int]:
    """The current generation, then the previous one unless it is revoked."""
    previous = config.generation - 1
    keep_previous = previous >= 1 and not config.revoke_previous
    return [config.generation, *([previous] if keep_previous else [])]


@dataclass(frozen=True)
class Generations:
    """Seeds of the generations that matter at one time."""

    accepted: tuple[bytes, ...]
    """The current generation's, then the previous one's unless it is revoked."""

    following: bytes
    """The next generation's. Its public key is published ahead, so that a rotation may replace
    verifiers and signer in any order: each knows the other's key already."""


def derive(seeds: Generations, legacy_secrets: tuple[str, ...], issuer: str) -> KeyMaterial:
    """Derive keys and tokens.

    Args:
        seeds: What the keys are derived from.
        legacy_secrets: HS256 secrets of the accepted generations, the current one first; empty
            where legacy keys are off.
        issuer: The `iss` of the tokens that stand for API keys.
    """
    signing_keys = [keys.signing_key(seed) for seed in (*seeds.accepted, seeds.following)]
    current = signing_keys[0]
    published = [key.public_jwk() for key in signing_keys]
    symmetric = [keys.symmetric_jwk(secret) for secret in legacy_secrets]
    legacy = [
        (keys.legacy_key(secret, role, issuer), role) for secret in legacy_secrets for role in ROLES
    ]
    # The current key signs for every generation of API keys: revoking a generation only takes its
    # keys out of the gateway's table.
    tokens = {role: keys.role_token(current, role, issuer) for role in ROLES}
    opaque = [(keys.api_key(seed, role), role) for seed in seeds.accepted for role in ROLES]
    return KeyMaterial(
        public_key_set=keys.key_set([*published, *symmetric]),
        signing_keys=keys.key_set([key.private_jwk(signs=key is current) for key in signing_keys]),
        api_keys=tuple(IssuedKey(value, role, tokens[role]) for value, role in opaque + legacy),
        legacy_secret=legacy_secrets[0] if legacy_secrets else None,
        legacy_keys={role: key for key, role in legacy[: len(ROLES)]},
    )
