"""Faults between a camera and the pipeline, applied to a site and undone."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from streamer.soak.site import Site

LARGER = (480, 360)


@dataclass(frozen=True, slots=True)
class Fault:
    """`mend` returns when the peer is back. Events have one of `causes`; without causes there must be no event."""

    name: str
    begin: Callable[[Site], None]
    mend: Callable[[Site], None]
    lasts_s: float
    causes: frozenset[str] = frozenset()
    in_truth_s: float = 0.0  # delay of the first frame of a connection, which the pipeline cannot detect


def _slow(site: Site) -> None:
    site.wire.bytes_a_second = 4_000


def _fast(site: Site) -> None:
    site.wire.bytes_a_second = None


def _far(site: Site) -> None:
    site.wire.delay_s, site.wire.jitter_s = 0.2, 0.1


def _near(site: Site) -> None:
    site.wire.delay_s = site.wire.jitter_s = 0.0


def _hold(site: Site) -> None:
    site.wire.held = True


def _let(site: Site) -> None:
    site.wire.held = False


def _cut(site: Site) -> None:
    site.wire.cut()


def _larger(site: Site) -> None:
    site.restart(LARGER)


def _h265(site: Site) -> None:
    site.restart(codec="libx265")


def _other_password(site: Site) -> None:
    site.with_password("second")


def _first_password(site: Site) -> None:
    site.with_password("first")


def _nothing(_site: Site) -> None:
    pass


# `corrupt`: the proxy accepts a connection, and closes it where the server is down
GONE = frozenset({"ended", "refused", "stalled", "timeout", "failed", "not_found", "corrupt"})
STILL = frozenset({"stalled", "timeout", "ended"})

CLOCK = frozenset({"clock"})

FAULTS = (
    Fault("server killed and restarted", Site.stop_server, Site.restart_server, 3.0, GONE),
    Fault("server frozen for 7 s (SIGSTOP)", Site.freeze_server, Site.thaw_server, 7.0, STILL),
    Fault("camera frozen for 7 s (SIGSTOP)", Site.freeze_camera, Site.thaw_camera, 7.0, STILL),
    Fault("network held for 3 s", _hold, _let, 3.0),
    Fault("network held for 8 s", _hold, _let, 8.0, STILL),
    Fault("camera away, path gone", Site.stop_camera, Site.start_camera, 3.0, GONE),
    Fault("password changed and back", _other_password, _first_password, 3.0, GONE | {"auth"}),
    Fault("resolution changed and back", _larger, Site.restart, 5.0, GONE | {"resized"}),
    Fault("codec changed to H.265 and back", _h265, Site.restart, 5.0, GONE | {"codec"}),
    Fault("connection cut in mid-GOP", _cut, _nothing, 0.0, GONE),
    Fault("bandwidth cut to 4 kB/s", _slow, _fast, 8.0, STILL | {"corrupt"}, in_truth_s=1.0),
    Fault("200 ms delay, 100 ms jitter", _far, _near, 5.0, in_truth_s=0.3),
    Fault("stream's clock 4 s ahead", Site.jump_ahead, _nothing, 0.0, CLOCK),
    Fault("stream's clock 4 s back", Site.jump_back, _nothing, 0.0, CLOCK),
)
