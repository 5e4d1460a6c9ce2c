"""What Home Assistant is told of a source."""

import json

import pytest
from jinja2 import Environment

from streamer.events.fields import event_fields
from streamer.events.home_assistant import announcement
from streamer.events.types import ObjectEvent, PlaceEvent, SourceEvent

EVENTS = [
    SourceEvent("cam", "lost", "stalled", "no frames", 0, 0, 0),
    ObjectEvent("cam", 1, "started", 0, 0, 0, 0, 0.9, 0.8, None),
    PlaceEvent("cam", "door", 1, "entered", 0, 0, 0, 0, 0.9, (1, 2, 3, 4)),
]


@pytest.mark.parametrize("event", EVENTS)
def test_every_event_becomes_one_of_the_announced_types_with_its_fields_as_attributes(event):
    config = json.loads(announcement("homeassistant", "cam", "t/cam")[1])
    payload = Environment().from_string(config["value_template"]).render(value_json=event_fields(event))
    fields = json.loads(payload)
    assert fields["event_type"] in config["event_types"]
    assert fields.items() >= json.loads(json.dumps(event_fields(event))).items()


def test_a_name_that_topics_cannot_hold_is_still_announced():
    topic, config = announcement("homeassistant", "yard/gate +1", "t")
    assert topic == "homeassistant/event/streamer_yard_gate__1/config"
    assert json.loads(config)["device"]["name"] == "yard/gate +1"
