#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Ways of tuning against PEFT and transformers: same weights, same batches, dropout 0.

    ATTUNE_BIN_DIR=build/bin python tests/parity/methods_parity.py

Bases as in trainer_parity.py. LoRA is compared twice: from its start, where B is zero, and from a
checkpoint in the middle, where it is not.
"""
import os
import re
import tempfile
import unittest

import numpy
import peft
import safetensors.torch
import torch
import transformers

import trainer_parity as peers

PREFIX = "base_model.model."


class MethodBars(unittest.TestCase):
    """A run of one method over a small random base; subclasses say which."""
    rate, steps, batch, accumulation = 2e-3, 50, 4, 2
    checkpoint = 25  # the end of the first epoch; the one that is kept beside the last
    labels, family, with_head = peers.LABELS, "bert", False
    method = {}

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.folder = cls.temporary.name
        cls.base = os.path.join(cls.folder, "base")
        cls.make_base()
        cls.rows_train, cls.rows_test = peers.synthetic_rows(200, 1), peers.synthetic_rows(40, 2)
        cls.train, cls.test = os.path.join(cls.folder, "train.csv"), os.path.join(cls.folder, "test.csv")
        peers.write_csv(cls.train, cls.rows_train)
        peers.write_csv(cls.test, cls.rows_test)
        cls.start, _, _ = cls.run_method("start", 1e-30, 1)
        cls.model, cls.events, log = cls.run_method("run", cls.rate, cls.steps)
        cls.log = [line for line in log if line["type"] == "step"]

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    @classmethod
    def make_base(cls):
        peers.make_tiny_base(cls.base, cls.with_head, cls.family)

    @classmethod
    def run_method(cls, name, rate, steps):
        spec = {
            "job": "jobs/parity", "attempt": 1, "work_dir": os.path.join(cls.folder, name),
            "base_model_dir": cls.base, "base_model_name": "models/base", "labels": cls.labels,
            "train": peers.dataset(cls.train), "test": peers.dataset(cls.test), "max_steps": steps, "threads": 1,
            **cls.method,
            "hyperparameters": {
                "batch_size": cls.batch, "gradient_accumulation_steps": cls.accumulation, "dropout": 0.0,
                "learning_rate": rate, "warmup_steps": 5, "weight_decay": 0.01, "seed": 3}}
        events, log = peers.run_trainer(spec, cls.folder)
        return os.path.join(cls.folder, name, "model"), events, log

    def texts(self):
        return [text for text, _ in self.rows_test]

    def assert_logits(self, ours, theirs):
        self.assertEqual(len(ours), len(theirs))
        for a, b in zip(ours, theirs):
            self.assertLessEqual(numpy.abs(a - b).max(), 1e-4)

    def logits_of(self, model, tokenizer):
        with torch.no_grad():
            return [model(**tokenizer(t, truncation=True, max_length=peers.longest(model), return_tensors="pt"))
                    .logits[0].numpy() for t in self.texts()]

    def check_export(self, formats):
        checks = self.events[-1]["export_checks"]
        self.assertEqual([c["format"] for c in checks], formats)
        for check in checks:
            self.assertEqual(check["rows"], 8)
            self.assertLessEqual(check["max_difference"], 1e-4)


class WithoutPooler:
    """A BERT base whose folder lacks the pooler."""

    @classmethod
    def make_base(cls):
        super().make_base()
        path = os.path.join(cls.base, "model.safetensors")
        weights = safetensors.torch.load_file(path)
        kept = {name: value for name, value in weights.items() if "pooler" not in name}
        safetensors.torch.save_file(kept, path, metadata={"format": "pt"})


class Lora:
    """The bars of LoRA."""

    def peft_model(self, adapter, trainable):
        base, tokenizer = peers.load(self.base, num_labels=len(self.labels))
        return peft.PeftModel.from_pretrained(base, adapter, is_trainable=trainable), tokenizer

    def test_every_step_agrees_from_the_start(self):
        model, tokenizer = self.peft_model(os.path.join(self.start, "adapter"), True)
        peers.follow(self, model, tokenizer, self.log)

    def test_every_step_agrees_from_a_checkpoint(self):
        model, tokenizer = self.peft_model(os.path.join(self.start, "adapter"), True)
        folder = os.path.join(self.folder, "run", "checkpoints", f"step-{self.checkpoint}")
        values = safetensors.torch.load_file(os.path.join(folder, "weights.safetensors"))
        self.assertGreater(max(v.abs().max() for n, v in values.items() if "lora_B" in n), 1e-3)
        peft.set_peft_model_state_dict(model, {PREFIX + name: value for name, value in values.items()})
        optimizer = peers.optimizer_of(model, self.rate)
        moments = safetensors.torch.load_file(os.path.join(folder, "optimizer.safetensors"))
        for name, p in model.named_parameters():
            if not p.requires_grad:
                continue
            own = re.sub(r"\.(modules_to_save\.)?default", "", name.removeprefix(PREFIX))
            optimizer.state[p] = {"step": torch.tensor(float(self.checkpoint)),
                                  "exp_avg": moments["first_moment." + own].clone(),
                                  "exp_avg_sq": moments["second_moment." + own].clone()}
        peers.follow(self, model, tokenizer, self.log[self.checkpoint:], optimizer)

    def test_only_adapters_and_head_are_in_a_checkpoint(self):
        model, _ = self.peft_model(os.path.join(self.start, "adapter"), True)
        folder = os.path.join(self.folder, "run", "checkpoints", f"step-{self.checkpoint}")
        values = safetensors.torch.load_file(os.path.join(folder, "weights.safetensors"))
        self.assertEqual({PREFIX + name for name in values}, set(peft.get_peft_model_state_dict(model)))

    def test_adapter_and_merged_folder_load_with_the_same_logits(self):
        adapter = os.path.join(self.model, "adapter")
        model, tokenizer = self.peft_model(adapter, False)
        theirs = self.logits_of(model.eval(), tokenizer)
        self.assert_logits(peers.our_logits(self.model, self.texts()), theirs)
        self.assert_logits(peers.our_logits(self.base, self.texts(), "--adapter", adapter), theirs)
        self.assert_logits(peers.peer_logits(self.model, self.texts()), theirs)
        self.assert_logits(self.logits_of(model.merge_and_unload(), tokenizer), theirs)
        self.check_export(["merged", "adapter"])


class LoraQueryValue(Lora, MethodBars):
    method = {"method": "lora", "lora": {"rank": 4, "alpha": 8}}


class LoraAllLinear(Lora, MethodBars):
    # With a head, so that the pooler is the base's: frozen, and adapted.
    with_head = True
    method = {"method": "lora", "lora": {"rank": 3, "alpha": 5, "rslora": True, "target_modules": ["all-linear"]}}


class LoraWithoutPooler(WithoutPooler, Lora, MethodBars):
    # The pooler is new, so it is trained as a whole and comes with the adapter.
    method = {"method": "lora", "lora": {"target_modules": ["query", "dense"]}}


class LoraRoberta(Lora, MethodBars):
    family = "roberta"
    method = {"method": "lora", "lora": {"target_modules": ["query", "key", "value", "dense"]}}


class LoraDistilBert(Lora, MethodBars):
    family = "distilbert"
    method = {"method": "lora", "lora": {"target_modules": ["q_lin", "v_lin", "lin2"]}}


class Frozen:
    """The bars of tuning a part: transformers recomputes the frozen layers in every step."""

    def test_every_step_agrees(self):
        model, tokenizer = peers.load(self.start)
        for name, p in model.named_parameters():
            p.requires_grad = re.search(self.trained, name) is not None
        peers.follow(self, model, tokenizer, self.log)

    def test_only_the_trained_part_changes(self):
        before, after = (safetensors.torch.load_file(os.path.join(d, "model.safetensors"))
                         for d in (self.start, self.model))
        changed = {name for name in before if not torch.equal(before[name], after[name])}
        self.assertEqual(changed, {name for name in before if re.search(self.trained, name)})

    def test_exported_folder_loads_with_the_same_logits(self):
        self.assert_logits(peers.our_logits(self.model, self.texts()), peers.peer_logits(self.model, self.texts()))
        self.check_export(["merged"])


class HeadOfBert(Frozen, MethodBars):
    with_head = True
    method, trained = {"method": "head"}, r"^classifier\."


class HeadOfBertWithoutPooler(WithoutPooler, Frozen, MethodBars):
    method, trained = {"method": "head"}, r"^classifier\.|pooler"


class HeadOfRoberta(Frozen, MethodBars):
    family = "roberta"
    method, trained = {"method": "head"}, r"^classifier\."


class HeadOfDistilBert(Frozen, MethodBars):
    family = "distilbert"
    method, trained = {"method": "head"}, r"classifier\."


class TopLayerOfBert(Frozen, MethodBars):
    with_head = True
    method, trained = {"method": "partial", "top_layers": 1}, r"layer\.1\.|pooler|classifier"


class AllLayersOfDistilBert(Frozen, MethodBars):
    family = "distilbert"
    method, trained = {"method": "partial", "top_layers": 2}, r"layer\.|classifier"


CASES = (LoraQueryValue, LoraAllLinear, LoraWithoutPooler, LoraRoberta, LoraDistilBert, HeadOfBert,
         HeadOfBertWithoutPooler, HeadOfRoberta, HeadOfDistilBert, TopLayerOfBert, AllLayersOfDistilBert)


def load_tests(loader, _tests, _pattern):
    return unittest.TestSuite(loader.loadTestsFromTestCase(case) for case in CASES)


if __name__ == "__main__":
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    torch.set_num_threads(1)
    unittest.main(verbosity=2)
