"""Run the language host as a plugin of the Pulumi engine.

The engine starts the executable, reads the port from the first line of standard output and ends
the plugin with SIGINT.
"""

import os
import signal
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NoReturn

import grpc
from pulumi.runtime.proto import language_pb2_grpc

from airgap.engine_lifetime import when_engine_is_gone
from airgap.language_host.service import LanguageHost

_THREADS: Final = 16
_MAXIMUM_MESSAGE_BYTES: Final = 400 * 1024 * 1024  # what the engine itself allows
# The engine kills a plugin that has not ended 5 s after the signal.
_STOP_GRACE_SECONDS: Final = 1.0


def serve(arguments: list[str] | None = None) -> NoReturn:
    """Serve until the engine ends the plugin or is gone, then end the process with code 0.

    Args:
        arguments: The command line without the program's name; ``sys.argv`` when left out.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    host = LanguageHost(addresses[-1] if addresses else "")
    # A pipe, not an event: a signal handler must not take a lock that the interrupted thread holds.
    stop_asked, ask_to_stop = os.pipe()

    def stop() -> None:
        os.write(ask_to_stop, b"\n")

    signal.signal(signal.SIGINT, lambda _number, _frame: stop())
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop())
    when_engine_is_gone(stop)

    server = grpc.server(
        ThreadPoolExecutor(max_workers=_THREADS),
        options=[
            ("grpc.max_receive_message_length", _MAXIMUM_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAXIMUM_MESSAGE_BYTES),
        ],
    )
    language_pb2_grpc.add_LanguageRuntimeServicer_to_server(host, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()

    os.read(stop_asked, 1)
    # A program that is about to end may do so; one that waits for an engine which no longer
    # answers is ended.
    server.stop(_STOP_GRACE_SECONDS).wait(2 * _STOP_GRACE_SECONDS)
    host.children.end_all()
    sys.stdout.flush()
    # Nobody waits for an answer any more: threads of gRPC's that still do must not hold the exit.
    os._exit(0)
