# SPDX-License-Identifier: Apache-2.0
"""Small inputs of images: an EfficientNet-Lite0 with random weights, and folders of colours."""
import json
import random

import numpy as np
from PIL import Image
from safetensors.numpy import save_file

# Blocks, kernel, expansion and width of each stage.
STAGES = ((1, 3, 1, 16), (2, 3, 6, 24), (2, 5, 6, 40), (3, 3, 6, 80), (3, 5, 6, 112),
          (4, 5, 6, 192), (1, 3, 6, 320))
COLOURS = {"blue": (60, 60, 200), "green": (60, 200, 60), "red": (200, 60, 60)}


class _Weights:
    """Tensors in timm's names, random so that every layer's outputs have about the same size."""

    def __init__(self, seed):
        self.tensors = {}
        self._generator = np.random.default_rng(seed)

    def convolution(self, name, out, per_group, kernel, norm):
        scale = (2 / (per_group * kernel * kernel)) ** 0.5
        self.tensors[f"{name}.weight"] = self._generator.normal(
            0, scale, (out, per_group, kernel, kernel)).astype(np.float32)
        for part, value in (("weight", 1), ("bias", 0), ("running_mean", 0), ("running_var", 1)):
            self.tensors[f"{norm}.{part}"] = np.full(out, value, np.float32)

    def block(self, name, before, width, kernel, expansion):
        inner, norm = before * expansion, 1
        if expansion > 1:
            self.convolution(f"{name}.conv_pw", inner, before, 1, f"{name}.bn1")
            norm = 2
        self.convolution(f"{name}.conv_dw", inner, 1, kernel, f"{name}.bn{norm}")
        last = "conv_pwl" if expansion > 1 else "conv_pw"
        self.convolution(f"{name}.{last}", width, inner, 1, f"{name}.bn{norm + 1}")


def make_image_model(folder, seed=0):
    """A timm folder without a classifier, which wants images of 64 pixels."""
    weights = _Weights(seed)
    weights.convolution("conv_stem", 32, 3, 3, "bn1")
    before = 32
    for stage, (count, kernel, expansion, width) in enumerate(STAGES):
        for index in range(count):
            weights.block(f"blocks.{stage}.{index}", before, width, kernel, expansion)
            before = width
    weights.convolution("conv_head", 1280, before, 1, "bn2")
    folder.mkdir()
    save_file(weights.tensors, folder / "model.safetensors", metadata={"format": "pt"})
    config = {"architecture": "tf_efficientnet_lite0", "num_classes": 0,
              "pretrained_cfg": {"input_size": [3, 64, 64], "mean": [0.5] * 3, "std": [0.5] * 3,
                                 "interpolation": "bicubic", "crop_pct": 0.875}}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    return folder


def draw(path, colour, choice):
    """A noisy picture of one colour, of any shape."""
    size = choice.randint(40, 90), choice.randint(40, 90)
    tint = [min(255, max(0, value + choice.randint(-40, 40))) for value in COLOURS[colour]]
    noise = np.random.default_rng(choice.getrandbits(32)).integers(-30, 30, (size[1], size[0], 3))
    pixels = np.clip(np.array(tint) + noise, 0, 255).astype(np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)
    return path


def make_pictures(folder, each, seed=0):
    """A folder of JPEG and PNG files for each colour."""
    choice = random.Random(seed)
    for colour in COLOURS:
        for index in range(each):
            draw(folder / colour / f"{index:03}{'.jpg' if index % 2 else '.png'}", colour, choice)
    return folder
