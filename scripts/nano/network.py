"""One clip through the network, as the tracker would run it, with everything that a loss needs kept."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from nano import prompts
from nano.losses import LOSS_SIDE, judge
from streamer.edgetam.graphs import Bank, Features, ImageEncoder, MaskDecoder, Masks
from streamer.edgetam.memory_graphs import MemoryAttention, MemoryEncoder

CLICK, BOX, MASK = 0, 1, 2
TRUE_MEMORY = 0.3  # how often a first memory is written from the true mask, so that tracking learns from good ones
CORRECTED = 0.12  # how often a tracked frame gets a correction click
MISLED = 0.15  # how often a tracked frame's memory is written from a neighbour's mask, so that scores learn to doubt
POINTERS = 15


class Network(nn.Module):
    """The trainable parts, each borrowed from one transformers model."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.images = ImageEncoder(model)
        self.attention = MemoryAttention(model)
        self.decoder = MaskDecoder(model)
        self.memory = MemoryEncoder(model)

    def no_memory(self, features: Features) -> Features:
        top = features.top_gchw + self.model.no_memory_embedding[0, 0, :, None, None]
        return Features(features.s0_gchw, features.s1_gchw, top)


@dataclass(slots=True)
class Tally:
    """Sums over the frames of a step, for the loss and for the log."""

    losses: list[Tensor] = field(default_factory=list)
    ious: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, judged_iou_bn: Tensor, selected_b: Tensor, present_b: Tensor) -> None:
        row = torch.arange(len(selected_b))
        for kind, value in (("best", judged_iou_bn.max(1).values), ("chosen", judged_iou_bn[row, selected_b])):
            self.ious.setdefault(f"{name} {kind}", []).extend(value[present_b].tolist())


@dataclass(slots=True, eq=False)
class Step:
    """Tensors of one clip batch: `g` clips with `k` targets each make `b = g * k` objects."""

    masks_tbhw: NDArray[np.bool_]
    true_tbhw: Tensor  # at LOSS_SIDE
    image_of_b: Tensor
    rng: np.random.Generator

    @classmethod
    def of(cls, masks_gtkhw: NDArray[np.bool_], rng: np.random.Generator) -> Step:
        clips, frames, targets = masks_gtkhw.shape[:3]
        masks = masks_gtkhw.transpose(1, 0, 2, 3, 4).reshape(frames, clips * targets, *masks_gtkhw.shape[3:])
        true = F.interpolate(torch.from_numpy(masks).float(), size=(LOSS_SIDE, LOSS_SIDE), mode="area")
        return cls(masks, true, torch.arange(clips).repeat_interleave(targets), rng)


def run(net: Network, maps: list[Tensor], step: Step) -> Tally:
    """The loss over all frames; `maps` are the backbone's, (g * t) images each."""
    frames = len(step.masks_tbhw)
    clips = len(maps[0]) // frames
    pyramid = net.images.pyramid(maps)
    tally = Tally()
    memories: list[Tensor] = []
    pointers: list[Tensor] = []
    prompted: list[bool] = []
    for t in range(frames):
        at = torch.arange(clips) * frames + t
        features = Features(pyramid.s0_gchw[at], pyramid.s1_gchw[at], pyramid.top_gchw[at])
        of_b = step.image_of_b
        objects = Features(features.s0_gchw[of_b], features.s1_gchw[of_b], features.top_gchw[of_b])
        if t == 0:
            masks, hard = first_frame(net, objects, step, tally)
        else:
            bank = remembered(memories, pointers, prompted)
            top = net.attention(features.top_gchw, step.image_of_b, bank)
            conditioned = Features(objects.s0_gchw, objects.s1_gchw, top)
            masks, hard = tracked_frame(net, conditioned, step, t, tally)
        if t + 1 < frames:
            memories.append(write(net, objects, masks, hard, step, t))
            pointers.append(masks.pointer_bc)
            prompted.append(bool(hard))
    return tally


def write(net: Network, objects: Features, masks: Masks, hard: bool, step: Step, t: int) -> Tensor:
    size = step.masks_tbhw.shape[-1]
    logits = F.interpolate(masks.logits_bhw[:, None], size=(size, size), mode="bilinear", align_corners=False)
    if t == 0:
        true = torch.from_numpy(step.masks_tbhw[0])[:, None].float() * 20 - 10
        use_true = torch.from_numpy(step.rng.random(len(true)) < TRUE_MEMORY)[:, None, None, None]
        logits = torch.where(use_true, true, logits)
    seen_b = masks.object_logit_b
    if t > 0:
        other_b = neighbours(step, t)
        misled_b = torch.from_numpy((other_b >= 0) & (step.rng.random(len(other_b)) < MISLED))
        wrong = torch.from_numpy(step.masks_tbhw[t, other_b])[:, None].float() * 20 - 10
        logits = torch.where(misled_b[:, None, None, None], wrong, logits)
        seen_b = torch.where(misled_b, 10.0, seen_b)
    flags = torch.full((len(logits),), hard)
    return net.memory(objects.top_gchw, logits, seen_b, flags)


def neighbours(step: Step, t: int) -> NDArray[np.intp]:
    """For each object another one of its clip that can be seen on frame t; -1 where there is none."""
    masks_bhw, image_b = step.masks_tbhw[t], step.image_of_b.numpy()
    chosen = np.full(len(masks_bhw), -1)
    for row, mask in enumerate(masks_bhw):
        others = [
            n
            for n in np.nonzero(image_b == image_b[row])[0]
            if masks_bhw[n].any() and not (masks_bhw[n] & mask).any() and n != row
        ]
        if others:
            chosen[row] = step.rng.choice(others)
    return chosen


