"""Options of the command line that set keys of the settings."""

import argparse
import inspect

import pytest

from streamer.cli.commands import parser
from streamer.cli.options import PREFIX, CommandSettings, field_of, help_of, section_of, settings_of
from streamer.config.settings import ModelSettings, ServeSettings, TrackingSettings
from streamer.edgetam import open_engine, open_segmenter, open_tracker
from streamer.errors import UsageError


def parsed(*words: str) -> argparse.Namespace:
    return parser().parse_args(words)


def options(command: str) -> list[argparse.Action]:
    """The options of a command that set a key."""
    (commands,) = (action for action in parser()._actions if isinstance(action, argparse._SubParsersAction))
    return [action for action in commands.choices[command]._actions if action.dest.startswith(PREFIX)]


def test_options_become_settings_that_are_nested_like_a_file():
    args = parsed("run", "--source", "scene:", "--size", "384", "--sink", "null:", "--labels", "cat,dog", "--exact")
    assert settings_of(args) == {
        "source": {"uri": "scene:"},
        "model": {"size": 384},
        "sinks": ["null:"],
        "find": {"labels": ("cat", "dog")},
        "tracking": {"exact": True},
    }


def test_an_option_that_is_left_out_sets_nothing_so_that_the_file_decides():
    assert settings_of(parsed("run", "file.yaml")) == settings_of(parsed("serve", "file.yaml")) == {}


def test_pairs_of_tracking_settings_join_the_options_of_that_section():
    args = parsed("track", "x.mp4", "--prompts", "p", "--out", "o", "--exact", "--tracking", "zoom=3")
    assert section_of(args, "tracking", TrackingSettings) == TrackingSettings(exact=True, zoom=3)
    with pytest.raises(UsageError, match=r"settings: tracking: unknown key 'zom'; did you mean 'zoom'\?"):
        section_of(parsed("run", "--tracking", "zom=3"), "tracking", TrackingSettings)


@pytest.mark.parametrize("command", ["run", "serve", "track", "segment", "evaluate", "export"])
def test_every_setting_that_has_an_option_says_what_it_is_for(command):
    actions = options(command)
    assert actions
    for action in actions:
        root = ServeSettings if action.dest.startswith(f"{PREFIX}web.") else CommandSettings
        field = field_of(root, action.dest.removeprefix(PREFIX))
        assert field.description
        assert action.help.startswith(field.description)
        assert action.default is None  # the settings hold the default


def test_the_functions_for_python_have_the_defaults_of_the_settings():
    settings = ModelSettings()
    for function in (open_tracker, open_engine, open_segmenter):
        parameters = inspect.signature(function).parameters
        for name, default in (("model", settings.id), ("size", settings.size), ("device", settings.device)):
            assert parameters[name].default == default
    assert inspect.signature(open_engine).parameters["runtime"].default == settings.runtime


def test_help_shows_the_default_of_the_settings():
    assert help_of(field_of(CommandSettings, "find.every_s")) == "seconds between two searches (default: 2)"
    assert help_of(field_of(CommandSettings, "segment.grid.crop_layers")).endswith("(default: 0)")
    assert "(default" not in help_of(field_of(CommandSettings, "model.size"))
