"""Random strings: RandomPassword and RandomString."""

import secrets
from typing import Final

import bcrypt

from airgap.provider.resource import Created
from airgap.provider.values import UNKNOWN, Values
from airgap.random_provider.properties import KEEPERS, Property, PropertyType, integer

_NUMERIC: Final = "0123456789"
_LOWER: Final = "abcdefghijklmnopqrstuvwxyz"
_UPPER: Final = _LOWER.upper()
_SPECIAL: Final = "!@#$%&*()-_=+[]{}<>:?"

_BCRYPT_COST: Final = 10
_BCRYPT_BYTES: Final = 72
"""bcrypt reads no more of a password; the official provider cuts longer ones off here."""

MINIMUMS: Final = ("minUpper", "minLower", "minNumeric", "minSpecial")

_FLAG: Final = Property(PropertyType.BOOLEAN, default=True)
_COUNT: Final = Property(PropertyType.INTEGER, default=0, minimum=0)

PROPERTIES: Final = {
    "keepers": KEEPERS,
    "length": Property(PropertyType.INTEGER, required=True, minimum=1),
    "lower": _FLAG,
    "minLower": _COUNT,
    "minNumeric": _COUNT,
    "minSpecial": _COUNT,
    "minUpper": _COUNT,
    "number": Property(PropertyType.BOOLEAN),  # the deprecated name of numeric
    "numeric": Property(PropertyType.BOOLEAN),
    "overrideSpecial": Property(PropertyType.STRING),
    "special": _FLAG,
    "upper": _FLAG,
}


def normalize(values: Values) -> Values:
    """Give ``number`` and ``numeric`` the one value that they share, true by default."""
    given = [values[name] for name in ("numeric", "number") if name in values]
    shared = given[0] if given else True
    return {**values, "number": shared, "numeric": shared}


def relations(values: Values) -> list[tuple[str, str]]:
    """Return what is wrong between the inputs, as pairs of property and reason."""
    found: list[tuple[str, str]] = []
    flags = [values[name] for name in ("number", "numeric") if name in values]
    if len({flag for flag in flags if flag is not UNKNOWN}) > 1:
        found.append(("number", "number is the old name of numeric: give only numeric"))
    length = values["length"]
    least = sum(count for name in MINIMUMS if isinstance(count := values[name], int))
    if isinstance(length, int) and least > length:
        total = " + ".join(MINIMUMS)
        found.append(("length", f"length ({length}) must be at least {total} ({least})"))
    if not any([values["lower"], values["special"], values["upper"], *(flags or [True])]):
        found.append(("lower", "one of lower, numeric, special and upper must be true"))
    return found


def password(values: Values) -> Created:
    """Generate a password; its id says nothing about it."""
    result = _generate(values)
    return Created("none", {"bcryptHash": _hash(result), "id": "none", "result": result})


def string(values: Values) -> Created:
    """Generate a string that is no secret; it is its own id."""
    result = _generate(values)
    return Created(result, {"id": result, "result": result})


def imported_password(value: str) -> tuple[Values, Created]:
    """Take an existing password into the state."""
    outputs: Values = {"bcryptHash": _hash(value), "id": "none", "result": value}
    return {"length": len(value.encode())}, Created("none", outputs)


def imported_string(value: str) -> tuple[Values, Created]:
    """Take an existing string into the state."""
    return {"length": len(value.encode())}, Created(value, {"id": value, "result": value})


def _generate(values: Values) -> str:
    """Generate a string with at least the asked number of characters of each kind."""
    special = str(values.get("overrideSpecial") or _SPECIAL)
    kinds = (
        ("upper", "minUpper", _UPPER),
        ("lower", "minLower", _LOWER),
        ("numeric", "minNumeric", _NUMERIC),
        ("special", "minSpecial", special),
    )
    chosen = [
        secrets.choice(characters)
        for _, minimum, characters in kinds
        for _ in range(integer(values, minimum))
    ]
    every = "".join(characters for allowed, _, characters in kinds if values[allowed])
    missing = integer(values, "length") - len(chosen)
    chosen += [secrets.choice(every) for _ in range(missing)]
    secrets.SystemRandom().shuffle(chosen)
    return "".join(chosen)


def _hash(password_text: str) -> str:
    salt = bcrypt.gensalt(_BCRYPT_COST, prefix=b"2a")
    return bcrypt.hashpw(password_text.encode()[:_BCRYPT_BYTES], salt).decode()
