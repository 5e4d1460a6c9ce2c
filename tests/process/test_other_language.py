"""docs/wire-format.md is enough: a decoder in another language, written from it, finds the same masks."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np

from streamer.bus.messages import header_of, pack_masks
from streamer.masks import box_of
from tests.fakes import result, track
from tests.requirements import program, require

DECODER = Path(__file__).parents[2] / "docs" / "decode-masks.mjs"


def test_a_decoder_in_javascript_counts_the_same_pixels():
    require("node", program("node"), "install Node.js")
    rng = np.random.default_rng(3)
    masks = [rng.random((48, 64)) > 0.5, np.ones((48, 64), bool), np.zeros((48, 64), bool)]
    masks[0][:, 40:] = False
    tracks = tuple(replace(track(i), object_id=i, mask=m, box=box_of(m)) for i, m in enumerate(masks))
    outcome = replace(result(70000), tracks=tracks)
    data = pack_masks("cam/masks", outcome, "rle", header_of(outcome, sequence=1, dropped=0, published_ns=2**62))
    done = subprocess.run(["node", DECODER], input=data, capture_output=True, check=True)
    got = json.loads(done.stdout)
    assert (got["topic"], got["index"]) == ("cam/masks", 70000)
    assert [entry["area"] for entry in got["objects"]] == [int(m.sum()) for m in masks]
    assert [entry["box"] and tuple(entry["box"]) for entry in got["objects"]] == [box_of(m) for m in masks]
