"""Print the objects that another program publishes: `python examples/subscribe.py tcp://127.0.0.1:5555`."""

import sys

from streamer.bus.subscriber import NothingFresh, Subscriber

with Subscriber(sys.argv[1], max_age_ms=500) as subscriber:
    try:
        while True:
            message = subscriber.receive(timeout_s=5)
            for item in message.objects:
                print(message.index, item.object_id, item.state, item.box, item.mask().sum(), flush=True)
    except NothingFresh as why:
        print(why, file=sys.stderr)
