# SPDX-License-Identifier: Apache-2.0
"""The translation models of formats/weights/translation_folder.h, written out in plain PyTorch: what ours is measured
against in tests/parity and bench/. Reads Marian's binaries and the folders that we export.

    student = Student.load(folder)
    student.losses([[5, 9, 0]], [[7, 3, 0]])   # −log p of each token of each target, </s> (0) among them
    student.greedy([[5, 9, 0]])                # [[7, 3]]
"""
import json
import math
import struct
from pathlib import Path

import numpy
import torch
import torch.nn.functional as F

FLOAT32, INTGEMM8 = 0x404, 0x4101
END = 0  # </s>


def read_marian(path):
    """{name: array} of a Marian binary: float32 in the shapes that it states; the settings as bytes."""
    data = Path(path).read_bytes()
    version, count = struct.unpack_from("<QQ", data)
    assert version == 1, f"{path}: version {version}"
    entries = [struct.unpack_from("<QQQQ", data, 16 + 32 * i) for i in range(count)]
    at = 16 + 32 * count
    names, shapes, tensors = [], [], {}
    for name_bytes, *_ in entries:
        names.append(data[at:at + name_bytes - 1].decode())
        at += name_bytes
    for _, _, dimensions, _ in entries:
        shapes.append(struct.unpack_from(f"<{dimensions}i", data, at))
        at += 4 * dimensions
    at += 8 + struct.unpack_from("<Q", data, at)[0]
    for name, shape, (_, kind, _, data_bytes) in zip(names, shapes, entries):
        size = math.prod(shape)
        if kind == FLOAT32:
            tensors[name] = numpy.frombuffer(data, numpy.float32, size, at).reshape(shape)
        elif kind == INTGEMM8:
            values = numpy.frombuffer(data, numpy.int8, size, at).astype(numpy.float32)
            values /= numpy.frombuffer(data, numpy.float32, 1, at + size)[0]
            # The embedding alone lies there as its shape says.
            tensors[name] = values.reshape(shape) if name == "Wemb" else values.reshape(shape[::-1]).T
        else:
            tensors[name] = data[at:at + size]
        at += data_bytes
    return tensors


def marian_names(encoder_layers, decoder_layers):
    """{canonical name: Marian's name}"""
    names = {"model.shared.weight": "Wemb", "final_logits_bias": "decoder_ff_logit_out_b"}

    def add(prefix, marian, layers, attention, their_attention):
        for i in range(layers):
            ours, theirs = f"model.{prefix}.layers.{i}.", f"{marian}_l{i + 1}_"
            pairs = [(f"{attention}.{p}_proj", f"{their_attention}_{{}}{p[0]}") for p in ("q", "k", "v", "out")]
            pairs += [("fc1", "ffn_{}1"), ("fc2", "ffn_{}2")]
            for name, their in pairs:
                names[f"{ours}{name}.weight"] = theirs + their.format("W")
                names[f"{ours}{name}.bias"] = theirs + their.format("b")
            norms = [(f"{attention}_layer_norm", f"{their_attention}_Wo_ln"), ("final_layer_norm", "ffn_ffn_ln")]
            for name, their in norms + ([("ssru_layer_norm", "rnn_ffn_ln")] if prefix == "decoder" else []):
                names[f"{ours}{name}.weight"] = f"{theirs}{their}_scale"
                names[f"{ours}{name}.bias"] = f"{theirs}{their}_bias"
            if prefix == "decoder":
                names[f"{ours}ssru.input_proj.weight"] = f"{theirs}rnn_W"
                names[f"{ours}ssru.forget_proj.weight"] = f"{theirs}rnn_Wf"
                names[f"{ours}ssru.forget_proj.bias"] = f"{theirs}rnn_bf"
    add("encoder", "encoder", encoder_layers, "self_attn", "self")
    add("decoder", "decoder", decoder_layers, "encoder_attn", "context")
    return names


