"""Pulumi's ``LanguageRuntime`` service for Python programs.

The contract is ``proto/pulumi/language.proto`` of pulumi/pulumi; the behaviour is that of the
official ``pulumi-language-python``. What the commands up, preview, refresh, destroy, import and
about do not ask for is answered with UNIMPLEMENTED.
"""

import functools
import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

import grpc
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from pulumi.runtime.proto import language_pb2, language_pb2_grpc, plugin_pb2

from airgap.language_host.children import Children, end
from airgap.language_host.interpreter import Interpreter, InterpreterError, choose

RequestT = TypeVar("RequestT")
ResponseT = TypeVar("ResponseT")

_VERSION: Final = "3.259.0"
_EXECUTE: Final = Path(__file__).with_name("execute.py")
_DEPENDENCIES: Final = Path(__file__).with_name("dependencies.py")

_NO_CODE: Final = b"""\
# The resource is in the state. This language host writes no code: declare the resource with the
# inputs that `pulumi stack export` shows for it, protect=True included.
"""

EXIT_CODE_REPORTED: Final = 32
"""The program has failed and has told the user about it; the engine says nothing more."""


class HostError(Exception):
    """A request cannot be served; the text is for the user."""


def _reported(
    method: Callable[["LanguageHost", RequestT, grpc.ServicerContext], ResponseT],
) -> Callable[["LanguageHost", RequestT, grpc.ServicerContext], ResponseT]:
    """Turn what a method raises into a gRPC status whose text is for the user."""

    @functools.wraps(method)
    def call(self: "LanguageHost", request: RequestT, context: grpc.ServicerContext) -> ResponseT:
        try:
            return method(self, request, context)
        except (HostError, InterpreterError) as error:
            return context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))  # raises

    return call


