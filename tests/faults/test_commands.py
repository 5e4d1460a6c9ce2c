"""Random commands against a server whose disk, database and cameras fail."""

import pytest

from streamer.soak.monkey import monkey


@pytest.mark.timeout(150)
def test_whatever_users_do_while_everything_fails_no_camera_is_stuck_and_no_event_is_lost(tmp_path):
    figures = monkey(commands=200, seconds=15, seed=3, folder=tmp_path)
    assert figures["findings"] == []
    assert figures["objects_begun"] > 10
    assert sum(figures["faults"].values()) >= 2
