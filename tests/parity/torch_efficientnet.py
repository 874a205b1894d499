# SPDX-License-Identifier: Apache-2.0
"""EfficientNet-Lite written out with torch.nn.functional, on tensors with timm's names: the peer of the parity tests and
of bench/images.sh."""
import math

import torch
import torch.nn.functional as F

# Kernel, stride, expansion of each stage; blocks and widths by size of the model.
STAGES = [(3, 1, 1), (3, 2, 6), (5, 2, 6), (3, 2, 6), (5, 1, 6), (5, 2, 6), (3, 1, 6)]
LENGTHS = {0: [1, 2, 2, 3, 3, 4, 1], 1: [1, 3, 3, 4, 4, 5, 1], 2: [1, 3, 3, 4, 4, 5, 1]}
WIDTHS = {0: [16, 24, 40, 80, 112, 192, 320], 1: [16, 24, 40, 80, 112, 192, 320],
          2: [16, 24, 48, 88, 120, 208, 352]}


def blocks(lite):
    """(name, input width, width, kernel, stride, expansion) of each block."""
    before = 32
    for stage, (kernel, stride, expansion) in enumerate(STAGES):
        for i in range(LENGTHS[lite][stage]):
            width = WIDTHS[lite][stage]
            yield f"blocks.{stage}.{i}", before, width, kernel, stride if i == 0 else 1, expansion
            before = width


class Net(torch.nn.Module):
    """The network as it is defined, on tensors with timm's names."""

    def __init__(self, lite, tensors):
        super().__init__()
        self.lite = lite
        self.t = {name: t.clone() for name, t in tensors.items()}
        self.batch_statistics = False

    def trained(self, norms=True):
        """Parameters that gradients are wanted of: name and tensor."""
        for name, t in self.t.items():
            norm = "bn" in name.split(".")[-2]
            if "running" not in name and (norms or not norm):
                yield name, t.requires_grad_()

    def layer(self, x, convolution, norm, stride=1, act=True):
        weight = self.t[f"{convolution}.weight"]
        pad = max((math.ceil(x.shape[-1] / stride) - 1) * stride + weight.shape[-1] - x.shape[-1], 0)
        x = F.pad(x, (pad // 2, pad - pad // 2) * 2)
        x = F.conv2d(x, weight, stride=stride, groups=x.shape[1] // weight.shape[1])
        x = F.batch_norm(x, self.t[f"{norm}.running_mean"], self.t[f"{norm}.running_var"], self.t[f"{norm}.weight"],
                         self.t[f"{norm}.bias"], self.batch_statistics, 0.1, 1e-3)
        return F.relu6(x) if act else x

    def forward(self, x):
        x = self.layer(x, "conv_stem", "bn1", 2)
        for name, before, width, _, stride, expansion in blocks(self.lite):
            y, wide = x, expansion > 1
            if wide:
                y = self.layer(y, f"{name}.conv_pw", f"{name}.bn1")
            y = self.layer(y, f"{name}.conv_dw", f"{name}.bn{2 if wide else 1}", stride)
            y = self.layer(y, f"{name}.conv_pw{'l' if wide else ''}", f"{name}.bn{3 if wide else 2}", act=False)
            x = x + y if stride == 1 and before == width else y
        x = self.layer(x, "conv_head", "bn2").mean((2, 3))
        return F.linear(x, self.t["classifier.weight"], self.t["classifier.bias"])
