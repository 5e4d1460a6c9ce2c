"""`python -m streamer` is `streamer`: the commands as a process, from its words to its exit status."""

import contextlib
import logging
import os
import sys
from typing import NoReturn

from streamer.cli import main


def run() -> NoReturn:
    """Run the command that the process was started with, and end the process.

    What opened something has closed it by then. A camera's read cannot be interrupted, so its thread may outlive the
    command; CPython unwinds such a thread when it shuts down, and a C++ library in the middle of a read aborts then.
    Taking torch and OpenVINO down takes a second or two besides: the process leaves without shutting down.
    """
    status = main()
    logging.shutdown()
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError):  # its reader has gone
            stream.flush()
    os._exit(status)


if __name__ == "__main__":
    run()
