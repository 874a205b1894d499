#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite against plain PyTorch: same weights, same batches, no dropout, no augmentation.

    ATTUNE_BIN_DIR=build/bin python tests/parity/efficientnet_parity.py

Bases are random ones of each size, made here in timm's layout. The peer is torch_efficientnet.py, and autograd.
Where timm can be imported, what we export is loaded by timm and by transformers' AutoModelForImageClassification as
well.
"""
import base64
import importlib.util
import io
import json
import math
import os
import subprocess
import tarfile
import tempfile
import unittest

import numpy
import torch
import torch.nn.functional as F
import transformers
from PIL import Image
from safetensors.torch import load_file, save_file

from torch_efficientnet import WIDTHS, Net, blocks

BIN = os.path.join(os.environ["ATTUNE_BIN_DIR"], "attune-trainer")
LABELS = ["blue", "green", "red"]
SIDE, STEPS, BATCH = 64, 50, 8
MEAN, STD = 127 / 255, 128 / 255
# Where rounding puts a value on the other side of one of ReLU6's bends, its gradient jumps, and fifty random layers
# make much of it: PyTorch in fp32 and in fp64 are 2e-3 apart after 25 common steps. So most activations lie between the
# bends (CALM), and steps are small and, by an epsilon above most gradients, no function of their signs alone.
RATE, EPSILON, CALM = 5e-5, 0.1, 2.5


def random_tensors(lite, classes, shift):
    """Norms far from the identity; those before an activation shift by about `shift`."""
    torch.manual_seed(20 + lite)
    tensors = {}

    def add(convolution, norm, *shape, act=True):
        fan = math.prod(shape[1:])
        tensors[f"{convolution}.weight"] = torch.randn(shape) * math.sqrt(2 / fan)
        tensors[f"{norm}.weight"] = 1 + 0.2 * torch.randn(shape[0])
        tensors[f"{norm}.bias"] = (shift if act else 0) + 0.2 * torch.randn(shape[0])
        tensors[f"{norm}.running_mean"] = torch.zeros(shape[0])
        tensors[f"{norm}.running_var"] = torch.ones(shape[0])

    add("conv_stem", "bn1", 32, 3, 3, 3)
    for name, before, width, kernel, _, expansion in blocks(lite):
        wide = before * expansion
        if expansion > 1:
            add(f"{name}.conv_pw", f"{name}.bn1", wide, before, 1, 1)
        add(f"{name}.conv_dw", f"{name}.bn{2 if expansion > 1 else 1}", wide, 1, kernel, kernel)
        add(f"{name}.conv_pw{'l' if expansion > 1 else ''}", f"{name}.bn{3 if expansion > 1 else 2}", width, wide, 1, 1,
            act=False)
    add("conv_head", "bn2", 1280, WIDTHS[lite][-1], 1, 1)
    tensors["classifier.weight"], tensors["classifier.bias"] = torch.randn(classes, 1280) * 0.01, torch.randn(classes)
    net = Net(lite, tensors)
    net.batch_statistics = True
    with torch.no_grad():  # statistics as training leaves them
        for _ in range(40):
            net(torch.rand(16, 3, SIDE, SIDE) * 2 - 1)
    return net.t


def write_base(folder, lite, shift=0.0):
    os.makedirs(folder)
    tensors = random_tensors(lite, len(LABELS), shift)
    save_file(tensors, os.path.join(folder, "model.safetensors"), metadata={"format": "pt"})
    config = {"architecture": f"tf_efficientnet_lite{lite}", "num_classes": len(LABELS), "label_names": LABELS,
              "pretrained_cfg": {"input_size": [3, SIDE, SIDE], "mean": [MEAN] * 3, "std": [STD] * 3,
                                 "interpolation": "bicubic", "crop_pct": 1.0, "num_classes": len(LABELS),
                                 "first_conv": "conv_stem", "classifier": "classifier"}}
    with open(os.path.join(folder, "config.json"), "w", encoding="utf-8") as f:
        json.dump(config, f)


def make_images(count, seed):
    """Pictures of SIDE × SIDE, so that none is resized, whose class is the colour they have more of, class by class:
    (pixels, label)."""
    rng = numpy.random.default_rng(seed)
    images = []
    for i in range(count):
        pixels = rng.integers(0, 200, (SIDE, SIDE, 3)).astype(numpy.uint8)
        label = i * len(LABELS) // count
        pixels[..., 2 - label] += 25
        images.append((pixels, label))
    return images


def png(pixels):
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def write_tar(path, images):
    """Names in the order of the list, since attune orders a dataset by them."""
    with tarfile.open(path, "w", format=tarfile.USTAR_FORMAT) as tar:
        for i, (pixels, label) in enumerate(images):
            content = png(pixels)
            info = tarfile.TarInfo(f"{LABELS[label]}/{i:04}.png")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))


def as_input(images):
    pixels = torch.tensor(numpy.stack([pixels for pixels, _ in images])).permute(0, 3, 1, 2).float()
    return (pixels / 255 - MEAN) / STD


def our_logits(folder, images):
    lines = "".join(json.dumps({"image": base64.b64encode(png(pixels)).decode()}) + "\n" for pixels, _ in images)
    done = subprocess.run([BIN, "--logits", folder], input=lines, text=True, capture_output=True, check=True)
    return torch.tensor([json.loads(line)["logits"] for line in done.stdout.splitlines()])


def peer_logits(folder, lite, images):
    net = Net(lite, load_file(os.path.join(folder, "model.safetensors")))
    with torch.no_grad():
        return net(as_input(images))


def run_trainer(spec, folder):
    """Runs a job alone: the steps of its metrics.jsonl."""
    path = os.path.join(folder, "spec.json")
    os.makedirs(spec["work_dir"], exist_ok=True)
    with open(path, "w", encoding="utf-8") as f:
        json.dump(spec, f)
    done = subprocess.run([BIN, "--spec", path], text=True, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"attune-trainer ended with {done.returncode}: {done.stdout[-500:]} {done.stderr}")
    with open(os.path.join(spec["work_dir"], "metrics.jsonl"), encoding="utf-8") as f:
        return [line for line in map(json.loads, f) if line["type"] == "step"]


class Bases(unittest.TestCase):
    def test_logits_of_every_size_agree(self):
        for lite in (0, 1, 2):
            with tempfile.TemporaryDirectory() as folder:
                base, images = os.path.join(folder, "base"), make_images(6, 5)
                write_base(base, lite)
                difference = (our_logits(base, images) - peer_logits(base, lite, images)).abs().max().item()
                self.assertLessEqual(difference, 1e-4, f"lite{lite}")


class Training:
    """Fifty steps from the same weights on the same batches; subclasses say how norms are trained."""
    norms, trains_norms, batch_statistics = "", True, False

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.base, cls.train = os.path.join(cls.folder, "base"), os.path.join(cls.folder, "train.tar")
        write_base(cls.base, 0, shift=CALM)
        cls.images = make_images(100, 1)
        write_tar(cls.train, cls.images)
        work = os.path.join(cls.folder, "run")
        cls.log = run_trainer({
            "job": "jobs/parity", "attempt": 1, "work_dir": work, "base_model_dir": cls.base,
            "base_model_name": "models/base", "task": "image_classification", "labels": LABELS,
            "train": {"path": cls.train, "format": "images", "text_columns": [], "label_column": ""},
            "method": "full", "max_steps": STEPS, "threads": 1,
            "image": {"batch_norms": cls.norms},
            "hyperparameters": {"batch_size": BATCH, "dropout": 0.0, "learning_rate": RATE, "schedule": "constant",
                                "adam_epsilon": EPSILON, "weight_decay": 0.01, "seed": 3}}, cls.folder)
        cls.model = os.path.join(work, "model")

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def test_loss_and_gradient_norm_of_every_step_agree(self):
        net = Net(0, load_file(os.path.join(self.base, "model.safetensors")))
        net.batch_statistics = self.batch_statistics
        named = list(net.trained(self.trains_norms))
        optimizer = torch.optim.AdamW([{"params": [p for _, p in named if p.dim() > 1], "weight_decay": 0.01},
                                       {"params": [p for _, p in named if p.dim() == 1], "weight_decay": 0.0}],
                                      lr=RATE, eps=EPSILON)
        self.assertEqual(len(self.log), STEPS)
        for ours in self.log:
            batch = [self.images[i] for i in ours["samples"]]
            loss = F.cross_entropy(net(as_input(batch)), torch.tensor([label for _, label in batch]))
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_([p for _, p in named], 1.0).item()
            optimizer.step()
            optimizer.zero_grad()
            where = f"step {ours['step']}"
            self.assertLessEqual(abs(ours["loss"] - loss.item()), 1e-5 * max(1.0, loss.item()), where)
            self.assertLessEqual(abs(ours["grad_norm"] - norm), 1e-4 * norm, where)
        written = load_file(os.path.join(self.model, "model.safetensors"))
        for name, expected in net.t.items():
            if "running" in name:
                self.assertTrue(torch.allclose(written[name], expected, rtol=1e-3, atol=1e-4), name)
            elif not self.trains_norms and "bn" in name.split(".")[-2]:
                self.assertTrue(torch.equal(written[name], expected), name)

    def test_what_is_trained_moves(self):
        before, after = (load_file(os.path.join(f, "model.safetensors")) for f in (self.base, self.model))
        for name in ("conv_stem.weight", "blocks.2.0.conv_dw.weight", "blocks.4.1.conv_pwl.weight",
                     "classifier.weight"):
            self.assertFalse(torch.equal(before[name], after[name]), name)
        self.assertEqual(torch.equal(before["bn2.weight"], after["bn2.weight"]), not self.trains_norms)

    def test_exported_folder_has_the_peers_logits(self):
        images = make_images(9, 7)
        difference = (our_logits(self.model, images) - peer_logits(self.model, 0, images)).abs().max().item()
        self.assertLessEqual(difference, 1e-4)


class FixedStatistics(Training, unittest.TestCase):
    norms = "fixed_statistics"

    @unittest.skipUnless(importlib.util.find_spec("timm"), "timm is not installed")
    def test_exported_folder_loads_in_timm_and_transformers(self):
        if importlib.util.find_spec("torchvision") and torch.version.cuda is None:
            # torchvision's wheel is built for CUDA; without its library two names are missing, which nobody calls.
            self.library = torch.library.Library("torchvision", "DEF")
            for name in ("nms", "qnms"):
                self.library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        import timm  # pylint: disable=import-outside-toplevel
        images = make_images(9, 7)
        ours, pixels = our_logits(self.model, images), as_input(images)
        with torch.no_grad():
            by_timm = timm.create_model(f"local-dir:{self.model}", pretrained=True).eval()(pixels)
            wrapped = transformers.AutoModelForImageClassification.from_pretrained(self.model).eval()
            by_transformers = wrapped(pixel_values=pixels).logits
        self.assertLessEqual((ours - by_timm).abs().max().item(), 1e-4)
        self.assertLessEqual((ours - by_transformers).abs().max().item(), 1e-4)
        self.assertEqual([wrapped.config.id2label[i] for i in range(len(LABELS))], LABELS)


class FrozenNorms(Training, unittest.TestCase):
    norms, trains_norms = "frozen", False


class BatchStatistics(Training, unittest.TestCase):
    norms, batch_statistics = "trained", True


if __name__ == "__main__":
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    unittest.main(verbosity=2)
