"""Run a Pulumi program with the ``pulumi`` package of the Python that runs this file.

Run as a script by the language host: the arguments say how to reach the engine, PULUMI_CONFIG and
PULUMI_CONFIG_SECRET_KEYS carry the stack's configuration. It does what the official executor
(pulumi/pulumi, ``sdk/python/cmd/pulumi-language-python-exec``) does and depends on nothing but
the package that the program itself uses.

Exit codes: 0 success, 32 a failure that the user has been told about, others as the program ends.
"""

import argparse
import asyncio
import logging
import runpy
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

EXIT_CODE_REPORTED: Final = 32

try:
    import pulumi
    import pulumi.runtime
except ImportError as error:
    sys.stderr.write(
        f"The Pulumi SDK cannot be imported by {sys.executable} ({error}). Install the project's "
        "requirements into the virtual environment that Pulumi.yaml names.\n"
    )
    sys.exit(1)


def parse(arguments: list[str]) -> argparse.Namespace:
    """Parse the command line that the language host makes."""
    parser = argparse.ArgumentParser(description="Run a Pulumi program.")
    for name in ("monitor", "engine", "project", "stack", "organization", "root_directory"):
        parser.add_argument(f"--{name}")
    parser.add_argument("--dry_run", choices=["true", "false"], required=True)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("program", type=Path)
    parser.add_argument("arguments", nargs="*")
    return parser.parse_args(arguments)


def user_trace(error: BaseException, program: Path) -> str:
    """Return the traceback without the frames of this file and of the SDK's event loop.

    The frames before the program's own entry point say nothing to the user; the whole traceback
    is kept when the program is not in it.
    """
    entry = program / "__main__.py" if program.is_dir() else program
    frames = traceback.extract_tb(error.__traceback__)
    for index, frame in enumerate(frames):
        if Path(frame.filename).absolute() == entry.absolute():
            return "".join(traceback.format_exception(error, limit=index - len(frames)))
    return "".join(traceback.format_exception(error))


def run(arguments: argparse.Namespace) -> int:
    """Run the program against the engine.

    Returns:
        The exit code.
    """
    program: Path = arguments.program
    if program.is_dir() and not (program / "__main__.py").is_file():
        pulumi.log.error(f"no Python program in {program}: __main__.py is missing")
        return EXIT_CODE_REPORTED
    loop = asyncio.new_event_loop()
    asyncio.set_event_loop(loop)
    # The SDK's waits for the engine block a thread each: as many as the engine works in parallel.
    executor = ThreadPoolExecutor(max_workers=max(arguments.parallel, 1) * 4)
    loop.set_default_executor(executor)
    # A program that fails leaves futures behind which nobody awaits; asyncio's complaints about
    # them would bury the one message that matters.
    logging.getLogger("asyncio").setLevel(logging.CRITICAL)

    def run_program() -> None:
        runpy.run_path(str(program), run_name="__main__")

    try:
        loop.run_until_complete(pulumi.runtime.run_in_stack(run_program))
    except pulumi.RunError as error:  # raised to show its message, not where it comes from
        pulumi.log.error(str(error))
        return EXIT_CODE_REPORTED
    except Exception as error:  # noqa: BLE001  whatever the program raises is its user's to see
        pulumi.log.error(
            "Program failed with an unhandled exception:\n" + user_trace(error, program)
        )
        return EXIT_CODE_REPORTED
    finally:
        executor.shutdown(wait=True)
        loop.close()
        sys.stdout.flush()
        sys.stderr.flush()
    return 0


def main() -> int:
    """Configure the SDK as the command line says and run the program."""
    arguments = parse(sys.argv[1:])
    pulumi.runtime.set_all_config(
        pulumi.runtime.get_config_env(), pulumi.runtime.get_config_secret_keys_env()
    )
    pulumi.runtime.configure(
        pulumi.runtime.Settings(
            project=arguments.project,
            stack=arguments.stack,
            parallel=arguments.parallel,
            engine=arguments.engine,
            monitor=arguments.monitor,
            dry_run=arguments.dry_run == "true",
            organization=arguments.organization,
            root_directory=arguments.root_directory,
        )
    )
    sys.argv = [str(arguments.program), *arguments.arguments]
    return run(arguments)


if __name__ == "__main__":
    sys.exit(main())
