"""The command line. Only this package knows every concrete class."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from streamer.cli import logs
from streamer.cli.commands import parser
from streamer.config.runtimes import TORCH_PACKAGES
from streamer.errors import StreamerError, UsageError
from streamer.process import memory
from streamer.uris import redact

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, 1 (it failed while running) or 2 (a usage error)."""
    memory.limit_malloc_arenas()
    debug = False
    try:
        args = parser().parse_args(argv)
        debug = args.debug
        logs.begin(args.log, debug=debug)
        status: int = args.command(args)
    except StreamerError as error:
        if debug:
            print(redact(traceback.format_exc()), file=sys.stderr, end="")
        print(f"streamer: {redact(str(error))}", file=sys.stderr)
        return error.exit_code
    except ModuleNotFoundError as error:
        if (package := error.name or "") not in TORCH_PACKAGES:
            raise
        print(f"streamer: this needs {package}; install it with: pip install 'streamer[torch]'", file=sys.stderr)
        return UsageError.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 0  # the reader of our output has had enough
    return status
