"""Background threads and their deadlines."""

import threading

from streamer.process.threads import background, join_all


def test_a_thread_that_ends_is_joined():
    done = threading.Event()
    thread = background("worker", done.set)
    assert thread.join(5.0)
    assert done.is_set()
    assert not thread.running


def test_a_thread_that_blocks_is_abandoned_at_the_deadline():
    release = threading.Event()
    blocked, quick = background("blocked", release.wait), background("quick", lambda: None)
    assert not join_all([blocked, quick], 0.05)
    assert blocked.running
    release.set()
    assert join_all([blocked, quick], 5.0)


def test_a_thread_does_not_wait_for_itself():
    answers = []
    ready = threading.Event()

    def join_itself():
        ready.wait()
        answers.append(thread.join(5.0))

    thread = background("itself", join_itself)
    ready.set()
    assert thread.join(5.0)
    assert answers == [False]
