# SPDX-License-Identifier: Apache-2.0
"""Small inputs of translation: a Marian student with random weights, sentences of words of one letter
whose translations are the same in capitals, and the real student where it was fetched."""
import json
import os
import random
import struct
from pathlib import Path

import numpy as np

LETTERS = "abcdefghijkl"
WORDS = list(LETTERS) + list(LETTERS.upper())
HIDDEN, WIDE, LAYERS, HEADS = 16, 32, 2, 2

CACHE = Path(os.environ.get("ATTUNE_CACHE", os.path.expanduser("~/.cache/attune")))
STUDENT = CACHE / "models" / "marian-enpt-tiny"
DESCRIPTIONS = CACHE / "data" / "package-descriptions"


def _varint(value):
    data = b""
    while value >= 0x80:
        data += bytes([value & 0x7F | 0x80])
        value >>= 7
    return data + bytes([value])


def _number(field, value):
    return _varint(field << 3) + _varint(value % (1 << 64))


def _bytes(field, data):
    return _varint(field << 3 | 2) + _varint(len(data)) + data


def _vocabulary():
    """An .spm file; field numbers are those of sentencepiece_model.proto."""
    def piece(text, score, kind):
        return _bytes(1, _bytes(1, text.encode()) + _varint(2 << 3 | 5) + struct.pack("<f", score)
                      + _number(3, kind))
    pieces = piece("</s>", 0, 3) + piece("<unk>", 0, 2)
    pieces += b"".join(piece("\u2581" + word, -1 - 0.1 * i, 1) for i, word in enumerate(WORDS))
    trainer = _number(3, 1) + _number(40, 1) + _number(41, -1) + _number(42, 0) + _number(43, -1)
    return pieces + _bytes(2, trainer) + _bytes(3, _bytes(1, b"identity"))


def _shapes():
    """Name and shape of each tensor, as Marian has them."""
    size = len(WORDS) + 2
    shapes = {"Wemb": (size, HIDDEN), "decoder_ff_logit_out_b": (1, size)}

    def attention(prefix):
        for part in "qkvo":
            shapes[f"{prefix}_W{part}"] = (HIDDEN, HIDDEN)
            shapes[f"{prefix}_b{part}"] = (1, HIDDEN)
        norm(f"{prefix}_Wo_ln")

    def feed_forward(prefix):
        shapes[f"{prefix}_W1"], shapes[f"{prefix}_b1"] = (HIDDEN, WIDE), (1, WIDE)
        shapes[f"{prefix}_W2"], shapes[f"{prefix}_b2"] = (WIDE, HIDDEN), (1, HIDDEN)
        norm(f"{prefix}_ffn_ln")

    def norm(prefix):
        shapes[f"{prefix}_scale"] = shapes[f"{prefix}_bias"] = (1, HIDDEN)

    for layer in range(1, LAYERS + 1):
        attention(f"encoder_l{layer}_self")
        feed_forward(f"encoder_l{layer}_ffn")
        shapes[f"decoder_l{layer}_rnn_W"] = shapes[f"decoder_l{layer}_rnn_Wf"] = (HIDDEN, HIDDEN)
        shapes[f"decoder_l{layer}_rnn_bf"] = (1, HIDDEN)
        norm(f"decoder_l{layer}_rnn_ffn_ln")
        attention(f"decoder_l{layer}_context")
        feed_forward(f"decoder_l{layer}_ffn")
    return shapes


def _settings():
    size = len(WORDS) + 2
    return f"""type: transformer
transformer-decoder-autoreg: rnn
dec-cell: ssru
tied-embeddings-all: true
transformer-ffn-activation: relu
dim-vocabs:
  - {size}
  - {size}
dim-emb: {HIDDEN}
transformer-dim-ffn: {WIDE}
transformer-heads: {HEADS}
enc-depth: {LAYERS}
dec-depth: {LAYERS}
"""


def _marian_file(tensors, settings):
    """Marian's binary, version 1: entries, names, shapes, padding, then the data in parts of 256."""
    items = [(name, 0x404, values.shape, values.tobytes()) for name, values in tensors.items()]
    text = settings.encode() + b"\0"
    items.append(("special:model.yml", 0x101, (len(text),), text))
    data = [part + bytes(-len(part) % 256) for _, _, _, part in items[:-1]] + [text]
    header = struct.pack("<QQ", 1, len(items))
    for (name, kind, shape, _), part in zip(items, data):
        header += struct.pack("<QQQQ", len(name) + 1, kind, len(shape), len(part))
    header += b"".join(name.encode() + b"\0" for name, _, _, _ in items)
    header += b"".join(struct.pack(f"<{len(shape)}i", *shape) for _, _, shape, _ in items)
    padding = -(len(header) + 8) % 256
    return header + struct.pack("<Q", padding) + bytes(padding) + b"".join(data)


def make_translation_model(folder, seed=0):
    """As Marian has it: no config.json, fp32 weights."""
    generator = np.random.default_rng(seed)
    tensors = {}
    for name, shape in _shapes().items():
        if name.endswith("_scale"):
            tensors[name] = np.ones(shape, np.float32)
        else:
            spread = 0.1 if shape[0] == 1 else shape[0 if name != "Wemb" else 1] ** -0.5
            tensors[name] = generator.normal(0, spread, shape).astype(np.float32)
    folder.mkdir()
    (folder / "model.tiny.bin").write_bytes(_marian_file(tensors, _settings()))
    (folder / "vocab.tiny.spm").write_bytes(_vocabulary())
    return folder


def make_sentences(rows, seed=0):
    """Pairs of a sentence and its translation; no two sentences are the same."""
    choice, seen = random.Random(seed), set()
    while len(seen) < rows:
        seen.add(" ".join(choice.choices(LETTERS, k=choice.randint(2, 7))))
    return [(text, text.upper()) for text in sorted(seen)]


def write_pairs(path, pairs):
    """As JSONL with the two languages in one object."""
    path.write_text("".join(json.dumps({"translation": {"small": source, "large": target}}) + "\n"
                            for source, target in pairs))
    return path
