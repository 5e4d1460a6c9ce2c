"""A network that loses, narrows and goes away, between us and GStreamer's RTSP server."""

from __future__ import annotations

import time

import pytest

from streamer.soak.watched import STALE_S, Watched
from tests.faults import ledger
from tests.faults.network import Network, missing
from tests.faults.test_cameras import OBJECTS, SETTLE_S, SLACK_S, STEADY, step_s
from tests.requirements import require

NARROW_S = 1.0  # for TCP to send again what a narrow link dropped: an attempt may be under way when it widens
KEY_FRAMES_S = 10 / 15  # between two of the camera's; a new connection shows nothing before one


@pytest.fixture(scope="module")
def network():
    why = missing()
    require("netns", why is None, str(why))
    with Network() as network:
        yield network


@pytest.mark.parametrize("again", range(ledger.TIMES))
@pytest.mark.parametrize("share", [*(pytest.param(share, marks=pytest.mark.slow) for share in (0.01, 0.05)), 0.2])
def test_lost_packets_cost_pictures_and_nothing_else(share, again, network, tracker, nothing_leaks):
    with Watched(network.url("udp"), tracker, backoff=STEADY(), objects=OBJECTS) as watched:
        watched.wait_for_frames()
        time.sleep(SETTLE_S)
        kept_before, results = watched.kept(), watched.probe.results
        network.lose(share)
        time.sleep(6.0)
        during = watched.probe.results - results
        network.mend()
        recovery_s = watched.wait_for_frames()
        time.sleep(SETTLE_S)
        ledger.note(
            f"{share:.0%} of UDP packets lost for 6 s",
            recovery_s,
            stale=watched.probe.stale,
            kept=watched.kept(),
            objects=kept_before,
        )
        assert watched.kept() == kept_before
    assert during > 10
    assert recovery_s < SLACK_S
    assert watched.probe.stale == 0


@pytest.mark.parametrize("again", range(ledger.TIMES))
@pytest.mark.parametrize(
    ("name", "fault", "lasts_s"),
    [
        ("link down for 4 s", Network.unplug, 4.0),
        ("link down for 9 s", Network.unplug, 9.0),
        ("bandwidth cut to 30 kbit/s (tbf)", lambda: Network.limit("30kbit"), 8.0),
    ],
)
def test_a_link_that_goes_and_returns_is_noticed_and_used_again(
    name, fault, lasts_s, again, network, tracker, nothing_leaks
):
    with Watched(network.url("tcp"), tracker, backoff=STEADY(), objects=OBJECTS) as watched:
        watched.wait_for_frames()
        time.sleep(SETTLE_S)
        kept_before, since, probe = watched.kept(), len(watched.probe.events), watched.probe
        probe.allowed_s = STALE_S + 1.0 * name.startswith("bandwidth")  # what a first picture takes there
        fault()
        time.sleep(lasts_s)
        network.mend()
        recovery_s = watched.wait_for_frames()
        allowed_s = step_s(watched, since) + SLACK_S
        time.sleep(SETTLE_S)
        ledger.note(name, recovery_s, stale=probe.stale, kept=watched.kept(), objects=kept_before)
        assert watched.kept() == kept_before
    narrow_s = NARROW_S * name.startswith("bandwidth")
    assert recovery_s <= allowed_s + KEY_FRAMES_S + narrow_s, probe.causes(since)
    assert probe.stale == 0, probe.oldest_s
