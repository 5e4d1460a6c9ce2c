import threading

import pytest

from streamer.channel import Channel, Closed


def test_items_come_out_in_the_order_they_went_in():
    channel: Channel[int] = Channel(3)
    for item in (1, 2, 3):
        channel.put(item)
    channel.close()
    assert list(channel) == [1, 2, 3]


def test_put_fails_after_close():
    channel: Channel[int] = Channel(1)
    channel.close()
    with pytest.raises(Closed):
        channel.put(1)


def test_get_fails_when_closed_and_empty():
    channel: Channel[int] = Channel(1)
    channel.close()
    with pytest.raises(Closed):
        channel.get()


def test_a_lossy_channel_drops_its_oldest_and_counts_it():
    channel: Channel[int] = Channel(2, lossy=True)
    for item in range(5):
        channel.put(item)
    assert channel.dropped == 3
    assert channel.drain() == [3, 4]


def test_a_full_blocking_channel_waits_for_room():
    channel: Channel[int] = Channel(1)
    channel.put(1)
    started = threading.Event()

    def put_second():
        started.set()
        channel.put(2)

    thread = threading.Thread(target=put_second)
    thread.start()
    started.wait()
    assert channel.get() == 1
    assert channel.get() == 2
    thread.join()
    assert channel.dropped == 0


def test_closing_wakes_a_blocked_put():
    channel: Channel[int] = Channel(1)
    channel.put(1)
    seen = []

    def put_second():
        try:
            channel.put(2)
        except Closed:
            seen.append("closed")

    thread = threading.Thread(target=put_second)
    thread.start()
    channel.close()
    thread.join()
    assert seen == ["closed"]


def test_abort_throws_away_what_nobody_got():
    channel: Channel[int] = Channel(2)
    channel.put(1)
    channel.abort()
    assert list(channel) == []


def test_offer_says_no_when_full():
    channel: Channel[int] = Channel(1)
    assert channel.offer(1)
    assert not channel.offer(2)


def test_get_gives_up_after_its_timeout():
    with pytest.raises(TimeoutError):
        Channel[int](1).get(timeout_s=0.0)


def test_a_channel_without_room_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        Channel[int](0)
