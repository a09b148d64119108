"""Print the distributions of the Python that runs this file, as JSON pairs of name and version.

Without ``--transitive`` those that another one requires are left out. Run as a script by the
program's own interpreter, which need not have anything of this project installed.
"""

import json
import re
import sys
from importlib.metadata import distributions


def normalized(name: str) -> str:
    """Return a distribution's name in the form in which names are compared (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    """Write the list to standard output."""
    installed = {normalized(found.name): (found.name, found.version) for found in distributions()}
    required: set[str] = set()
    if "--transitive" not in sys.argv[1:]:
        requirements = [line for found in distributions() for line in found.requires or []]
        required = {
            normalized(re.split(r"[^A-Za-z0-9._-]", line, maxsplit=1)[0])
            for line in requirements
            if "extra ==" not in line
        }
    listed = [found for name, found in sorted(installed.items()) if name not in required]
    sys.stdout.write(json.dumps(listed) + "\n")


if __name__ == "__main__":
    main()
