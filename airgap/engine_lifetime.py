"""Notice that the engine which started a plugin is gone.

The engine ends its plugins itself, unless it is killed or crashes. It keeps the plugin's standard
input open as a pipe for as long as it lives and never writes to it, so the pipe's end tells that
the engine is gone, at once and without polling.
"""

import os
import stat
import threading
from collections.abc import Callable

_READ_BYTES = 4096


def when_engine_is_gone(action: Callable[[], None], standard_input: int = 0) -> None:
    """Call ``action`` once, on another thread, when the engine has ended.

    Does nothing where standard input is not a pipe: the plugin was then started by hand.

    Args:
        action: What to do; it must be safe to call beside a signal handler that does the same.
        standard_input: The file descriptor to watch.
    """
    try:
        is_pipe = stat.S_ISFIFO(os.fstat(standard_input).st_mode)
    except OSError:  # closed
        return
    if not is_pipe:
        return

    def watch() -> None:
        while os.read(standard_input, _READ_BYTES):
            pass
        action()

    threading.Thread(target=watch, name="engine-lifetime", daemon=True).start()
