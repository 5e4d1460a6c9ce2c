"""The command line. Only this package knows every concrete class."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence

from streamer.cli import logs
from streamer.cli.commands import parser
from streamer.errors import StreamerError
from streamer.process import memory
from streamer.uris import redact

INTERRUPTED = 130


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; returns 0, 1 (it failed while running) or 2 (a usage error)."""
    args = parser().parse_args(argv)
    memory.limit_malloc_arenas()
    logs.begin(args.log, debug=args.debug)
    try:
        status: int = args.command(args)
    except StreamerError as error:
        if args.debug:
            print(redact(traceback.format_exc()), file=sys.stderr, end="")
        print(f"streamer: {redact(str(error))}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        return 0  # the reader of our output has had enough
    return status
