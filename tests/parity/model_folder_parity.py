# SPDX-License-Identifier: Apache-2.0
"""Folders that transformers saves, of every model family and head, as formats/weights reads them.

    ATTUNE_BIN_DIR=build/bin python tests/parity/model_folder_parity.py
"""
import json
import os
import subprocess
import tempfile
import unittest
from pathlib import Path

import transformers

INSPECT = Path(os.environ["ATTUNE_BIN_DIR"]) / "attune-inspect"
LABELS = ["a", "b", "c"]
BERT_SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 24}
SIZES = {
    "Bert": {**BERT_SIZES, "max_position_embeddings": 40},
    "Roberta": {**BERT_SIZES, "max_position_embeddings": 42, "type_vocab_size": 1},
    "DistilBert": {"dim": 16, "n_layers": 2, "n_heads": 2, "hidden_dim": 24, "max_position_embeddings": 40},
}
HEADS = ["Model", "ForMaskedLM", "ForPreTraining", "ForSequenceClassification"]
# What classifying does not need. Of the dense layer before the outputs, BERT's is its pooler.
UNUSED = ("cls.", "lm_head.", "vocab_", "roberta.pooler.")


def inspect(folder):
    request = json.dumps({"kind": "model", "dir": folder})
    done = subprocess.run([INSPECT, "run"], input=request, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def used_parameters(model):
    return sum(p.numel() for name, p in model.named_parameters()
               if not f"{model.config.model_type}.{name}".startswith("roberta.pooler.")
               and not name.startswith(UNUSED))


def write_tokenizer(folder, family):
    words = ["a", "b"]
    if family == "Roberta":
        tokens = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", *words]
        (folder / "vocab.json").write_text(json.dumps({t: i for i, t in enumerate(tokens)}))
        (folder / "merges.txt").write_text("#version: 0.2\n")
    else:
        (folder / "vocab.txt").write_text("\n".join(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]))


class ModelFolderParity(unittest.TestCase):
    def test_every_family_and_head(self):
        for family, sizes in SIZES.items():
            for head in HEADS:
                kind = getattr(transformers, family + head, None)
                if kind is None:
                    continue
                with self.subTest(family + head), tempfile.TemporaryDirectory() as folder:
                    config = getattr(transformers, family + "Config")(
                        vocab_size=30, id2label=dict(enumerate(LABELS)), **sizes)
                    model = kind(config)
                    model.save_pretrained(folder)
                    write_tokenizer(Path(folder), family)
                    report = inspect(folder)
                    self.assertEqual(report["errors"], [])
                    self.assertEqual(report["model_type"], config.model_type)
                    self.assertEqual(report["architecture"], family + head)
                    self.assertEqual(report["max_length"], 40)
                    self.assertEqual(report["parameters"], used_parameters(model))
                    self.assertEqual(report["labels"], LABELS if head == "ForSequenceClassification" else [])


if __name__ == "__main__":
    transformers.utils.logging.disable_progress_bar()
    unittest.main()
