"""Run the language host as a plugin of the Pulumi engine.

The engine starts the executable, reads the port from the first line of standard output and ends
the plugin with SIGINT.
"""

import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from types import FrameType
from typing import Final

import grpc
from pulumi.runtime.proto import language_pb2_grpc

from airgap.engine_lifetime import when_engine_is_gone
from airgap.language_host.service import LanguageHost

_THREADS: Final = 16
_MAXIMUM_MESSAGE_BYTES: Final = 400 * 1024 * 1024  # what the engine itself allows
# The engine kills a plugin that has not ended 5 s after the signal.
_STOP_GRACE_SECONDS: Final = 1.0


def serve(arguments: list[str] | None = None) -> int:
    """Serve until the engine ends the plugin or is gone.

    Args:
        arguments: The command line without the program's name; ``sys.argv`` when left out.

    Returns:
        The exit code.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    host = LanguageHost(addresses[-1] if addresses else "")
    stopping = threading.Event()

    def stop(_number: int, _frame: FrameType | None) -> None:
        stopping.set()

    signal.signal(signal.SIGINT, stop)
    signal.signal(signal.SIGTERM, stop)
    when_engine_is_gone(stopping.set)

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

    stopping.wait()
    # A program that is about to end may do so; one that waits for an engine which no longer
    # answers is ended.
    server.stop(_STOP_GRACE_SECONDS).wait()
    host.children.end_all()
    return 0
