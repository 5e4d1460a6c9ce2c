"""Reads what we wrote with the tools that annotators use; runs in an environment of its own, and prints JSON.

`python read_annotations.py FOLDER TOOL`, where FOLDER holds a folder of each format.
"""

from __future__ import annotations

import contextlib
import json
import shutil
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

warnings.simplefilter("ignore")


def supervision(root: Path) -> Any:
    """Pixels of each image's masks, out of COCO and of YOLO."""
    from supervision import DetectionDataset

    document = root / "coco/annotations/instances_default.json"
    coco = DetectionDataset.from_coco(str(root / "coco/images/default"), str(document), force_masks=True)
    yolo = root / "yolo"
    labels = DetectionDataset.from_yolo(
        str(yolo / "images/train"), str(yolo / "labels/train"), str(yolo / "data.yaml"), force_masks=True
    )
    return {
        "classes": [coco.classes, labels.classes],
        "coco": {Path(name).stem: int(found.mask.sum()) for name, _, found in coco},
        "yolo": {Path(name).stem: int(found.mask.sum()) for name, _, found in labels},
    }


def datumaro(root: Path) -> Any:
    """The track ids of each image, out of COCO, CVAT and MOTS."""
    from datumaro import Dataset

    found: dict[str, dict[str, list[int]]] = {}
    for name, kind in (("coco", "coco"), ("cvat", "cvat"), ("mots", "mots")):
        items = Dataset.import_from(str(root / name), kind)
        found[name] = {
            item.id[-4:]: sorted({int(entry.attributes["track_id"]) for entry in item.annotations}) for item in items
        }
    return found


def compressed(segmentation: dict[str, Any]) -> dict[str, Any]:
    """A tracker's results are compressed, the truth is not."""
    from pycocotools import mask

    run_lengths = mask.frPyObjects(segmentation, *segmentation["size"])
    return {"size": segmentation["size"], "counts": run_lengths["counts"].decode()}


def trackeval(root: Path) -> Any:
    """The HOTA of DAVIS beside itself, and of YouTube-VIS by class."""
    import numpy as np

    for name, kind in (("float", float), ("int", int), ("bool", bool)):
        if not hasattr(np, name):
            setattr(np, name, kind)  # trackeval was written for an older numpy
    from trackeval import Evaluator, datasets, metrics

    with tempfile.TemporaryDirectory() as folder:
        there = Path(folder)
        shutil.copytree(root / "davis/Annotations/480p", there / "davis/ours/data")
        davis = {"GT_FOLDER": str(root / "davis/Annotations/480p"), "TRACKERS_FOLDER": str(there / "davis")}
        truth = there / "gt/youtube_vis_train"
        truth.mkdir(parents=True)
        shutil.copy(root / "ytvis/instances.json", truth)
        tracked = there / "trackers/youtube_vis_train/ours/data"
        tracked.mkdir(parents=True)
        annotations = json.loads((root / "ytvis/instances.json").read_text())["annotations"]
        for entry in annotations:
            entry["segmentations"] = [seen and compressed(seen) for seen in entry["segmentations"]]
        (tracked / "results.json").write_text(json.dumps(annotations))
        ytvis = {"GT_FOLDER": f"{there}/gt/", "TRACKERS_FOLDER": f"{there}/trackers/", "SPLIT_TO_EVAL": "train"}
        quiet = {"PRINT_CONFIG": False}
        evaluator = Evaluator(
            {"PRINT_RESULTS": False, "TIME_PROGRESS": False, "OUTPUT_SUMMARY": False, "OUTPUT_DETAILED": False,
             "PLOT_CURVES": False, "BREAK_ON_ERROR": True, "LOG_ON_ERROR": None} | quiet
        )  # fmt: skip
        found = [datasets.DAVIS(davis | quiet), datasets.YouTubeVIS(ytvis | quiet)]
        scored, _ = evaluator.evaluate(found, [metrics.HOTA(quiet)])
    return {
        name: {kind: float(of["HOTA"]["HOTA"].mean()) for kind, of in results["ours"]["street"].items()}
        for name, results in scored.items()
    }


def fiftyone(root: Path) -> Any:
    """Track id, label and the mask's pixels of each object, as FiftyOne's loader of COCO gives them.

    A whole data set of FiftyOne needs MongoDB, which pip does not bring.
    """
    from fiftyone.utils.coco import load_coco_detection_annotations

    document = root / "coco/annotations/instances_default.json"
    _, classes, _, images, annotations = load_coco_detection_annotations(str(document), extra_attrs=["track_id"])
    found: dict[str, list[Any]] = {}
    for number, objects in annotations.items():
        size = (images[number]["width"], images[number]["height"])
        for entry in objects:
            read = entry.to_detection(size, classes_map=classes, load_segmentation=True)
            described = [read["track_id"], read.label, int(read.mask.sum())]
            found.setdefault(Path(images[number]["file_name"]).stem, []).append(described)
    return found


if __name__ == "__main__":
    with contextlib.redirect_stdout(sys.stderr):
        answer = {"supervision": supervision, "datumaro": datumaro, "trackeval": trackeval, "fiftyone": fiftyone}[
            sys.argv[2]
        ](Path(sys.argv[1]))
    print(json.dumps(answer))
