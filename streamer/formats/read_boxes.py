"""CVAT's XML and MOTS' text as annotations."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from xml.etree import ElementTree as ET

import numpy as np

from streamer.errors import UsageError
from streamer.formats.annotation import Annotation, Footage, id_of
from streamer.formats.label_images import MOTS_INSTANCES
from streamer.formats.outlines import filled
from streamer.formats.read_json import shape_of
from streamer.types import Prompt

ENTITY = re.compile(r"<!(?:DOCTYPE|ENTITY)")  # an XML bomb needs one; CVAT writes none


def of_cvat(path: Path, footage: Footage) -> Iterator[Annotation]:
    """Key frames of tracks, and shapes of images: polygons, boxes and masks. Raises UsageError."""
    root = _parsed(path)
    for place, track in enumerate(root.iter("track"), 1):
        number = _attribute(track, "track_id") or str(place)
        for shape in track:
            where = f"{path}: track {track.get('id')}, frame {shape.get('frame')}"
            if shape.get("keyframe", "1") == "1" and shape.get("outside", "0") != "1":
                yield Annotation(_frame(shape, where), id_of(number, where), partial(_shape, shape, footage), where)
    for image in root.iter("image"):
        for shape in image:
            where = f"{path}: image {image.get('id')}"
            found = id_of(_attribute(shape, "track_id") or None, where)
            if shape.tag in ("polygon", "box", "mask"):
                yield Annotation(int(image.get("id", 0)), found, partial(_shape, shape, footage), where)


def _parsed(path: Path) -> ET.Element:
    try:
        text = path.read_text(encoding="utf-8")
        if ENTITY.search(text):
            raise UsageError(f"{path}: declares entities, which CVAT does not")
        root = ET.fromstring(text)
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from error
    except (ET.ParseError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not XML: {error}") from error
    if root.tag != "annotations":
        raise UsageError(f"{path}: its root is <{root.tag}>, not CVAT's <annotations>")
    return root


def _attribute(element: ET.Element, name: str) -> str:
    return next((found.text or "" for found in element.iter("attribute") if found.get("name") == name), "")


def _frame(shape: ET.Element, where: str) -> int:
    text = shape.get("frame", "")
    if not text.isdecimal():
        raise UsageError(f"{where}: is not the number of a frame")
    return int(text)


def _shape(shape: ET.Element, footage: Footage) -> Prompt:
    match shape.tag:
        case "polygon":
            points = [tuple(map(float, point.split(","))) for point in shape.attrib["points"].split(";")]
            return Prompt(mask=filled([np.asarray(points, np.float64)], footage.width, footage.height))
        case "box":
            x0, y0, x1, y1 = (float(shape.attrib[key]) for key in ("xtl", "ytl", "xbr", "ybr"))
            return Prompt(box=(x0, y0, x1, y1))
        case "mask":
            return Prompt(mask=_cvat_mask(shape, footage))
        case other:
            raise ValueError(f"a {other} is no prompt; use polygons, boxes or masks")


def _cvat_mask(shape: ET.Element, footage: Footage) -> np.ndarray:
    """CVAT's own run lengths: rows of the box, the first run is outside."""
    left, top, width, height = (int(shape.attrib[key]) for key in ("left", "top", "width", "height"))
    runs = [int(run) for run in shape.attrib["rle"].split(",")]
    values = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    mask = np.zeros((footage.height, footage.width), np.bool_)
    mask[top : top + height, left : left + width] = values.reshape(height, width)
    return mask


def of_mots(path: Path, footage: Footage) -> Iterator[Annotation]:
    """Lines of MOTSChallenge: frame (from 1), number, class, height, width, run lengths. Raises UsageError."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read as text: {error}") from error
    for row, line in enumerate(lines, 1):
        where = f"{path}: line {row}"
        fields = line.split(" ")
        if len(fields) != 6 or not all(field.isdecimal() for field in fields[:5]):
            raise UsageError(f"{where}: is not `frame id class height width rle`")
        frame, number, _, height, width = map(int, fields[:5])
        shape = partial(shape_of, {"size": [height, width], "counts": fields[5]}, None, footage)
        yield Annotation(frame - 1, id_of(number % MOTS_INSTANCES or number, where), shape, where)
