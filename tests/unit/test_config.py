from pathlib import Path

import pytest

from streamer.config import load as config
from streamer.config import shipped
from streamer.errors import UsageError

CONFIGS = sorted(shipped.FOLDER.glob("*.yaml"))


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_every_config_in_the_repository_loads(path):
    text = path.read_text()
    if "\ncameras:" in text:
        assert config.load_serve(path, {}).cameras
        assert f"streamer serve {path.stem}" in text
    else:
        assert config.load(path, {}).sinks
        assert f"streamer run {path.stem}" in text


def test_a_shipped_config_is_found_by_its_name_unless_a_file_has_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert {path.stem for path in CONFIGS} >= {"webcam", "rtsp", "file", "cameras", "surveillance", "robotics"}
    assert set(shipped.names()) >= {"webcam", "surveillance", "grafana.json", "deploy/Dockerfile"}
    assert config.load_serve(Path("surveillance"), {}).cameras
    Path("webcam").write_text("source: {uri: mine}")
    assert config.load(Path("webcam"), {}).source.uri == "mine"


def test_a_config_of_the_user_s_folder_is_found_before_a_shipped_one(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(shipped, "user_folder", lambda: tmp_path / "own")
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "webcam.yaml").write_text("source: {uri: own}")
    assert config.load(Path("webcam"), {}).source.uri == "own"
    assert config.load(Path("rtsp"), {}).source.uri != "own"


def test_a_name_that_is_neither_a_file_nor_shipped_lists_the_shipped_ones(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=r"survey: no such file, and no configuration of that name; known: .*webcam"):
        config.load(Path("survey"), {})
    with pytest.raises(UsageError, match=r"survey\.yaml: cannot be read"):
        config.load(Path("survey.yaml"), {})


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("source: {uri: x, nmae: y}", "unknown key 'source.nmae'; did you mean 'name'"),
        ("source: {uri: x}\ntraking: {}", "unknown key 'traking'; did you mean 'tracking'"),
        ("sinks: []", "source is missing"),
        ("source: {uri: x}\nmodel: {size: big}", "model.size"),
        ("source: {uri: x}\ntracking: {lost_after: 0}", "tracking.lost_after"),
        ("source: {uri: x}\nprompts: [{object_id: 1, box: [1, 2]}]", "prompts.0.box"),
        (
            "source: {uri: x}\nzones: [{name: door, points: [[0, 0], [2, 0], [1, 1]]}]",
            "zones.0.points.1.0: must",
        ),
        ("source: {uri: x}\nzones: [{name: door, points: [[0, 0], [1, 0], [0, 0]]}]", "a point is there twice"),
        ("source: {uri: x}\nzones: [{name: door, points: [[0, 0], [0.5, 0.5], [1, 1]]}]", "the polygon has no area"),
        ("source: {uri: x}\nzones: [{name: door, pionts: []}]", "zones.0.points is missing"),
        ("- a\n- b", "holds no settings"),
        ("source: {uri: x", "is not YAML"),
    ],
)
def test_a_mistake_is_named(text, says, tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        config.load(path, {})
    assert says in str(caught.value)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("camras: {}", "unknown key 'camras'; did you mean 'cameras'"),
        (
            "cameras: {door: {source: {uri: x, stal_s: 1}}}",
            "unknown key 'cameras.door.source.stal_s'; did you mean 'stall_s'",
        ),
        ("cameras: {door: {}}", "cameras.door.source is missing"),
        ("cameras: {'a door': {source: {uri: x}}}", "cameras.a door: must begin with a letter"),
        ("web: {port: 99999}", "web.port"),
        ("web: {certificate: x.pem}", "certificate and key go together"),
        ("events: {clip_kinds: [sneezed]}", "events.clip_kinds.0"),
    ],
)
def test_a_mistake_in_what_is_served_is_named(text, says, tmp_path):
    path = tmp_path / "serve.yaml"
    path.write_text(text)
    with pytest.raises(UsageError) as caught:
        config.load_serve(path, {})
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_command_line_overrides_the_file(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text("source: {uri: x, name: cam}\nmodel: {id: a/b, size: 512}\n")
    settings = config.load(path, {"source": {"uri": "y"}, "model": {"id": "nano"}, "frames": 3})
    assert (settings.source.uri, settings.source.name) == ("y", "cam")
    assert (settings.model.id, settings.model.size, settings.frames) == ("nano", 512, 3)


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(UsageError, match=r"nowhere.yaml: cannot be read"):
        config.load(Path("nowhere.yaml"), {})


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("source: {uri: x, stall_s: true}", "source.stall_s"),
        ("source: {uri: x}\nfind: {overlap_threshold: false}", "find.overlap_threshold"),
        ("source: {uri: x}\nprompts: [{points: [[1, 2, true]]}]", "prompts.0.points"),
        ("source: {uri: x}\nzones: [{name: a, points: [[0, true], [1, 1]]}]", "zones.0.points"),
    ],
)
def test_true_is_no_number(tmp_path, text, key):
    (tmp_path / "run.yaml").write_text(text)
    with pytest.raises(UsageError, match="must not be true or false") as caught:
        config.load(tmp_path / "run.yaml", {})
    assert key in str(caught.value)


def test_a_switch_may_be_true(tmp_path):
    (tmp_path / "run.yaml").write_text("source: {uri: x}\ntracking: {exact: true, extensions: false}")
    tracking = config.load(tmp_path / "run.yaml", {}).tracking
    assert (tracking.exact, tracking.extensions) == (True, False)


@pytest.mark.parametrize("value", ["0", "1", "2.5", "'yes'", "[true]"])
def test_a_switch_is_true_or_false(tmp_path, value):
    (tmp_path / "run.yaml").write_text(f"source: {{uri: x}}\ntracking: {{extensions: {value}}}")
    with pytest.raises(UsageError, match=r"tracking.extensions: must be true or false"):
        config.load(tmp_path / "run.yaml", {})
