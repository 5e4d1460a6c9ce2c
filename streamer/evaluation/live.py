"""What a user sees of a clip that plays in real time, on a virtual clock."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Protocol

from streamer.config.settings import MotionSettings
from streamer.evaluation.davis import Answer, Answers, Clip
from streamer.masks import box_of
from streamer.motion.carrier import MaskCarrier, ModelAnswer
from streamer.motion.carry import Standing
from streamer.motion.need import StepBudget, chosen, need_of
from streamer.types import Frame, Prompt, Track

EPSILON = 1e-9  # seconds: two ways to compute the same moment
