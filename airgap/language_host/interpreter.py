"""Which Python runs a program, and in which environment.

The runtime options are those of ``Pulumi.yaml`` and ``PulumiPolicy.yaml``
(https://www.pulumi.com/docs/reference/pulumi-yaml/): ``virtualenv`` names a virtual environment,
relative to the folder of that file.
"""

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

_OWN_ROOT: Final = Path(__file__).resolve().parents[2]


class InterpreterError(Exception):
    """No Python can be chosen; the text says which option to mend."""


@dataclass(frozen=True)
class Interpreter:
    """A Python to run.

    Attributes:
        executable: The interpreter's path.
        virtual_environment: The virtual environment that it belongs to by the runtime options.
    """

    executable: Path
    virtual_environment: Path | None = None

    def environment(self, inherited: Mapping[str, str]) -> dict[str, str]:
        """Return the environment variables to run it with.

        A virtual environment is activated as its own script does it. The language host's own
        import path is taken out of PYTHONPATH: a program must not depend on which host runs it.
        """
        variables = dict(inherited)
        entries = variables.pop("PYTHONPATH", "").split(os.pathsep)
        kept = [entry for entry in entries if entry and Path(entry).resolve() != _OWN_ROOT]
        if kept:
            variables["PYTHONPATH"] = os.pathsep.join(kept)
        if self.virtual_environment is not None:
            variables.pop("PYTHONHOME", None)
            variables["VIRTUAL_ENV"] = str(self.virtual_environment)
            variables["PATH"] = os.pathsep.join(
                [str(self.executable.parent), variables.get("PATH", os.defpath)]
            )
        return variables


def choose(options: Mapping[str, object], root: Path) -> Interpreter:
    """Choose the Python that the runtime options ask for.

    Args:
        options: ``runtime.options``, possibly empty.
        root: The folder that a relative ``virtualenv`` starts from.

    Raises:
        InterpreterError: the virtual environment does not exist, or the option ``toolchain`` asks
            for a tool that this host does not drive.
    """
    toolchain = options.get("toolchain", "pip")
    if toolchain != "pip":
        raise InterpreterError(
            f"runtime option toolchain: {toolchain} is not supported by this language host; "
            "leave it out and name the virtual environment in the option virtualenv"
        )
    named = options.get("virtualenv")
    if not named:
        return Interpreter(Path(sys.executable))
    # Not resolved: a virtual environment's python is a link whose own place matters.
    folder = Path(os.path.normpath(root / str(named)))
    executable = folder / "bin" / "python"
    if not executable.exists():
        raise InterpreterError(
            f"runtime option virtualenv: {folder} is not a virtual environment "
            f"({executable.relative_to(folder)} is missing); create it and install the "
            "requirements, or mend the option"
        )
    return Interpreter(executable, folder)
