"""The OpenAPI document, the metrics and the dashboard agree with the server."""

import json
import math
import re
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families
from pydantic import ValidationError

from streamer.config.load import checked
from streamer.config.settings import CameraSettings
from streamer.config.shipped import FOLDER
from streamer.events.counts import ZoneFigures
from streamer.web.access import AccessPolicy
from streamer.web.api import PREFIX
from streamer.web.api.dependencies import Service
from streamer.web.app import build_app
from streamer.web.credentials import Credentials
from streamer.web.metrics import PrometheusMetrics
from streamer.web.models import CountsQuery
from streamer.web.readers import Readers
from tests.fakes import result
from tests.requirements import program, require

ROOT = Path(__file__).parents[3]
DASHBOARD = FOLDER / "grafana.json"
ALERTS = FOLDER / "deploy" / "alerts.yaml"
STATUS = {
    "name": "door",
    "state": "running",
    "live": True,
    "paused": False,
    "readers": 2,
    "frames_captured": 100,
    "frames_tracked": 90,
    "frames_dropped": 8,
    "frames_skipped": 2,
    "frames_late": 4,
    "dropped_by_sink": {"page": 1},
    "lost_by_sink": {"clips": 3},
    "events": {"lost refused": 2, "restored ended": 1},
    "quality": {"fps": 14.9, "nominal_fps": 15.0, "age_s": 0.05, "stalls_last_hour": 0, "reconnects_last_hour": 1},
    "zones": [
        ZoneFigures("yard", entered=4, left=3, inside=1, stays=3, dwell_s=60.0, longest_s=40.0).fields(),
        ZoneFigures("fence", to_left=2, to_right=5).fields(),
    ],
    "objects": [{"id": 1, "state": "tracked"}, {"id": 2, "state": "lost"}],
}


def exposed(*statuses):
    metrics = PrometheusMetrics(lambda: list(statuses), lambda: 3)
    metrics.write(result())
    return {family.name: family for family in text_string_to_metric_families(metrics.text().decode())}


@pytest.fixture(scope="module")
def document():
    service = Service(None, None, AccessPolicy(Credentials))
    return build_app(service, PrometheusMetrics(lambda: [], lambda: 0)).openapi()


def operations(document):
    return [
        (method.upper(), path, operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
    ]


def test_every_operation_has_a_name_of_its_own_and_a_summary(document):
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names)) > 25
    assert all(operation["summary"] for _, _, operation in operations(document))
    assert all(path.startswith(PREFIX) for path in document["paths"])


def test_the_document_for_people_lists_every_operation(document):
    text = (ROOT / "docs" / "http-api.md").read_text()
    lines = [
        f"| {method} | `{path.removeprefix(PREFIX)}` | {operation['summary']} |"
        for method, path, operation in operations(document)
    ]
    assert [line for line in lines if line not in text] == []


def test_every_error_is_one_line_of_json(document):
    for method, path, operation in operations(document):
        for status, answer in operation["responses"].items():
            if status.startswith("4"):
                schema = answer["content"]["application/json"]["schema"]
                assert schema == {"$ref": "#/components/schemas/ErrorAnswer"}, (method, path, status)


@pytest.mark.parametrize("value", ["0.5", "1700000000", "-3"])
def test_a_moment_is_iso_8601_and_not_seconds_since_1970(value):
    with pytest.raises(ValidationError, match="should be ISO 8601 with a time zone"):
        CountsQuery(until=value)
    assert CountsQuery(until="2026-01-31T12:00:00Z").until.year == 2026


def test_every_reference_has_a_schema(document):
    text = json.dumps(document)
    assert set(re.findall(r"#/components/schemas/(\w+)", text)) <= set(document["components"]["schemas"])


def test_numbers_that_are_not_finite_are_null_and_a_fault_of_the_server_is_one_line():
    camera = SimpleNamespace(
        name="door", looks={}, settings=checked(CameraSettings, {"source": {"uri": "scene:"}}, "test")
    )
    camera.status = lambda: STATUS | {"error": None, "uri": "scene:", "max_fps": math.inf, "quality": {"fps": math.nan}}
    cameras: Any = SimpleNamespace(all=lambda: [camera])
    service = Service(cameras, Readers(), AccessPolicy(Credentials))
    client = TestClient(build_app(service, None), base_url="http://localhost", raise_server_exceptions=False)
    answer = client.get(f"{PREFIX}/cameras")
    assert answer.status_code == 200
    assert (answer.json()["cameras"][0]["max_fps"], answer.json()["cameras"][0]["quality"]) == (None, {"fps": None})
    camera.status = lambda: 1 / 0
    answer = client.get(f"{PREFIX}/cameras")
    assert answer.status_code == 500
    assert answer.json() == {"error": "internal server error; see the server log"}


def test_metrics_have_their_values_and_official_names():
    families = exposed(STATUS)
    values = {(s.name, *s.labels.values()): s.value for family in families.values() for s in family.samples}
    assert values["streamer_frames_captured_total", "door"] == 100
    assert values["streamer_frames_dropped_total", "door", "newer"] == 8
    assert values["streamer_frames_dropped_total", "door", "rate"] == 2
    assert values["streamer_frames_dropped_total", "door", "late"] == 4
    assert values["streamer_sink_lost_total", "door", "clips"] == 3
    assert values["streamer_source_events_total", "door", "refused", "lost"] == 2
    assert values["streamer_objects", "door", "tracked"] == 1
    assert values["streamer_zone_inside", "door", "yard"] == 1
    assert values["streamer_zone_dwell_seconds_total", "door", "yard"] == 60
    assert values["streamer_zone_crossings_total", "door", "right", "fence"] == 5
    assert values["streamer_camera_state", "door", "running"] == 1
    assert values["streamer_source_age_seconds", "door"] == 0.05
    assert values["streamer_readers_dropped_total",] == 3
    assert families["process_resident_memory_bytes"].samples[0].value > 0
    for name, family in families.items():
        assert re.fullmatch(r"[a-z][a-z0-9_]*", name)
        assert family.documentation, name


def test_a_camera_without_a_pipeline_has_metrics_too():
    assert exposed({"name": "door", "state": "failed", "live": False, "readers": 0, "paused": False})


def test_the_dashboard_uses_metrics_that_exist():
    text = DASHBOARD.read_text()
    queries = re.findall(r'"expr": "((?:[^"\\]|\\.)*)"', text)
    assert len(queries) >= 8
    present = {sample.name for family in exposed(STATUS).values() for sample in family.samples}
    used = {name for query in queries for name in re.findall(r"\b(?:streamer|process)_\w+", query)}
    assert used
    assert used <= present
    json.loads(text)


def test_the_alert_rules_use_metrics_that_exist():
    rules = [rule for group in yaml.safe_load(ALERTS.read_text())["groups"] for rule in group["rules"]]
    assert len(rules) >= 7
    present = {sample.name for family in exposed(STATUS).values() for sample in family.samples}
    for rule in rules:
        used = set(re.findall(r"\b(?:streamer|process)_\w+", rule["expr"]))
        assert used <= present, rule["alert"]
        assert used or rule["alert"] == "StreamerDown"
        assert rule["annotations"]["summary"]


def test_prometheus_accepts_the_alert_rules():
    promtool = program("promtool")
    require("promtool", promtool, "apt-get install prometheus")
    command = [promtool, "check", "rules", str(ALERTS)]
    answer = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert answer.returncode == 0, answer.stdout + answer.stderr