def load_marian(path):
    """(config, {canonical name: tensor}) with matrices of layers as [out, in]."""
    tensors = read_marian(path)
    settings = dict(line.split(": ", 1) for line in tensors["special:model.yml"].decode().rstrip("\0").splitlines()
                    if ": " in line)
    config = {"encoder_layers": int(settings["enc-depth"]), "decoder_layers": int(settings["dec-depth"]),
              "encoder_attention_heads": int(settings["transformer-heads"]), "layer_norm_eps": 1e-6}
    weights = {}
    for name, marian in marian_names(config["encoder_layers"], config["decoder_layers"]).items():
        value = tensors[marian]
        if value.shape[0] == 1:
            value = value[0]
        elif marian != "Wemb":
            value = value.T
        weights[name] = torch.tensor(numpy.ascontiguousarray(value))
    return config, weights


def padded(rows, width=None):
    """Rows of ids as one tensor, and where they are real."""
    width = width or max(map(len, rows))
    ids = torch.tensor([row + [END] * (width - len(row)) for row in rows])
    return ids, torch.arange(width)[None] < torch.tensor([len(row) for row in rows])[:, None]


class Student(torch.nn.Module):
    """Sources and targets are lists of ids that end with </s>."""

    def __init__(self, config, weights):
        super().__init__()
        self.config = config
        self.heads = config["encoder_attention_heads"]
        # A parameter's name may have no dot.
        self.w = torch.nn.ParameterDict({name.replace(".", "/"): torch.nn.Parameter(value.clone())
                                         for name, value in weights.items()})

    @classmethod
    def load(cls, folder):
        """Of a folder of ours (config.json), or of one with Marian's binary."""
        folder = Path(folder)
        if (folder / "config.json").exists():
            import safetensors.torch
            config = json.loads((folder / "config.json").read_text())
            return cls(config, safetensors.torch.load_file(folder / "model.safetensors"))
        binaries = [path for path in folder.glob("*.bin") if path.read_bytes()[:8] == struct.pack("<Q", 1)]
        return cls(*load_marian(binaries[0]))

    def named(self):
        """Canonical names and parameters."""
        return {name.replace("/", "."): value for name, value in self.w.items()}

    def weight(self, name):
        return self.w[name.replace(".", "/")]

    def linear(self, x, name):
        bias = f"{name}.bias".replace(".", "/")
        return F.linear(x, self.weight(f"{name}.weight"), self.w[bias] if bias in self.w else None)

    def norm(self, x, name):
        return F.layer_norm(x, x.shape[-1:], self.weight(f"{name}.weight"), self.weight(f"{name}.bias"),
                            self.config["layer_norm_eps"])

    def positions(self, first, count):
        """Sines in the first half, cosines in the second."""
        half = self.weight("model.shared.weight").shape[1] // 2
        rates = torch.exp(torch.arange(half, dtype=torch.float64) * -(math.log(10000) / (half - 1)))
        angles = torch.arange(first, first + count, dtype=torch.float64)[:, None] * rates
        return torch.cat([angles.sin(), angles.cos()], -1).to(self.weight("model.shared.weight").dtype)

    def embed(self, ids):
        table = self.weight("model.shared.weight")
        return F.embedding(ids, table) * math.sqrt(table.shape[1])

    def attention(self, x, memory, mask, name):
        """mask: where memory is real, [batch, keys]."""
        def split(y):
            return y.unflatten(-1, (self.heads, -1)).transpose(1, 2)
        q, k, v = split(self.linear(x, f"{name}.q_proj")), *(split(self.linear(memory, f"{name}.{p}_proj"))
                                                             for p in "kv")
        y = F.scaled_dot_product_attention(q, k, v, mask[:, None, None])
        return self.linear(y.transpose(1, 2).flatten(2), f"{name}.out_proj")

    def feed_forward(self, x, layer):
        y = self.linear(F.relu(self.linear(x, f"{layer}.fc1")), f"{layer}.fc2")
        return self.norm(x + y, f"{layer}.final_layer_norm")

    def encode(self, ids, mask):
        x = self.embed(ids) + self.positions(0, ids.shape[1])
        for i in range(self.config["encoder_layers"]):
            layer = f"model.encoder.layers.{i}"
            y = self.attention(x, x, mask, f"{layer}.self_attn")
            x = self.feed_forward(self.norm(x + y, f"{layer}.self_attn_layer_norm"), layer)
        return x

    def ssru(self, x, layer, cell):
        """One layer's recurrence over all steps of x: its outputs, and the cell after the last."""
        forget = torch.sigmoid(self.linear(x, f"{layer}.ssru.forget_proj"))
        inputs = (1 - forget) * self.linear(x, f"{layer}.ssru.input_proj")
        cells = []
        for t in range(x.shape[1]):
            cell = forget[:, t] * cell + inputs[:, t]
            cells.append(cell)
        return F.relu(torch.stack(cells, 1)), cell

    def decode(self, x, memory, mask, cells):
        """Steps with their positions on top; cells: one a layer, replaced by those after the last step."""
        for i in range(self.config["decoder_layers"]):
            layer = f"model.decoder.layers.{i}"
            y, cells[i] = self.ssru(x, layer, cells[i])
            x = self.norm(x + y, f"{layer}.ssru_layer_norm")
            y = self.attention(x, memory, mask, f"{layer}.encoder_attn")
            x = self.feed_forward(self.norm(x + y, f"{layer}.encoder_attn_layer_norm"), layer)
        return x

    def logits_of(self, x):
        return F.linear(x, self.weight("model.shared.weight"), self.weight("final_logits_bias"))

    def first_cells(self, memory):
        return [memory.new_zeros(len(memory), memory.shape[-1]) for _ in range(self.config["decoder_layers"])]

    def forward(self, sources, targets):
        """Logits of all target tokens, sequence by sequence, [tokens, vocabulary], and the tokens. The decoder reads
        nothing first, then each token but the last."""
        ids, mask = padded(sources)
        memory = self.encode(ids, mask)
        wanted, real = padded(targets)
        x = F.pad(self.embed(wanted[:, :-1]), (0, 0, 1, 0)) + self.positions(0, wanted.shape[1])
        x = self.decode(x, memory, mask, self.first_cells(memory))
        return self.logits_of(x[real]), wanted[real]

    def losses(self, sources, targets):
        """−log p of each token, sequence by sequence."""
        logits, wanted = self(sources, targets)
        return list(F.cross_entropy(logits, wanted, reduction="none").split([len(t) for t in targets]))

    def loss(self, sources, targets, label_smoothing=0.0):
        """The mean over all target tokens."""
        logits, wanted = self(sources, targets)
        return F.cross_entropy(logits, wanted, label_smoothing=label_smoothing)

    @torch.no_grad()
    def greedy(self, sources, max_length=512):
        """Without </s>; at most max_length tokens, and at most 3 a source token and 16 more."""
        ids, mask = padded(sources)
        memory = self.encode(ids, mask)
        cells = self.first_cells(memory)
        limits = [min(max_length, 3 * len(source) + 16) for source in sources]
        found, rows = [[] for _ in sources], list(range(len(sources)))
        x = memory.new_zeros(len(sources), 1, memory.shape[-1])
        for step in range(max(limits)):
            best = self.logits_of(self.decode(x + self.positions(step, 1), memory, mask, cells)[:, 0]).argmax(-1)
            keep = []
            for at, (row, token) in enumerate(zip(rows, best.tolist())):
                if token != END:
                    found[row].append(token)
                if token != END and step + 1 < limits[row]:
                    keep.append(at)
            if not keep:
                break
            rows = [rows[at] for at in keep]
            x = self.embed(best[keep])[:, None]
            memory, mask, cells = memory[keep], mask[keep], [cell[keep] for cell in cells]
        return found
