"""Who is served when not everybody can be."""

import threading
import time
from collections import Counter

import pytest

from streamer.channel import Channel
from streamer.rate_limit import FrameThrottle
from streamer.service.fair_queue import FairQueue


def served(priorities, turns_in_all):
    """How often each was served while all wanted to be, all the time."""
    fair_queue, counts, done = FairQueue(), Counter(), threading.Event()
    everybody = threading.Barrier(len(priorities))

    def want(name):
        everybody.wait()
        while not done.is_set():
            with fair_queue.acquire(name, priorities[name]):
                time.sleep(1e-4)  # so that the others come to wait
                counts[name] += 1
                if counts.total() >= turns_in_all:
                    done.set()

    threads = [threading.Thread(target=want, args=(name,)) for name in priorities]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return counts


def test_those_who_wait_take_turns():
    counts = served({"a": 1.0, "b": 1.0, "c": 1.0}, 900)
    assert min(counts.values()) > 200


def test_priority_is_a_share_of_the_turns():
    counts = served({"a": 3.0, "b": 1.0, "c": 1.0}, 1000)
    assert counts["a"] > 1.5 * counts["b"]


def test_who_was_away_has_saved_nothing_up():
    now_s = [0.0]
    fair_queue = FairQueue(clock_s=lambda: now_s[0])
    for _ in range(100):
        with fair_queue.acquire("busy"):
            now_s[0] += 1.0
    with fair_queue.acquire("late"):
        now_s[0] += 1.0
    assert fair_queue._finish["late"] >= 99


def test_shares_are_of_time_so_that_a_camera_with_long_steps_gets_fewer_of_them():
    """Steps of 60 ms of one camera, and of 10 ms of three others, all of them waiting all the time."""
    now_s, fair_queue = [0.0], FairQueue(clock_s=lambda: now_s[0])
    step_s = {"crowded": 0.06, "a": 0.01, "b": 0.01, "c": 0.01}
    steps, used_s = Counter(), dict.fromkeys(step_s, 0.0)
    finish = fair_queue._finish
    while now_s[0] < 20:
        name = min(step_s, key=lambda each: finish.get(each, 0.0))  # who begins first of those who wait
        with fair_queue.acquire(name):
            now_s[0] += step_s[name]
        steps[name] += 1
        used_s[name] += step_s[name]
    assert max(used_s.values()) < 1.05 * min(used_s.values())
    assert steps["a"] > 5 * steps["crowded"]


def test_a_turn_that_fails_is_over():
    fair_queue = FairQueue()
    with pytest.raises(ValueError, match="broken"), fair_queue.acquire("a"):
        raise ValueError("broken")
    with fair_queue.acquire("b"):
        pass
    fair_queue.forget("a")
    assert "a" not in fair_queue._finish


def test_a_step_that_hangs_loses_the_engine_and_the_others_go_on(caplog):
    now_s = [0.0]
    fair_queue = FairQueue(30.0, clock_s=lambda: now_s[0])
    with fair_queue.acquire("hung"):
        now_s[0] = 29.9
        assert not fair_queue._is_free()
        now_s[0] = 30.1
        with fair_queue.acquire("other"):
            assert fair_queue._holder[0] == "other"
        assert fair_queue._holder is None
    assert "camera hung: its step hangs for 30 s; the others go on" in caplog.text
    with fair_queue.acquire("hung"):
        pass


def test_a_rate_lets_through_so_much_on_average_whatever_the_jitter():
    rate, taken = FrameThrottle(10.0), 0
    for number in range(900):  # 30 s at 30 fps
        jitter_s = 0.008 * (-1) ** number
        taken += rate.take(1000 + number / 30 + jitter_s)
    assert 295 <= taken <= 302


def test_a_rate_does_not_make_up_for_a_pause():
    rate = FrameThrottle(10.0)
    assert rate.take(0.0)
    assert [rate.take(60 + number / 100) for number in range(12)].count(True) == 2


def test_the_newest_is_taken_and_what_it_passes_over_is_dropped():
    frames: Channel[int] = Channel(1, lossy=True)
    frames.put(1)
    got = frames.get()
    assert frames.newer(got) == 1
    frames.put(2)
    assert frames.newer(got) == 2
    assert frames.dropped == 1


def test_of_a_recording_nothing_is_passed_over():
    frames: Channel[int] = Channel(4)
    frames.put(2)
    assert frames.newer(1) == 1
    assert frames.get() == 2
