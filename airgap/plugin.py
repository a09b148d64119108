"""Run a gRPC service as a plugin of the Pulumi engine.

The engine starts the executable with its own address as the last argument, reads the port from the
first line of standard output, and ends the plugin with a signal.
"""

import os
import signal
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NoReturn

import grpc

from airgap.engine_lifetime import when_engine_is_gone

_MAXIMUM_MESSAGE_BYTES: Final = 400 * 1024 * 1024  # what the engine itself allows


def _nothing() -> None:
    pass


@dataclass(frozen=True)
class Plugin:
    """What is particular to one plugin.

    Attributes:
        register: Adds the service to the server.
        threads: How many calls are served at once.
        stop_grace_seconds: How long calls that are under way may go on after the end was asked for.
            The engine kills a plugin 5 s after its signal.
        when_asked_to_stop: Called when the end is asked for; it must be safe in a signal handler.
        when_stopped: Called when no call is served any more.
    """

    register: Callable[[grpc.Server], None]
    threads: int
    stop_grace_seconds: float
    when_asked_to_stop: Callable[[], None] = _nothing
    when_stopped: Callable[[], None] = _nothing


def engine_address() -> str:
    """Address of the engine that started this process; empty when it was started by hand."""
    addresses = [argument for argument in sys.argv[1:] if not argument.startswith("-")]
    return addresses[-1] if addresses else ""


def run(plugin: Plugin) -> NoReturn:
    """Serve until the engine ends the plugin or is gone, then end the process with code 0."""
    # A pipe, not an event: a signal handler must not take a lock that the interrupted thread holds.
    stop_asked, ask_to_stop = os.pipe()

    def stop() -> None:
        plugin.when_asked_to_stop()
        os.write(ask_to_stop, b"\n")

    signal.signal(signal.SIGINT, lambda _number, _frame: stop())
    signal.signal(signal.SIGTERM, lambda _number, _frame: stop())
    when_engine_is_gone(stop)

    server = grpc.server(
        ThreadPoolExecutor(max_workers=plugin.threads),
        options=[
            ("grpc.max_receive_message_length", _MAXIMUM_MESSAGE_BYTES),
            ("grpc.max_send_message_length", _MAXIMUM_MESSAGE_BYTES),
        ],
    )
    plugin.register(server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()

    os.read(stop_asked, 1)
    server.stop(plugin.stop_grace_seconds).wait(2 * plugin.stop_grace_seconds)
    plugin.when_stopped()
    sys.stdout.flush()
    # A thread may still be blocked in a call to another system or in gRPC; nobody waits for it.
    os._exit(0)