def remembered(memories: list[Tensor], pointers: list[Tensor], prompted: list[bool]) -> Bank:
    """The bank at the next frame: prompted frames have no age, the last six others do."""
    now = len(memories)
    chosen = [i for i in range(now) if prompted[i]] + [i for i in range(now) if not prompted[i] and now - i <= 6]
    rows = [6 if prompted[i] else now - i - 1 for i in chosen]
    batch = len(memories[0])
    ages = [now - i for i in range(now)]
    return Bank(
        torch.stack([memories[i] for i in chosen], 1),
        torch.tensor(rows).expand(batch, -1),
        torch.stack(pointers[-POINTERS:], 1),
        torch.tensor(ages[-POINTERS:], dtype=torch.float32).expand(batch, -1),
    )


def first_frame(net: Network, objects: Features, step: Step, tally: Tally) -> tuple[Masks, bool]:
    """Each object is pointed at in one of three ways; the answers are put back in order."""
    kinds = step.rng.choice([CLICK, BOX, MASK], len(step.image_of_b), p=[0.4, 0.35, 0.25])
    if len(step.masks_tbhw) == 1:
        kinds = step.rng.choice([CLICK, BOX], len(step.image_of_b))
    parts: list[tuple[NDArray[np.intp], Masks]] = []
    for kind in (CLICK, BOX, MASK):
        rows = np.nonzero(kinds == kind)[0]
        if len(rows):
            parts.append((rows, prompt(net, objects, step, int(kind), rows, tally)))
    order = torch.from_numpy(np.argsort(np.concatenate([rows for rows, _ in parts])))
    joined = Masks(
        *(
            torch.cat([getattr(masks, name) for _, masks in parts])[order]
            for name in ("logits_bhw", "predicted_iou_b", "object_logit_b", "pointer_bc")
        )
    )
    return joined, True


def prompt(net: Network, objects: Features, step: Step, kind: int, rows: NDArray[np.intp], tally: Tally) -> Masks:
    index = torch.from_numpy(rows)
    some = Features(objects.s0_gchw[index], objects.s1_gchw[index], objects.top_gchw[index])
    masks = step.masks_tbhw[0, rows]
    if kind == MASK:
        return net.decoder.from_mask(some, torch.from_numpy(masks)[:, None].float())
    multimask = kind == CLICK or step.rng.random() < 0.3
    if kind == CLICK:
        points = np.array([[prompts.click(mask, step.rng)] for mask in masks], np.float32)
        labels = np.ones(points.shape[:2], np.int32)
    else:
        points = np.array([prompts.box(mask, step.rng) for mask in masks], np.float32).reshape(-1, 2, 2)
        labels = np.tile(np.int32([2, 3]), (len(rows), 1))
    name = "click" if kind == CLICK else "box"
    given = torch.from_numpy(points), torch.from_numpy(labels)
    return decide(net, net.no_memory(some), given, None, step.true_tbhw[0, index], tally, name, multimask=multimask)


def tracked_frame(net: Network, conditioned: Features, step: Step, t: int, tally: Tally) -> tuple[Masks, bool]:
    batch = len(step.image_of_b)
    nothing = torch.zeros(batch, 1, 2), torch.full((batch, 1), -1, dtype=torch.int32)
    masks = decide(net, conditioned, nothing, None, step.true_tbhw[t], tally, "tracked", multimask=True)
    if step.rng.random() >= CORRECTED:
        return masks, False
    size = step.masks_tbhw.shape[-1]
    wide = F.interpolate(masks.logits_bhw[:, None].detach(), size=(size, size), mode="bilinear", align_corners=False)
    clicks = [
        prompts.correction(predicted, true, step.rng)
        for predicted, true in zip((wide[:, 0] > 0).numpy(), step.masks_tbhw[t], strict=True)
    ]
    points = torch.tensor([[c[:2]] for c in clicks])
    labels = torch.tensor([[c[2]] for c in clicks], dtype=torch.int32)
    previous = masks.logits_bhw[:, None].detach().clamp(-32, 32)
    given = points, labels
    return decide(net, conditioned, given, previous, step.true_tbhw[t], tally, "corrected", multimask=True), True


def decide(
    net: Network,
    features: Features,
    given: tuple[Tensor, Tensor],
    previous: Tensor | None,
    true_bhw: Tensor,
    tally: Tally,
    name: str,
    *,
    multimask: bool,
) -> Masks:
    """Decode, add the loss to the tally, and choose as the tracker chooses."""
    logits, ious, tokens, object_logits = net.decoder.candidates(features, *given, previous, multimask=multimask)
    judged = judge(logits, ious, object_logits, true_bhw)
    tally.losses.append(judged.loss)
    best = ious.argmax(dim=1)
    present = (true_bhw > 0.5).flatten(1).any(dim=1)
    tally.add(name, judged.iou_bn, best, present)
    right = ((object_logits > 0) == present).float()
    tally.ious.setdefault("absent seen as absent", []).extend(right[~present].tolist())
    tally.ious.setdefault("present seen as present", []).extend(right[present].tolist())
    row = torch.arange(len(best))
    seen = object_logits > 0
    return Masks(
        torch.where(seen[:, None, None], logits[row, best], -1024.0),
        ious[row, best],
        object_logits,
        net.decoder.pointer(tokens[row, best if tokens.shape[1] > 1 else 0], seen),
    )
