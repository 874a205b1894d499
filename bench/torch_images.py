# SPDX-License-Identifier: Apache-2.0
"""The peer of bench/images.sh: the same network in PyTorch, channels last, fp32, on pixels that Pillow prepared once.
One JSON line on stdout.

    torch_images.py loop|trainer BASE METHOD EPOCHS RATE SIZE BATCH SEED TRAIN_TAR EVAL_TAR|- TEST_TAR

loop: a plain loop, the epoch with the best accuracy on EVAL_TAR (or the last) measured on TEST_TAR. trainer: some
steps of transformers' Trainer, for its rate alone.
"""
import copy
import io
import json
import math
import os
import sys
import tarfile
import tempfile
import time

import numpy
import torch
import torch.nn.functional as F
import transformers
from PIL import Image
from safetensors.torch import load_file
from sklearn.metrics import roc_auc_score

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "parity"))
from torch_efficientnet import Net  # noqa: E402  pylint: disable=wrong-import-position

MEAN, STD, CROP_SHARE = 127 / 255, 128 / 255, 0.875
TRAINER_STEPS, WARM_UP_STEPS = 20, 4


def fit(image, size):
    """torchvision's Resize and CenterCrop."""
    shorter, (width, height) = math.floor(size / CROP_SHARE), image.size
    side = min(width, height)
    image = image.resize((shorter * width // side, shorter * height // side), Image.Resampling.BICUBIC)
    left, top = round((image.width - size) / 2), round((image.height - size) / 2)
    return image.crop((left, top, left + size, top + size))


def read(path, size):
    """Pixels as bytes [N, 3, size, size], and classes."""
    names, pixels = [], []
    with tarfile.open(path) as tar:
        for member in tar:
            if member.isfile():
                names.append(member.name.split("/")[0])
                image = fit(Image.open(io.BytesIO(tar.extractfile(member).read())).convert("RGB"), size)
                pixels.append(numpy.asarray(image))
    labels = sorted(set(names))
    return torch.tensor(numpy.stack(pixels)).permute(0, 3, 1, 2), torch.tensor([labels.index(n) for n in names])


def as_input(pixels):
    return ((pixels.float() / 255 - MEAN) / STD).contiguous(memory_format=torch.channels_last)


class Classifier(torch.nn.Module):
    """Batch norms keep their statistics; with the method head everything but the last layer is frozen."""

    def __init__(self, base, classes, method):
        super().__init__()
        self.net = Net(0, load_file(os.path.join(base, "model.safetensors")))
        head = torch.nn.Linear(1280, classes)
        self.net.t["classifier.weight"], self.net.t["classifier.bias"] = head.weight, head.bias
        names = ["classifier.weight", "classifier.bias"] if method == "head" else [
            name for name in self.net.t if "running" not in name and "tracked" not in name]
        for name in names:
            value = self.net.t[name].detach()
            if value.dim() == 4:
                value = value.contiguous(memory_format=torch.channels_last)
            self.net.t[name] = torch.nn.Parameter(value)
            self.register_parameter(name.replace(".", "_"), self.net.t[name])

    def forward(self, pixel_values, labels=None):
        logits = self.net(pixel_values)
        if labels is None:
            return logits
        return {"loss": F.cross_entropy(logits, labels), "logits": logits}


@torch.no_grad()
def outputs(model, pixels):
    return torch.cat([model(as_input(pixels[i:i + 64])) for i in range(0, len(pixels), 64)])


def measure(model, pixels, labels):
    probabilities = outputs(model, pixels).softmax(1)
    if probabilities.shape[1] == 2:
        auc = roc_auc_score(labels, probabilities[:, 1])
    else:
        auc = roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    return {"accuracy": (probabilities.argmax(1) == labels).float().mean().item(), "auc": float(auc)}


def run_loop(model, epochs, rate, batch, seed, train, evaluation, test):
    pixels, labels = train
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=0.0)
    total = epochs * math.ceil(len(labels) / batch)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 - step / total)
    order = torch.Generator().manual_seed(seed)
    best, kept = -1.0, None
    for _ in range(epochs):
        for rows in torch.randperm(len(labels), generator=order).split(batch):
            model(as_input(pixels[rows]), labels[rows])["loss"].backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
        if evaluation is not None:
            accuracy = measure(model, *evaluation)["accuracy"]
            if accuracy > best:
                best, kept = accuracy, copy.deepcopy(model.state_dict())
    if kept is not None:
        model.load_state_dict(kept)
    return measure(model, *test)


class Rows(torch.utils.data.Dataset):
    def __init__(self, pixels, labels):
        self.pixels, self.labels = pixels, labels

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, i):
        return {"pixel_values": (self.pixels[i].float() / 255 - MEAN) / STD, "labels": self.labels[i]}


class StepTimes(transformers.TrainerCallback):
    times = []

    def on_step_end(self, args, state, control, **kwargs):
        self.times.append(time.perf_counter())


def run_trainer(model, rate, batch, seed, train):
    with tempfile.TemporaryDirectory() as folder:
        settings = transformers.TrainingArguments(
            output_dir=folder, per_device_train_batch_size=batch, learning_rate=rate, seed=seed, report_to=[],
            disable_tqdm=True, use_cpu=True, dataloader_pin_memory=False, max_steps=TRAINER_STEPS, save_strategy="no")
        transformers.Trainer(model=model, args=settings, train_dataset=Rows(*train), callbacks=[StepTimes()]).train()
    seconds = StepTimes.times[-1] - StepTimes.times[WARM_UP_STEPS - 1]
    return {"images_per_second": (TRAINER_STEPS - WARM_UP_STEPS) * batch / seconds}


def main():
    what, base, method, epochs, rate, size, batch, seed, train, evaluation, test = sys.argv[1:]
    torch.manual_seed(int(seed))
    sets = [None if path == "-" else read(path, int(size)) for path in (train, evaluation, test)]
    model = Classifier(base, int(sets[0][1].max()) + 1, method)
    if what == "trainer":
        result = run_trainer(model, float(rate), int(batch), int(seed), sets[0])
    else:
        result = run_loop(model, int(epochs), float(rate), int(batch), int(seed), *sets)
    result["versions"] = {"torch": torch.__version__, "transformers": transformers.__version__}
    print("RESULT " + json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