class LanguageHost(language_pb2_grpc.LanguageRuntimeServicer):
    """Serves one engine.

    Attributes:
        children: The programs and policy packs that run.
    """

    def __init__(self, engine_address: str = "") -> None:
        self.children = Children()
        self._engine_address = engine_address

    # --- the host itself -----------------------------------------------------------------------

    def Handshake(  # noqa: N802  a name of the protocol
        self, request: language_pb2.LanguageHandshakeRequest, _context: grpc.ServicerContext
    ) -> language_pb2.LanguageHandshakeResponse:
        """Learn the engine's address."""
        self._engine_address = request.engine_address
        return language_pb2.LanguageHandshakeResponse()

    def GetPluginInfo(  # noqa: N802
        self, _request: Empty, _context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        """Report the version of the official host that this one stands in for."""
        return plugin_pb2.PluginInfo(version=_VERSION)

    # --- the program ---------------------------------------------------------------------------

    def GetRequiredPackages(  # noqa: N802
        self, _request: language_pb2.GetRequiredPackagesRequest, _context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPackagesResponse:
        """Name no package: the provider plugins are already on PATH, nothing is to be fetched."""
        return language_pb2.GetRequiredPackagesResponse()

    def GetRequiredPlugins(  # noqa: N802
        self, _request: language_pb2.GetRequiredPluginsRequest, _context: grpc.ServicerContext
    ) -> language_pb2.GetRequiredPluginsResponse:
        """Name no plugin, as `GetRequiredPackages`."""
        return language_pb2.GetRequiredPluginsResponse()

    @_reported
    def About(  # noqa: N802
        self, request: language_pb2.AboutRequest, _context: grpc.ServicerContext
    ) -> language_pb2.AboutResponse:
        """Report the Python that runs the program."""
        interpreter = _interpreter(request.info)
        answer = _ask(interpreter, "-c", "import sys; print(sys.version.split()[0])")
        return language_pb2.AboutResponse(
            executable=str(interpreter.executable), version=answer.strip()
        )

    @_reported
    def GetProgramDependencies(  # noqa: N802
        self,
        request: language_pb2.GetProgramDependenciesRequest,
        _context: grpc.ServicerContext,
    ) -> language_pb2.GetProgramDependenciesResponse:
        """List the distributions that the program can import."""
        arguments = ["--transitive"] if request.transitiveDependencies else []
        answer = _ask(_interpreter(request.info), "-P", str(_DEPENDENCIES), *arguments)
        return language_pb2.GetProgramDependenciesResponse(
            dependencies=[
                language_pb2.DependencyInfo(name=name, version=version)
                for name, version in json.loads(answer)
            ]
        )

    @_reported
    def Run(  # noqa: N802
        self, request: language_pb2.RunRequest, context: grpc.ServicerContext
    ) -> language_pb2.RunResponse:
        """Run the program to its end; its output goes where the host's own goes."""
        interpreter = _interpreter(request.info)
        environment = {
            **interpreter.environment(os.environ),
            "PULUMI_CONFIG": json.dumps(dict(request.config)),
            "PULUMI_CONFIG_SECRET_KEYS": json.dumps(list(request.configSecretKeys)),
        }
        command = [
            str(interpreter.executable),
            "-u",  # a line is shown when it is printed
            "-P",  # the executor's own folder is not importable
            str(_EXECUTE),
            *_execute_arguments(request, self._engine_address),
        ]
        try:
            with self.children.start(command, Path(request.pwd), environment) as process:
                _end_with(context, process)
                code = process.wait()
        except OSError as error:
            raise HostError(f"cannot start {interpreter.executable}: {error.strerror}") from error
        if code == 0:
            return language_pb2.RunResponse()
        if code == EXIT_CODE_REPORTED:
            return language_pb2.RunResponse(bail=True)
        return language_pb2.RunResponse(error=f"Program {_ending(code)}")

    def RunPlugin(  # noqa: N802
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        """Run a policy pack, or a plugin written in Python, and stream its output."""
        try:
            yield from self._run_plugin(request, context)
        except (HostError, InterpreterError) as error:
            context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(error))

    def _run_plugin(
        self, request: language_pb2.RunPluginRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.RunPluginResponse]:
        interpreter = _interpreter(request.info)
        given = dict(pair.split("=", 1) for pair in request.env if "=" in pair)
        environment = interpreter.environment({**os.environ, **given})
        program = Path(request.info.program_directory, request.info.entry_point)
        command = [str(interpreter.executable), "-u"]
        if request.kind == "analyzer":
            # The first argument is the engine's address.
            command += ["-m", "pulumi.policy", *request.args[:1], str(program)]
        else:
            command += [str(program), *request.args]
        try:
            with self.children.start(
                command, Path(request.pwd), environment, subprocess.PIPE
            ) as process:
                _end_with(context, process)
                yield from _stream(process)
                yield language_pb2.RunPluginResponse(exitcode=process.wait())
        except OSError as error:
            raise HostError(f"cannot start {interpreter.executable}: {error.strerror}") from error

    def GenerateProgram(  # noqa: N802
        self, _request: language_pb2.GenerateProgramRequest, _context: grpc.ServicerContext
    ) -> language_pb2.GenerateProgramResponse:
        """Write no code for an imported resource, but say what to do: the import itself is done."""
        return language_pb2.GenerateProgramResponse(source={"__main__.py": _NO_CODE})

    # --- what `pulumi new` and `pulumi install` ask for ----------------------------------------

    def RuntimeOptionsPrompts(  # noqa: N802
        self, _request: language_pb2.RuntimeOptionsRequest, _context: grpc.ServicerContext
    ) -> language_pb2.RuntimeOptionsResponse:
        """Ask no further question."""
        return language_pb2.RuntimeOptionsResponse()

    def InstallDependencies(  # noqa: N802
        self, _request: language_pb2.InstallDependenciesRequest, context: grpc.ServicerContext
    ) -> Iterator[language_pb2.InstallDependenciesResponse]:
        """Refuse: the virtual environment is not this host's to make."""
        context.abort(
            grpc.StatusCode.UNIMPLEMENTED,
            "this language host installs nothing; install the requirements with pip into the "
            "virtual environment that Pulumi.yaml names",
        )


def _interpreter(info: language_pb2.ProgramInfo) -> Interpreter:
    return choose(MessageToDict(info.options), Path(info.root_directory))


def _execute_arguments(request: language_pb2.RunRequest, engine_address: str) -> list[str]:
    named = {
        "monitor": request.monitor_address,
        "engine": engine_address,
        "project": request.project,
        "stack": request.stack,
        "organization": request.organization,
        "root_directory": request.info.root_directory,
        "dry_run": "true" if request.dryRun else "false",
        "parallel": str(request.parallel),
    }
    options = [f"--{name}={value}" for name, value in named.items() if value]
    program = Path(request.info.program_directory, request.info.entry_point)
    return [*options, str(program), *request.args]


def _ask(interpreter: Interpreter, *arguments: str) -> str:
    """Run a short question with the interpreter and return what it prints."""
    try:
        return subprocess.run(  # noqa: S603  the interpreter that the project names
            [str(interpreter.executable), *arguments],
            env=interpreter.environment(os.environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    except OSError as error:
        raise HostError(f"cannot start {interpreter.executable}: {error.strerror}") from error
    except subprocess.CalledProcessError as error:
        raise HostError(f"{interpreter.executable} failed: {error.stderr.strip()}") from error


def _end_with(context: grpc.ServicerContext, process: subprocess.Popen[bytes]) -> None:
    """End the process when the engine gives up the call."""

    def end_in_background() -> None:
        # gRPC calls back on a thread that must not wait.
        threading.Thread(target=end, args=(process,), daemon=True).start()

    if not context.add_callback(end_in_background):  # the call is over already
        end_in_background()


def _ending(code: int) -> str:
    """Say how a process has ended.

    Args:
        code: Its exit code; negative for the signal that ended it.
    """
    if code >= 0:
        return f"exited with non-zero exit code: {code}"
    name = f"signal {-code}"
    with suppress(ValueError):
        name = signal.Signals(-code).name
    return f"was ended by {name}"


def _stream(process: subprocess.Popen[bytes]) -> Iterator[language_pb2.RunPluginResponse]:
    """Yield the process's output line by line until both streams have ended."""
    lines: queue.SimpleQueue[language_pb2.RunPluginResponse | None] = queue.SimpleQueue()

    def read(
        stream: Iterable[bytes], response: Callable[[bytes], language_pb2.RunPluginResponse]
    ) -> None:
        for line in stream:
            lines.put(response(line))
        lines.put(None)

    streams = [
        (process.stdout or (), lambda line: language_pb2.RunPluginResponse(stdout=line)),
        (process.stderr or (), lambda line: language_pb2.RunPluginResponse(stderr=line)),
    ]
    for pair in streams:
        threading.Thread(target=read, args=pair, daemon=True).start()
    open_streams = len(streams)
    while open_streams:
        line = lines.get()
        if line is None:
            open_streams -= 1
        else:
            yield line
