"""`python -m streamer` is `streamer`: the commands as a process, from its words to its exit status."""

import contextlib
import logging
import os
import sys
import threading
from typing import NoReturn

from streamer.cli import main


def run() -> NoReturn:
    """Run the command that the process was started with, and end the process.

    A camera's read cannot be interrupted, so its thread may outlive the command. CPython unwinds such a thread when it
    shuts down, and a C++ library that is in the middle of a read aborts then: the process leaves without shutting down.
    """
    status = main()
    if any(thread.daemon for thread in threading.enumerate()):
        logging.shutdown()
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(OSError):  # its reader has gone
                stream.flush()
        os._exit(status)
    sys.exit(status)


if __name__ == "__main__":
    run()
