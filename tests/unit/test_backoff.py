"""Waits between attempts."""

from streamer.rate_limit import Backoff


def test_each_failure_waits_for_the_next_step_and_then_the_last():
    backoff = Backoff((1.0, 2.0, 5.0))
    assert [backoff.failed() for _ in range(4)] == [1.0, 2.0, 5.0, 5.0]
    assert backoff.failures == 4


def test_a_success_or_a_long_run_starts_over():
    backoff = Backoff((1.0, 2.0, 5.0), stable_s=60.0)
    backoff.failed()
    backoff.succeeded()
    assert [backoff.failed(), backoff.failed(59.0), backoff.failed(61.0)] == [1.0, 2.0, 1.0]


def test_jitter_only_shortens_a_wait():
    assert Backoff((10.0,), jitter=0.2, random=lambda: 1.0).failed() == 8.0
    assert Backoff((10.0,), jitter=0.2, random=lambda: 0.0).failed() == 10.0
