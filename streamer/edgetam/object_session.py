"""One object's session of transformers' streaming loop, pruned to what the loop still reads."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from streamer.edgetam.memory import Capacity

ONLY = 1  # the object's id in its own session
READ = ("maskmem_features", "maskmem_pos_enc", "object_pointer")  # of an output, by later frames


@dataclass(slots=True, eq=False)
class ObjectSession:
    """Memory of one object: transformers' own session, in which a step is one tracked frame."""

    new_session: Callable[[], Any]  # an empty session of the model's processor
    capacity: Capacity
    step: int = 0
    session: Any = field(init=False)

    def __post_init__(self) -> None:
        self.session = self.new_session()
        self.session.obj_id_to_idx(ONLY)

    @property
    def prompted(self) -> dict[int, dict[str, Any]]:
        """Outputs of prompted steps."""
        outputs: dict[int, dict[str, Any]] = self.session.output_dict_per_obj[0]["cond_frame_outputs"]
        return outputs

    @property
    def tracked(self) -> dict[int, dict[str, Any]]:
        """Outputs of steps without a prompt."""
        outputs: dict[int, dict[str, Any]] = self.session.output_dict_per_obj[0]["non_cond_frame_outputs"]
        return outputs

    def copy(self) -> ObjectSession:
        """As it is now; what is remembered later changes one of them alone."""
        other = ObjectSession(self.new_session, self.capacity, self.step)
        other.prompted.update(self.prompted)
        other.tracked.update(self.tracked)
        return other

    def forget_recent(self) -> None:
        """Keep only what was prompted."""
        self.tracked.clear()

    def finish(self, *, remember: bool) -> None:
        """End this step: drop the frame, the prompt and every output that no later step reads."""
        if not remember:
            self.tracked.pop(self.step, None)
        self.step += 1
        self.session.processed_frames.clear()
        self.session.cache.clear_all()
        for inputs in (self.session.point_inputs_per_obj, self.session.mask_inputs_per_obj):
            inputs[0].clear()
        self.session.frames_tracked_per_obj[0].clear()  # asked for the frame at hand alone
        self._prune()

    def _prune(self) -> None:
        while len(self.prompted) > self.capacity.conditioning:
            steps = sorted(self.prompted)
            del self.prompted[steps[1 if self.capacity.conditioning > 1 else 0]]  # the first prompt is the surest
        for step in [step for step in self.tracked if self.step - step > self.capacity.pointers]:
            del self.tracked[step]
        for outputs in (self.prompted, self.tracked):
            for step, output in outputs.items():
                outputs[step] = {name: output[name] for name in self._read_of(step, outputs) if name in output}

    def _read_of(self, step: int, outputs: dict[int, dict[str, Any]]) -> tuple[str, ...]:
        """Of a step too old for memory attention the pointer alone is read."""
        is_old = outputs is self.tracked and self.step - step > self.capacity.recent
        return ("object_pointer",) if is_old else READ
