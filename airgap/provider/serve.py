"""Run a provider as a plugin of the Pulumi engine.

The engine starts the executable with its own address as the last argument, reads the port from
the first line of standard output, and ends the plugin with a signal.
"""

import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Final, NoReturn

import grpc
from pulumi.runtime.proto import provider_pb2_grpc

from airgap.engine_lifetime import when_engine_is_gone
from airgap.provider.resource import Provider
from airgap.provider.servicer import ProviderServicer

# A create may wait for minutes; the engine runs as many at once as its --parallel allows.
_THREADS: Final = 64
_MAXIMUM_MESSAGE_BYTES: Final = 400 * 1024 * 1024  # what the engine itself allows
_STOP_GRACE_SECONDS: Final = 5.0


def serve(provider: Provider, arguments: list[str] | None = None) -> NoReturn:
    """Serve until a signal or the engine's end, then end running waits and exit with code 0.

    Args:
        provider: What to serve.
        arguments: The command line without the program's name; ``sys.argv`` when left out.
    """
    arguments = sys.argv[1:] if arguments is None else arguments
    addresses = [argument for argument in arguments if not argument.startswith("-")]
    servicer = ProviderServicer(provider, addresses[-1] if addresses else None)
    stopping = threading.Event()

    def stop() -> None:
        servicer.cancelled.set()
        stopping.set()

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
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(servicer, server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    stopping.wait()
    server.stop(_STOP_GRACE_SECONDS).wait()
    # A thread may still be blocked in a call to another system; nothing waits for its answer.
    sys.stdout.flush()
    os._exit(0)
