"""Averaging the weights of checkpoints."""

import pytest
import torch
from average_checkpoints import average, share
from safetensors.torch import save_file


def checkpoint(folder, value, size=2):
    folder.mkdir()
    save_file({"w": torch.full((size,), value).half(), "n": torch.tensor([3])}, folder / "model.safetensors")
    return folder


def test_each_weight_is_the_weighted_mean_and_counters_stay(tmp_path):
    a, b = checkpoint(tmp_path / "a", 1.0), checkpoint(tmp_path / "b", 3.0)
    mean = average([(a, 0.25), (b, 0.75)])
    assert mean["w"].tolist() == [2.5, 2.5]
    assert mean["w"].dtype == torch.float16
    assert mean["n"].tolist() == [3]


def test_other_architectures_and_folders_without_weights_are_refused(tmp_path):
    a, b = checkpoint(tmp_path / "a", 1.0), checkpoint(tmp_path / "b", 3.0, size=3)
    with pytest.raises(ValueError, match="average one architecture"):
        average([(a, 0.5), (b, 0.5)])
    with pytest.raises(Exception, match=r"holds no model\.safetensors"):
        share(f"{tmp_path}=0.5")
    with pytest.raises(Exception, match="write FOLDER=SHARE"):
        share(str(a))
