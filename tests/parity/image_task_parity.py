#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Image jobs as a whole against plain PyTorch, Pillow and scikit-learn: images of any shape resized and cropped,
augmentation drawn from the same keys, each method, and what is measured at the end.

    ATTUNE_BIN_DIR=build/bin python tests/parity/image_task_parity.py

The network, its random weights and the trainer's calls are those of efficientnet_parity.py.
"""
import colorsys
import io
import json
import math
import os
import tarfile
import tempfile
import unittest

import numpy
import torch
import torch.nn.functional as F
from PIL import Image, ImageEnhance
from safetensors.torch import load_file
from sklearn import metrics as sklearn_metrics

import efficientnet_parity as network

LABELS = [f"hue{i}" for i in range(7)]
SIZE, CROP_SHARE, SEED, RATE, STEPS, BATCH = 56, 0.875, 3, 3e-5, 50, 8


def make_images(count, seed):
    """Noisy pictures of many shapes, whose class is their hue: (label, PIL image), in the archive's order."""
    rng = numpy.random.default_rng(seed)
    images = []
    for i in range(count):
        colour = numpy.array(colorsys.hsv_to_rgb(i % len(LABELS) / len(LABELS), 0.35, 0.6)) * 255
        noise = rng.normal(0, 45, (rng.integers(30, 90), rng.integers(30, 90), 3))
        pixels = numpy.clip(colour + noise, 0, 255).astype(numpy.uint8)
        images.append((f"{LABELS[i % len(LABELS)]}/{i:04}.png", i % len(LABELS), Image.fromarray(pixels)))
    return [(label, image) for _, label, image in sorted(images, key=lambda entry: entry[0])]


def write_tar(path, images):
    with tarfile.open(path, "w") as tar:
        for i, (label, image) in enumerate(images):
            out = io.BytesIO()
            image.save(out, "PNG")
            info = tarfile.TarInfo(f"{LABELS[label]}/{i:04}.png")
            info.size = len(out.getvalue())
            tar.addfile(info, io.BytesIO(out.getvalue()))


