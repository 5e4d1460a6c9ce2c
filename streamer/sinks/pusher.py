"""The process that pushes: a video on standard input goes to the server that STREAMER_PUSH_URL names.

A frozen peer blocks FFmpeg's write forever, and no option of FFmpeg changes that; so this process ends itself after a
timeout, and the main process never blocks. `python -m streamer.sinks.pusher FORMAT`, started by `push.py`.
"""

from __future__ import annotations

import os
import signal
import sys

import av
import av.error
import av.logging

from streamer.video.recording import why

URL = "STREAMER_PUSH_URL"  # not an argument, because other users can read arguments
SEND_TIMEOUT_S = 5.0  # for one write to the peer


class Watchdog:
    """Ends the process when a write times out: by a signal, because FFmpeg may hold the interpreter's lock."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s

    def __enter__(self) -> None:
        signal.setitimer(signal.ITIMER_REAL, self._timeout_s)  # SIGALRM ends it

    def __exit__(self, *_: object) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> int:
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the end of the input ends the process
    av.logging.set_level(av.logging.PANIC)
    watchdog = Watchdog(SEND_TIMEOUT_S)
    try:
        push(os.environ.pop(URL), sys.argv[1], watchdog)
    except (av.error.FFmpegError, OSError) as error:
        sys.stderr.write(why(error) + "\n")
        return 1
    return 0


def push(url: str, container_format: str, watchdog: Watchdog) -> None:
    """Remux standard input to the URL until it ends."""
    unbuffered = open(0, "rb", buffering=0, closefd=False)  # noqa: SIM115 - a buffered read waits for a full one
    incoming = av.open(unbuffered, "r", format="nut", options={"probesize": "32", "analyzeduration": "0"})
    video = incoming.streams.video[0]
    with watchdog:
        options = {"rtsp_transport": "tcp"} if container_format == "rtsp" else {}
        outgoing = av.open(url, "w", format=container_format, options=options)
        stream = outgoing.add_stream_from_template(video)
    for packet in incoming.demux(video):
        if packet.dts is None:
            continue  # the empty one at the end
        packet.stream = stream
        with watchdog:
            outgoing.mux(packet)
    with watchdog:
        outgoing.close()


if __name__ == "__main__":
    sys.exit(main())
