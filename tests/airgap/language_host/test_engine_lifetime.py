import os
import threading
from pathlib import Path

from airgap.engine_lifetime import when_engine_is_gone


def test_the_end_of_the_pipe_is_the_end_of_the_engine() -> None:
    reading, writing = os.pipe()
    gone = threading.Event()
    when_engine_is_gone(gone.set, reading)
    os.close(writing)

    assert gone.wait(10)


def test_an_open_pipe_is_a_living_engine() -> None:
    reading, writing = os.pipe()
    gone = threading.Event()
    when_engine_is_gone(gone.set, reading)

    assert not gone.wait(0.2)
    os.close(writing)


def test_a_plugin_that_was_started_by_hand_stays(tmp_path: Path) -> None:
    gone = threading.Event()
    with (tmp_path / "empty").open("w+b") as terminal:
        when_engine_is_gone(gone.set, terminal.fileno())

        assert not gone.wait(0.2)
