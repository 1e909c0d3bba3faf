"""Following objects through frames with SAM 2: its memory, bounded, and all objects of a prompt in one batch."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np

from videotracks.errors import ModelError
from videotracks.masks.sam2.features import CACHE_BYTES, Computing, FrameFeatures
from videotracks.masks.segmenters import Frames, Prompt, PromptError

#: Objects that go through the network together. A GPU is idle most of the time with one; a CPU is not, and would only
#: need more memory.
BATCH = {"cpu": 1, "cuda": 16}
#: Logits that are scaled to the size of the video at a time: 256 MB in single precision.
_SCALED_AT_ONCE = 64_000_000


class Sam2Session:
    """One view that is being followed (``segmenters.Session``) by a SAM 2 video predictor.

    The state that sam2 keeps is made here rather than by its ``init_state``, which reads a folder of pictures: frames
    come from the window on demand. Objects are prompted one by one, as sam2 has it, and then propagated in batches,
    which it has no function for; the result is that of ``propagate_in_video`` for each alone. Logits leave sam2 at a
    quarter of its image size and are scaled to the video here, a few at a time.
    """

    def __init__(
        self,
        network: Any,
        frames: Frames,
        width: int,
        height: int,
        computing: Computing,
        *,
        cache_bytes: int = CACHE_BYTES,
    ) -> None:
        self._network, self._frames, self._computing = network, frames, computing
        self._width, self._height = width, height
        self.features = FrameFeatures(network, frames, computing, cache_bytes)
        self._state = self._empty_state()
        self._prompted: int | None = None
        self._count = 0
        self.batches: list[dict[str, dict[int, Any]]] = []

    @property
    def seconds(self) -> dict[str, float]:
        """Seconds spent so far by stage: ``encode``, ``prompt``, ``propagate``."""
        return dict(self._computing.seconds)

    def prompt(self, position: int, prompts: Sequence[Prompt]) -> np.ndarray:
        """Forget the objects followed so far, take these, and return their masks in that frame, bool[N, H, W].

        ``PromptError`` names a prompt that is empty, of another size, outside the video, or a mask so small that
        nothing of it is left at the network's resolution.
        """
        for index, prompt in enumerate(prompts):
            _check(index, prompt, self._width, self._height)
        self.batches, self._prompted, self._count = [], None, 0
        with self._computing.stage("prompt"):
            outputs = [self._condition(position, index, prompt) for index, prompt in enumerate(prompts)]
            size = BATCH[self._computing.device]
            joined = [_joined(outputs[at : at + size]) for at in range(0, len(outputs), size)]
            masks = self._masks([output["pred_masks"] for output in joined])
        self.batches = [{"cond_frame_outputs": {position: out}, "non_cond_frame_outputs": {}} for out in joined]
        self._prompted, self._count = position, len(prompts)
        return masks

    def propagate(self, last: int) -> Iterator[tuple[int, np.ndarray]]:
        """Follow the objects from the prompted frame to position ``last`` (included), forward or backward.

        Yields the position and the masks bool[N, H, W] of each frame after the prompted one. Memory does not grow
        with the length: what the network's memory no longer reaches is let go.
        """
        first = self._prompted
        if first is None:
            raise ModelError("nothing is followed: prompt the session before propagating")
        if not 0 <= last < len(self._frames):
            raise IndexError(f"position {last} of {len(self._frames)} frames")
        step = 1 if last >= first else -1
        for position in range(first + step, last + step, step):
            if self._prompted != first:
                raise ModelError("the session was prompted anew while it propagated; begin again")
            yield position, self.follow(position, reverse=step < 0)

    def follow(self, position: int, *, reverse: bool) -> np.ndarray:
        """The masks bool[N, H, W] of one frame, with the memory of those before it in the direction of time."""
        with self._computing.stage("propagate"):
            logits = []
            for batch in self.batches:
                count = len(next(iter(batch["cond_frame_outputs"].values()))["obj_ptr"])
                output, low = self._network._run_single_frame_inference(
                    inference_state=self._state, output_dict=batch, frame_idx=position, batch_size=count,
                    is_init_cond_frame=False, point_inputs=None, mask_inputs=None, reverse=reverse,
                    run_mem_encoder=True,
                )  # fmt: skip
                batch["non_cond_frame_outputs"][position] = output
                self._forget(batch["non_cond_frame_outputs"], position)
                logits.append(low)
            return self._masks(logits)

    def release(self, first: int, last: int) -> None:
        """Let go of everything computed of frames outside positions ``first`` to ``last`` (included).

        The memory of the prompted frame stays, as long as its objects are followed.
        """
        self.features.release(first, last)
        for batch in self.batches:
            outputs = batch["non_cond_frame_outputs"]
            for position in [p for p in outputs if not first <= p <= last]:
                del outputs[position]

    def _empty_state(self) -> dict[str, Any]:
        """What ``SAM2VideoPredictor.init_state`` makes, of our frames, with logits left at sam2's own size."""
        import torch

        device, logits_size = torch.device(self._computing.device), self._network.image_size // 4
        by_object = (
            "point_inputs_per_obj", "mask_inputs_per_obj", "obj_id_to_idx", "obj_idx_to_id", "output_dict_per_obj",
            "temp_output_dict_per_obj", "frames_tracked_per_obj", "constants",
        )  # fmt: skip
        return {
            "images": None, "num_frames": len(self._frames), "offload_video_to_cpu": False,
            "offload_state_to_cpu": False, "video_height": logits_size, "video_width": logits_size, "device": device,
            "storage_device": device, "cached_features": self.features, "obj_ids": [],
            **{name: {} for name in by_object},
        }  # fmt: skip

    def _condition(self, position: int, index: int, prompt: Prompt) -> dict[str, Any]:
        """What the network remembers of one object in the prompted frame; alone in the state, whose upkeep would else
        grow with the square of the objects."""
        network, state = self._network, self._state
        network.reset_state(state)
        if prompt.mask is not None:
            network.add_new_mask(state, position, 0, prompt.mask)
            if not state["mask_inputs_per_obj"][0][position].any():
                raise PromptError(index, f"the mask of {int(prompt.mask.sum())} px vanishes at {network.image_size} px")
        else:
            box = np.array(prompt.box, "f4") / np.array([self._width, self._height] * 2, "f4")
            network.add_new_points_or_box(state, position, 0, box=box, normalize_coords=False)
        network.propagate_in_video_preflight(state)
        output: dict[str, Any] = state["output_dict_per_obj"][0]["cond_frame_outputs"][position]
        network.reset_state(state)
        return output

    def _forget(self, outputs: dict[int, Any], position: int) -> None:
        """Let go of what no later step can reach: neither from here on, nor from the prompted frame the other way.

        Memories reach less far back than object pointers, and are nearly all of the bytes.
        """
        network, prompted = self._network, self._prompted
        memories = network.num_maskmem * network.memory_temporal_stride_for_eval
        pointers = max(memories, network.max_obj_ptrs_in_encoder)
        for earlier in list(outputs):
            distance = min(abs(earlier - position), abs(earlier - (prompted or 0)))
            if distance > pointers:
                del outputs[earlier]
            elif distance > memories:
                outputs[earlier] = {"obj_ptr": outputs[earlier]["obj_ptr"]}

    def _masks(self, logits: Sequence[Any]) -> np.ndarray:
        """Masks bool[N, H, W] at the size of the video of logits [n, 1, h, w] each."""
        from torch.nn.functional import interpolate

        size, found = (self._height, self._width), np.zeros((0, self._height, self._width), bool)
        chunk, parts = max(1, _SCALED_AT_ONCE // (self._width * self._height)), [found]
        for group in logits:
            for at in range(0, len(group), chunk):
                scaled = interpolate(group[at : at + chunk].float(), size=size, mode="bilinear", align_corners=False)
                parts.append((scaled[:, 0] > 0).cpu().numpy())
        return np.concatenate(parts)


def _joined(outputs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What is remembered of several objects as one batch."""
    import torch

    names = ("maskmem_features", "pred_masks", "obj_ptr", "object_score_logits")
    joined: dict[str, Any] = {name: torch.cat([output[name] for output in outputs]) for name in names}
    encodings = outputs[0]["maskmem_pos_enc"]
    joined["maskmem_pos_enc"] = [tensor.expand(len(outputs), *tensor.shape[1:]) for tensor in encodings]
    return joined


def _check(index: int, prompt: Prompt, width: int, height: int) -> None:
    if (prompt.mask is None) == (prompt.box is None):
        raise PromptError(index, "expected a mask or a box, exactly one of the two")
    if prompt.mask is not None:
        if prompt.mask.shape != (height, width) or prompt.mask.dtype != bool:
            found = f"{prompt.mask.dtype}{list(prompt.mask.shape)}"
            raise PromptError(index, f"expected a mask bool[{height}, {width}], got {found}")
        if not prompt.mask.any():
            raise PromptError(index, "the mask is empty")
        return
    box = np.asarray(prompt.box, "f8")
    if box.shape != (4,) or not np.isfinite(box).all():
        raise PromptError(index, f"expected a box x0, y0, x1, y1 in px, got {prompt.box}")
    inside = np.clip(box, 0, [width, height] * 2)
    if not (inside[2:] > inside[:2]).all():
        raise PromptError(index, f"the box {prompt.box} holds nothing of a video of {width} x {height} px")
