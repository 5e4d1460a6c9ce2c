"""A server with two cameras, in this process."""

import pytest

from streamer.client import Client
from streamer.config.load import checked
from streamer.config.settings import ServeSettings
from streamer.web.serve_app import serving

SCENE = "scene:?objects=2&size=320x240&fps=15&frames=0&realtime&occluder=0&shake=0"
TOKEN = "a-token-that-is-long-enough-for-a-test"


def serve_settings(folder, cameras=("a", "b"), **web):
    """Settings with cameras of a scene, a free port, and events in a folder."""
    return checked(
        ServeSettings,
        {
            "model": {"id": "still"},
            "cameras": {name: {"source": {"uri": SCENE}} for name in cameras},
            "web": {"port": 0, **web},
            "events": {
                "file": folder / "events.sqlite",
                "clips": folder / "clips",
                "before_s": 0.5,
                "after_s": 0.5,
                "clip_kinds": ["started", "removed"],
            },
        },
        "test",
    )


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    with serving(serve_settings(tmp_path_factory.mktemp("served"))) as (serve_app, server):
        yield serve_app, server


@pytest.fixture
def client(served):
    with Client(served[1].url) as client:
        yield client


@pytest.fixture(scope="module")
def locked(tmp_path_factory):
    """A server that requires a token or a user."""
    from streamer.web import credentials

    folder = tmp_path_factory.mktemp("locked")
    (folder / "token").write_text(TOKEN)
    (folder / "token").chmod(0o600)
    credentials.add_user(folder / "users", "ann", "correct horse")
    settings = serve_settings(folder, ["a"], token=folder / "token", users=folder / "users")
    with serving(settings) as (serve_app, server):
        yield serve_app, server