def fit(image):
    """torchvision's Resize and CenterCrop."""
    shorter, (width, height) = math.floor(SIZE / CROP_SHARE), image.size
    side = min(width, height)
    image = image.resize((shorter * width // side, shorter * height // side), Image.Resampling.BICUBIC)
    left, top = round((image.width - SIZE) / 2), round((image.height - SIZE) / 2)
    return image.crop((left, top, left + SIZE, top + SIZE))


def mix(key, value):
    """device/keyed_random.h"""
    mask = (1 << 64) - 1
    z = (key + (value + 1) * 0x9E3779B97F4A7C15) & mask
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & mask
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & mask
    return z ^ (z >> 31)


def draws(epoch, sample):
    key = mix(mix(mix(0x617474756E657661, SEED), epoch), sample)
    count = 0
    while True:
        yield (mix(key, count) >> 11) * 2.0 ** -53
        count += 1


def vary(image, spec, epoch, sample):
    """RandomResizedCrop, RandomHorizontalFlip, then brightness and contrast of ColorJitter."""
    numbers = draws(epoch, sample)
    between = lambda low, high: low + (high - low) * next(numbers)
    flip = next(numbers) < 0.5
    brightness = between(1 - spec["brightness"], 1 + spec["brightness"])
    contrast = between(1 - spec["contrast"], 1 + spec["contrast"])
    for _ in range(10):
        area = image.width * image.height * between(spec["min_crop_area"], 1)
        ratio = math.exp(between(math.log(3 / 4), math.log(4 / 3)))
        width, height = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < width <= image.width and 0 < height <= image.height:
            top = int(next(numbers) * (image.height - height + 1))
            left = int(next(numbers) * (image.width - width + 1))
            break
    else:
        ratio = image.width / image.height
        width = image.width if ratio <= 4 / 3 else round(image.height * 4 / 3)
        height = image.height if ratio >= 3 / 4 else round(image.width / (3 / 4))
        left, top = (image.width - width) // 2, (image.height - height) // 2
    image = image.crop((left, top, left + width, top + height)).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    if flip:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    return ImageEnhance.Contrast(ImageEnhance.Brightness(image).enhance(brightness)).enhance(contrast)


def as_input(images):
    pixels = numpy.stack([numpy.asarray(image) for image in images])
    return (torch.tensor(pixels).permute(0, 3, 1, 2).float() / 255 - network.MEAN) / network.STD


class Tuned(network.Net):
    """Of which what lies below the trained layers keeps to its running statistics."""

    def __init__(self, tensors, is_trained, trains_statistics):
        super().__init__(0, tensors)
        self.is_trained, self.trains_statistics = is_trained, trains_statistics

    def layer(self, x, convolution, norm, stride=1, act=True):
        self.batch_statistics = self.trains_statistics and self.is_trained(convolution)
        return super().layer(x, convolution, norm, stride, act)


class Job:
    """Fifty steps and a measurement; subclasses say of which method. Training all of a random network at ReLU6's
    kinks is too sensitive for fifty equal steps; efficientnet_parity.py has its gradients."""
    method, top_layers, trained_names = "full", 0, ("",)
    image = {"batch_norms": "fixed_statistics"}

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.base = os.path.join(cls.folder, "base")
        network.write_base(cls.base, 0)
        path = os.path.join(cls.base, "config.json")
        with open(path, encoding="utf-8") as f:
            config = json.load(f)
        config["pretrained_cfg"]["crop_pct"] = CROP_SHARE
        with open(path, "w", encoding="utf-8") as f:
            json.dump(config, f)
        cls.train, cls.test = make_images(90, 1), make_images(70, 2)
        write_tar(os.path.join(cls.folder, "train.tar"), cls.train)
        write_tar(os.path.join(cls.folder, "test.tar"), cls.test)
        # The base with the head that training starts from is the export of a run without any effect.
        network.run_trainer(cls.spec("start", 1e-30, 1), cls.folder)
        cls.log = network.run_trainer(cls.spec("run", RATE, STEPS), cls.folder)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def spec(cls, name, rate, steps):
        data = lambda split: {"path": os.path.join(cls.folder, f"{split}.tar"), "format": "images", "text_columns": [],
                              "label_column": ""}
        image = {"size": SIZE, **(cls.image if steps > 1 else {})}
        return {"job": "jobs/parity", "attempt": 1, "work_dir": os.path.join(cls.folder, name),
                "base_model_dir": cls.base, "base_model_name": "models/base", "task": "image_classification",
                "labels": LABELS, "train": data("train"), "test": data("test"), "method": cls.method,
                "top_layers": cls.top_layers, "max_steps": steps, "threads": 1, "image": image,
                "hyperparameters": {"batch_size": BATCH, "dropout": 0.0, "learning_rate": rate, "warmup_steps": 0,
                                    "schedule": "constant", "weight_decay": 0.01, "seed": SEED}}

    @classmethod
    def tensors(cls, name):
        return load_file(os.path.join(cls.folder, name, "model", "model.safetensors"))

    def pixels(self, ours):
        epoch = math.ceil(ours["epoch"]) - 1
        varies = "min_crop_area" in self.image
        return as_input([vary(self.train[i][1], self.image, epoch, i) if varies else fit(self.train[i][1])
                         for i in ours["samples"]])

    def test_loss_and_gradient_norm_of_every_step_agree(self):
        is_trained = lambda name: name.startswith(self.trained_names)
        net = Tuned(self.tensors("start"), is_trained, self.image["batch_norms"] == "trained")
        trained = [p for name, p in net.trained() if is_trained(name)]
        optimizer = torch.optim.AdamW([{"params": [p for p in trained if p.dim() > 1], "weight_decay": 0.01},
                                       {"params": [p for p in trained if p.dim() == 1], "weight_decay": 0.0}], lr=RATE)
        self.assertEqual(len(self.log), STEPS)
        for ours in self.log:
            labels = torch.tensor([self.train[i][0] for i in ours["samples"]])
            loss = F.cross_entropy(net(self.pixels(ours)), labels)
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(trained, 1.0).item()
            optimizer.step()
            net.zero_grad()
            for p in net.t.values():
                p.grad = None
            where = f"step {ours['step']}"
            self.assertLessEqual(abs(ours["loss"] - loss.item()), 1e-4 * max(1.0, loss.item()), where)
            self.assertLessEqual(abs(ours["grad_norm"] - norm), 1e-3 * norm, where)
        for name, value in self.tensors("run").items():
            if not is_trained(name):
                self.assertTrue(torch.equal(value, self.tensors("start")[name]), name)

    def test_metrics_equal_scikit_learn(self):
        net = network.Net(0, self.tensors("run"))
        with torch.no_grad():
            logits = net(as_input([fit(image) for _, image in self.test])).double()
        truth, scores = [label for label, _ in self.test], logits.softmax(-1).numpy()
        with open(os.path.join(self.folder, "run", "metrics.jsonl"), encoding="utf-8") as f:
            ours = next(e for e in map(json.loads, f) if e["type"] == "evaluation" and e["split"] == "TEST")["metrics"]
        expected = {"accuracy": sklearn_metrics.accuracy_score(truth, scores.argmax(-1)),
                    "top5_accuracy": sklearn_metrics.top_k_accuracy_score(truth, scores, k=5),
                    "macro_f1": sklearn_metrics.f1_score(truth, scores.argmax(-1), average="macro", zero_division=0),
                    "auc": sklearn_metrics.roc_auc_score(truth, scores, multi_class="ovr")}
        for name, value in expected.items():
            self.assertAlmostEqual(ours[name], value, delta=1e-6, msg=name)
        self.assertAlmostEqual(ours["loss"], F.cross_entropy(logits, torch.tensor(truth)).item(), delta=1e-5)


class TopBlockWithAugmentation(Job, unittest.TestCase):
    method, top_layers = "partial", 1
    trained_names = ("blocks.6.", "conv_head", "bn2", "classifier")
    image = {"batch_norms": "fixed_statistics", "horizontal_flip": True, "min_crop_area": 0.3, "brightness": 0.3,
             "contrast": 0.2}


class Head(Job, unittest.TestCase):
    method, trained_names = "head", ("classifier",)


class TopBlockByBatchStatistics(Job, unittest.TestCase):
    method, top_layers = "partial", 1
    trained_names = ("blocks.6.", "conv_head", "bn2", "classifier")
    image = {"batch_norms": "trained"}


if __name__ == "__main__":
    torch.set_num_threads(1)
    unittest.main(verbosity=2)
