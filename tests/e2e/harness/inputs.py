# SPDX-License-Identifier: Apache-2.0
"""Small inputs: a random BERT in Hugging Face layout, and labelled reviews from a word list."""
import csv
import json
import random

import numpy as np
from safetensors.numpy import save_file

GOOD = "good great superb lovely brilliant moving funny charming clever warm".split()
BAD = "bad awful dull boring clumsy tedious silly bland lazy hollow".split()
PLAIN = ("the a this movie film story plot cast scene actor is was and with so very quite rather"
         " its ending script music long short").split()
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
VOCABULARY = SPECIAL + list(".,!?") + PLAIN + GOOD + BAD

HIDDEN, LAYERS, HEADS, INNER, POSITIONS = 64, 2, 2, 128, 64


def _linear(tensors, random_normal, name, rows, columns):
    tensors[f"{name}.weight"] = random_normal((rows, columns))
    tensors[f"{name}.bias"] = np.zeros(rows, np.float32)


def _norm(tensors, name):
    tensors[f"{name}.weight"] = np.ones(HIDDEN, np.float32)
    tensors[f"{name}.bias"] = np.zeros(HIDDEN, np.float32)


def _weights(seed):
    generator = np.random.default_rng(seed)

    def random_normal(shape):
        return generator.normal(0, 0.02, shape).astype(np.float32)

    tensors = {"embeddings.word_embeddings.weight": random_normal((len(VOCABULARY), HIDDEN)),
               "embeddings.position_embeddings.weight": random_normal((POSITIONS, HIDDEN)),
               "embeddings.token_type_embeddings.weight": random_normal((2, HIDDEN))}
    _norm(tensors, "embeddings.LayerNorm")
    for index in range(LAYERS):
        layer = f"encoder.layer.{index}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            _linear(tensors, random_normal, f"{layer}.attention.{part}", HIDDEN, HIDDEN)
        _norm(tensors, f"{layer}.attention.output.LayerNorm")
        _linear(tensors, random_normal, f"{layer}.intermediate.dense", INNER, HIDDEN)
        _linear(tensors, random_normal, f"{layer}.output.dense", HIDDEN, INNER)
        _norm(tensors, f"{layer}.output.LayerNorm")
    _linear(tensors, random_normal, "pooler.dense", HIDDEN, HIDDEN)
    return tensors


def make_model(folder, seed=0):
    """A BERT of two layers with random weights and the vocabulary of make_reviews."""
    folder.mkdir()
    (folder / "vocab.txt").write_text("".join(word + "\n" for word in VOCABULARY))
    config = dict(model_type="bert", architectures=["BertModel"], vocab_size=len(VOCABULARY),
                  hidden_size=HIDDEN, num_hidden_layers=LAYERS, num_attention_heads=HEADS,
                  intermediate_size=INNER, max_position_embeddings=POSITIONS, type_vocab_size=2,
                  hidden_act="gelu", hidden_dropout_prob=0.1, attention_probs_dropout_prob=0.1,
                  layer_norm_eps=1e-12, initializer_range=0.02, pad_token_id=0)
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")
    tokenizer = dict(tokenizer_class="BertTokenizer", do_lower_case=True,
                     model_max_length=POSITIONS)
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer, indent=2) + "\n")
    save_file(_weights(seed), folder / "model.safetensors", metadata={"format": "pt"})
    return folder


def make_sentence_transformer(folder, mode="mean"):
    """make_model's folder as sentence-transformers has it, with this pooling."""
    (make_model(folder) / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(
        {"word_embedding_dimension": HIDDEN, f"pooling_mode_{mode}_tokens": True}))
    (folder / "modules.json").write_text(json.dumps(
        [{"idx": index, "name": str(index), "path": path,
          "type": f"sentence_transformers.models.{kind}"}
         for index, (path, kind) in enumerate([("", "Transformer"), ("1_Pooling", "Pooling")])]))
    return folder


def make_reviews(path, rows, seed=0):
    """A CSV of `rows` different reviews; the words of praise or blame in it decide the label."""
    choice = random.Random(seed)
    with open(path, "w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for index in range(rows):
            praise = index % 2 == 0
            words = choice.choices(PLAIN, k=choice.randint(4, 20))
            words += choice.choices(GOOD if praise else BAD, k=2)
            choice.shuffle(words)
            writer.writerow([" ".join(words) + " .", "positive" if praise else "negative"])
    return path
