#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A head on the mean of all tokens against autograd and sentence-transformers: same weights, same
batches, dropout 0.

    ATTUNE_BIN_DIR=build/bin python tests/parity/pooling_parity.py

Every step of ours is followed by AutoModel, its mean over the attention mask and a linear layer
under torch's autograd. Then sentence-transformers opens what we exported: encode() gives our logits.
"""
import json
import os
import re
import unittest

import safetensors.torch
import sentence_transformers
import torch
import transformers
from sentence_transformers.sentence_transformer import modules

import methods_parity
import trainer_parity as peers


class MeanClassifier(torch.nn.Module):
    """An exported folder, put together without sentence-transformers."""

    def __init__(self, folder):
        super().__init__()
        family = transformers.AutoConfig.from_pretrained(folder).model_type
        self.encoder = transformers.AutoModel.from_pretrained(
            folder, **(peers.QUIET_DISTILBERT if family == "distilbert" else peers.QUIET))
        self.config = self.encoder.config
        head = safetensors.torch.load_file(os.path.join(folder, "2_Dense", "model.safetensors"))
        self.classifier = torch.nn.Linear(*reversed(head["linear.weight"].shape))
        self.classifier.load_state_dict({k.removeprefix("linear."): v for k, v in head.items()})

    def forward(self, labels=None, **batch):
        tokens = self.encoder(**batch).last_hidden_state
        mask = batch["attention_mask"].unsqueeze(-1)
        logits = self.classifier((tokens * mask).sum(1) / mask.sum(1))
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        return transformers.modeling_outputs.SequenceClassifierOutput(loss=loss, logits=logits)


class OnMean(methods_parity.MethodBars):
    """The bars; subclasses say the method and what of it is trained."""
    trained = ""

    def test_every_step_agrees(self):
        model = MeanClassifier(self.start)
        for name, p in model.named_parameters():
            p.requires_grad = re.search(self.trained, name) is not None and "pooler" not in name
        tokenizer = transformers.AutoTokenizer.from_pretrained(self.start)
        peers.follow(self, model, tokenizer, self.log)

    def test_sentence_transformers_encodes_to_the_same_logits(self):
        theirs = sentence_transformers.SentenceTransformer(self.model, device="cpu")
        texts = self.texts() + [" ".join(["very"] * 100)]
        encoded = theirs.encode(texts, batch_size=7, show_progress_bar=False)
        self.assertEqual(encoded.shape[1], len(self.labels))
        self.assert_logits(peers.our_logits(self.model, texts), list(encoded))
        self.check_export(["merged"])

    def test_the_folder_says_what_it_is(self):
        with open(os.path.join(self.model, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        self.assertRegex(config["architectures"][0], r"^(Bert|Roberta|DistilBert)Model$")
        self.assertEqual(list(config["id2label"].values()), self.labels)
        names = safetensors.torch.load_file(os.path.join(self.model, "model.safetensors"))
        plain = transformers.AutoModel.from_pretrained(self.model).state_dict()
        self.assertEqual({n for n in plain if "pooler" not in n and "position_ids" not in n}, set(names))


class HeadOfSentenceTransformer(OnMean):
    """The base says mean, and the job does not say anything."""
    method, trained = {"method": "head"}, r"^classifier\."

    @classmethod
    def make_base(cls):
        super().make_base()
        transformer = modules.Transformer(cls.base)
        pooling = modules.Pooling(transformer.get_embedding_dimension(), "mean")
        sentence_transformers.SentenceTransformer(modules=[transformer, pooling], device="cpu").save(cls.base)

    def test_the_job_says_so(self):
        notices = [e["message"] for e in self.events if e["type"] == "notice"]
        self.assertIn("The head sits on the mean of all tokens, as the base's 1_Pooling says.", notices)


class FullOfBert(OnMean):
    method, trained = {"method": "full", "pooling": "mean"}, r""


class FullOfDistilBert(OnMean):
    family = "distilbert"
    method, trained = {"method": "full", "pooling": "mean"}, r""


class TopLayerOfRoberta(OnMean):
    family = "roberta"
    method, trained = {"method": "partial", "top_layers": 1, "pooling": "mean"}, r"layer\.1\.|classifier"


class LoraOfBert(OnMean):
    """Merged only: PEFT has no class for such a model, so its steps are not followed."""
    method = {"method": "lora", "pooling": "mean"}
    test_every_step_agrees = None

    def test_there_is_no_adapter(self):
        self.assertFalse(os.path.exists(os.path.join(self.model, "adapter")))


CASES = (HeadOfSentenceTransformer, FullOfBert, FullOfDistilBert, TopLayerOfRoberta, LoraOfBert)


def load_tests(loader, _tests, _pattern):
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in CASES)


if __name__ == "__main__":
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    unittest.main(verbosity=2)
