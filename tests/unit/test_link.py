from streamer.web.link import MAX_IN_FLIGHT, WIDEN_AFTER_S, WIDTHS, Link


def send(link, times, took_s, now_s=0.0):
    """Results one after the other; returns the time after the last."""
    for _ in range(times):
        link.acknowledged(now_s, now_s + took_s)
        now_s += took_s
    return now_s


def test_frames_that_arrive_late_become_narrower_and_one_is_in_flight():
    link = Link(1920)
    send(link, 10, 2.0)
    assert link.width == WIDTHS[0]
    assert link.in_flight == 1


def test_a_source_of_unknown_width_begins_with_the_widest():
    link = Link(None)
    send(link, 1, 2.0)
    assert link.width == WIDTHS[-1]


def test_a_result_that_was_sent_before_a_change_changes_nothing():
    link = Link(1920)
    assert link.acknowledged(0.0, 2.0)
    assert not link.acknowledged(1.0, 4.0)
    assert link.width == 1280


def test_a_link_that_has_become_fast_is_used_again_in_steps_and_no_wider_than_asked():
    link = Link(640)
    now_s = send(link, 5, 1.0)
    assert link.width == 320
    now_s = send(link, 2 * int(WIDEN_AFTER_S / 0.1) + 5, 0.1, now_s)
    assert link.width == 640
    send(link, int(WIDEN_AFTER_S / 0.1) + 5, 0.1, now_s)
    assert link.in_flight == MAX_IN_FLIGHT
    assert link.width == 640


def test_a_fast_link_is_left_alone():
    link = Link(1280)
    assert not any(link.acknowledged(step / 10, step / 10 + 0.05) for step in range(500))
    assert (link.width, link.in_flight) == (1280, MAX_IN_FLIGHT)
