"""CVAT for video 1.1: `annotations.xml` with a track of polygons for each object."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

from streamer.formats.frames import AnnotatedFrame, Clip, save, save_image
from streamer.formats.outlines import outline
from streamer.types import Track

FILE = "annotations.xml"


class CvatWriter:
    """CVAT has no tracks of masks, so a mask is one polygon; a frame without the object is `outside`."""

    def __init__(self, folder: Path, clip: Clip) -> None:
        self._folder = folder
        self._clip = clip
        self._tracks: dict[int, ET.Element] = {}
        self._last: dict[int, str] = {}  # the points of each object that is there
        self._count = 0
        self._size = (0, 0)

    def add(self, frame: AnnotatedFrame) -> None:
        save_image(self._folder / "images" / f"frame_{frame.index:06d}.jpg", frame)
        self._count = max(self._count, frame.index + 1)
        self._size = (frame.width, frame.height)
        for track in frame.seen:
            assert track.box is not None
            points = ";".join(f"{x:.2f},{y:.2f}" for x, y in outline(track.mask, track.box))
            self._add(track.object_id, frame.index, points, track)
            self._last[track.object_id] = points
        for object_id in self._last.keys() - {track.object_id for track in frame.seen}:
            self._add(object_id, frame.index, self._last.pop(object_id), None)

    def _add(self, object_id: int, index: int, points: str, track: Track | None) -> None:
        occluded = track is not None and track.state != "tracked"
        polygon = ET.SubElement(
            self._of(object_id),
            "polygon",
            frame=str(index),
            keyframe="1",
            outside=str(int(track is None)),
            occluded=str(int(occluded)),
            points=points,
            z_order="0",
        )
        ET.SubElement(polygon, "attribute", name="track_id").text = str(object_id)

    def _of(self, object_id: int) -> ET.Element:
        if object_id not in self._tracks:
            label = self._clip.category(object_id)
            self._tracks[object_id] = ET.Element("track", id=str(object_id), label=label, source="semi-auto")
        return self._tracks[object_id]

    def close(self) -> None:
        root = ET.Element("annotations")
        ET.SubElement(root, "version").text = "1.1"
        root.append(self._meta())
        root.extend(self._tracks[object_id] for object_id in sorted(self._tracks))
        ET.indent(root)
        save(self._folder / FILE, ET.tostring(root, encoding="utf-8", xml_declaration=True))

    def _meta(self) -> ET.Element:
        meta = ET.Element("meta")
        task = ET.SubElement(meta, "task")
        last = str(max(0, self._count - 1))
        about = {"id": "0", "name": self._clip.name, "size": str(self._count), "mode": "interpolation"}
        about |= {"overlap": "0", "flipped": "False", "start_frame": "0", "stop_frame": last}
        for key, value in about.items():
            ET.SubElement(task, key).text = value
        labels = ET.SubElement(task, "labels")
        for name in sorted({self._clip.category(object_id) for object_id in self._tracks}) or ["object"]:
            labels.append(_label(name))
        size = ET.SubElement(task, "original_size")
        ET.SubElement(size, "width").text, ET.SubElement(size, "height").text = map(str, self._size)
        return meta


def _label(name: str) -> ET.Element:
    label = ET.Element("label")
    ET.SubElement(label, "name").text = name
    attribute = ET.SubElement(ET.SubElement(label, "attributes"), "attribute")
    for key, value in (("name", "track_id"), ("mutable", "False"), ("input_type", "number")):
        ET.SubElement(attribute, key).text = value
    for key, value in (("default_value", "0"), ("values", "0;2147483647;1")):
        ET.SubElement(attribute, key).text = value
    return label
