"""What a process pays before its first mask."""

from streamer.bench.start import start


def test_a_first_mask_needs_no_torch_and_little_memory():
    """Resident memory does not depend on how busy the machine is; seconds do."""
    figures = start("nano", 1)
    assert figures["resident_mb"] <= 350
    assert 0 < figures["fastest_s"] <= figures["first_mask_s"]
    assert figures["first_start_ever_s"] > 0
