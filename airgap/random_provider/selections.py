"""Random choices: RandomInteger, RandomPet, RandomShuffle."""

import random
import secrets
from typing import Final

from airgap.provider.resource import Created
from airgap.provider.values import Values
from airgap.random_provider.properties import integer
from airgap.random_provider.words import ADJECTIVES, ADVERBS, NAMES

_IMPORT_PARTS: Final = (3, 4)


def random_integer(values: Values) -> Created:
    """Choose an integer from ``min`` to ``max``, both included."""
    low, high = integer(values, "min"), integer(values, "max")
    return _integer_created(_generator(values).randint(low, high))


def integer_relations(values: Values) -> list[tuple[str, str]]:
    """Refuse an empty range."""
    low, high = values["min"], values["max"]
    if isinstance(low, int) and isinstance(high, int) and low > high:
        return [("min", f"min ({low}) must not be greater than max ({high})")]
    return []


def imported_integer(identifier: str) -> tuple[Values, Created]:
    """Take an existing integer, given as ``<result>,<min>,<max>`` and perhaps ``,<seed>``.

    Raises:
        ValueError: the identifier has another form.
    """
    parts = identifier.split(",")
    if len(parts) not in _IMPORT_PARTS:
        raise ValueError("wrong number of parts")
    result, low, high = (int(part) for part in parts[:3])
    values: Values = {"max": high, "min": low}
    if parts[3:]:
        values["seed"] = parts[3]
    return values, _integer_created(result)


def pet(values: Values) -> Created:
    """Choose a name of ``length`` words: adverbs, an adjective, a name."""
    length = integer(values, "length")
    words = [secrets.choice(ADVERBS) for _ in range(length - 2)]
    words += [secrets.choice(ADJECTIVES)] if length > 1 else []
    words += [secrets.choice(NAMES)]
    prefix = values.get("prefix")
    parts = [str(prefix), *words] if prefix else words
    name = str(values["separator"]).join(parts)
    return Created(name, {"id": name})


def shuffle(values: Values) -> Created:
    """Return the inputs in random order, ``resultCount`` of them.

    More results than inputs are filled up with further permutations.
    """
    inputs = values["inputs"]
    if not isinstance(inputs, list):
        raise TypeError("inputs are not a list")
    count = integer(values, "resultCount") if values.get("resultCount") else len(inputs)
    generator = _generator(values)
    results: list[object] = []
    while inputs and len(results) < count:
        results += generator.sample(inputs, len(inputs))
    outputs: Values = {"id": "-", "results": [str(result) for result in results[:count]]}
    return Created("-", outputs)


def _generator(values: Values) -> random.Random:
    """Return the operating system's generator, or one that a seed fixes."""
    seed = values.get("seed")
    return random.Random(str(seed)) if seed else secrets.SystemRandom()  # noqa: S311  a seed asks for a predictable value


def _integer_created(result: int) -> Created:
    return Created(str(result), {"id": str(result), "result": result})
