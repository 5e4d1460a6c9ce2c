"""Home Assistant's MQTT discovery: each source becomes an event entity without any configuration there.

https://www.home-assistant.io/integrations/mqtt/#mqtt-discovery and https://www.home-assistant.io/integrations/event.mqtt/
"""

from __future__ import annotations

import json
import re
from typing import get_args

from streamer.events.types import ObjectChange, PlaceChange, SourceChange

TEMPLATE = "{{ dict(value_json, event_type=value_json.event) | tojson }}"  # its payload must hold `event_type`


def announcement(prefix: str, source: str, state_topic: str) -> tuple[str, bytes]:
    """The topic and the message, to be retained, that announce the events of one source.

    `prefix` is Home Assistant's discovery prefix, `state_topic` where the events of this source are published.
    """
    object_id = f"streamer_{re.sub('[^a-zA-Z0-9_-]', '_', source)}"
    kinds = [kind for change in (PlaceChange, ObjectChange, SourceChange) for kind in get_args(change)]
    config = {
        "name": "Events",
        "unique_id": f"{object_id}_events",
        "state_topic": state_topic,
        "event_types": sorted(set(kinds)),
        "value_template": TEMPLATE,
        "icon": "mdi:motion-sensor",
        "device": {"identifiers": [object_id], "name": source, "manufacturer": "streamer"},
        "origin": {"name": "streamer"},
    }
    return f"{prefix}/event/{object_id}/config", json.dumps(config).encode()
