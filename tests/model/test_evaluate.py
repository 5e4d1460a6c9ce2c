"""`streamer evaluate` with a model."""

import json

import numpy as np
import pytest
from PIL import Image

from streamer.cli import main
from tests.unit.evaluation.test_scores import root  # noqa: F401 - a fixture here, too


def test_the_command_scores_what_it_can_and_says_what_it_cannot(root, capsys, caplog, tmp_path):  # noqa: F811
    broken = root / "JPEGImages" / "480p" / "zebra"
    broken.mkdir()
    Image.fromarray(np.zeros((120, 120, 3), np.uint8)).save(broken / "00000.jpg")
    status = main(["evaluate", str(root), "--json", "--worst-frames", str(tmp_path / "worst"), "--runtime", "torch"])
    printed = capsys.readouterr()
    summary = json.loads(printed.out)
    assert status == 1
    assert summary["not_scored"] == ["zebra"]
    assert "zebra/00000.png" in caplog.text
    assert [(o["sequence"], o["id"], o["frames"]) for o in summary["objects"]] == [("clip", 1, 2), ("clip", 2, 1)]
    assert summary["jf"] == pytest.approx(np.mean([o["jf"] for o in summary["objects"]]), abs=1e-3)
    assert [path.name.startswith("clip-0000") for path in (tmp_path / "worst").iterdir()] == [True]
