from streamer.events.fields import named_fields
from streamer.events.types import ObjectEvent
from streamer.service.looks import MAX_LOOKS, Look, Looks

BALL = Look("the ball", "#00ff7f")


def started(object_id=1):
    return ObjectEvent("cam", object_id, "started", 5, 0, 1, 2, 0.9, 0.9, (0, 0, 4, 4))


def test_names_and_colours_are_there_after_a_restart(tmp_path):
    Looks(tmp_path / "state").set(1, BALL)
    assert Looks(tmp_path / "state").get(1) == BALL
    assert Looks(tmp_path / "other").get(1) == Look()


def test_an_id_that_begins_another_object_loses_its_name(tmp_path):
    looks = Looks(tmp_path / "state")
    looks.set(1, BALL)
    looks.forget(1)
    assert Looks(tmp_path / "state").name_of(1) is None


def test_a_damaged_file_of_names_is_logged_and_ends_nothing(tmp_path, caplog):
    for text in ("{", "[]", '{"1": {"nom": "x"}}', '{"one": {}}'):
        (tmp_path / "state.names.json").write_text(text)
        assert Looks(tmp_path / "state").get(1) == Look()
        assert "names of objects cannot be read" in caplog.text
        caplog.clear()


def test_a_file_of_names_that_cannot_be_written_is_logged_and_the_name_holds(tmp_path, caplog):
    (tmp_path / "file").write_text("")
    looks = Looks(tmp_path / "file" / "state")
    looks.set(1, BALL)
    assert looks.get(1) == BALL
    assert "names of objects cannot be kept" in caplog.text


def test_the_oldest_names_are_forgotten():
    looks = Looks()
    for object_id in range(MAX_LOOKS + 5):
        looks.set(object_id, BALL)
    assert looks.get(4) == Look()
    assert looks.get(5) == BALL


def test_events_use_the_name_of_an_object():
    fields = named_fields(started(), {1: "the ball"}.get)
    assert fields["name"] == "the ball"
    assert fields["message"] == "the ball: started, score 0.90"
    assert "name" not in named_fields(started(2), {1: "the ball"}.get)
