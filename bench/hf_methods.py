# SPDX-License-Identifier: Apache-2.0
"""The peer of bench/methods.sh: PEFT's LoRA and a frozen encoder in transformers' Trainer, fp32,
dynamic padding. One JSON line on stdout.

    hf_methods.py METHOD EPOCHS RATE TRAIN_CSV TEST_CSV

METHOD: lora or lora-all-linear; head, BertForSequenceClassification on the first token; head-mean,
a linear layer on the mean of all tokens of the plain BertModel.
"""
import json
import sys
import tempfile
import time

import peft
import torch
import transformers

import hf_sentiment
import sentiment_data as data

TARGETS = {"lora": ["query", "value"], "lora-all-linear": "all-linear"}


class OnMean(torch.nn.Module):
    """The encoder of a classifier, frozen, and a new linear layer on the mean of its tokens."""

    def __init__(self, classifier):
        super().__init__()
        self.encoder = classifier.base_model.requires_grad_(False)
        self.encoder.pooler = None  # not on the way to the head
        self.dropout, self.classifier = classifier.dropout, classifier.classifier

    def forward(self, input_ids, attention_mask, labels=None):
        tokens = self.encoder(input_ids, attention_mask).last_hidden_state
        mask = attention_mask.unsqueeze(-1)
        logits = self.classifier(self.dropout((tokens * mask).sum(1) / mask.sum(1)))
        loss = None if labels is None else torch.nn.functional.cross_entropy(logits, labels)
        return transformers.modeling_outputs.SequenceClassifierOutput(loss=loss, logits=logits)


def prepare(method):
    def lora(model):
        return peft.get_peft_model(model, peft.LoraConfig(
            task_type="SEQ_CLS", r=8, lora_alpha=8, lora_dropout=0.0, target_modules=TARGETS[method]))

    def head(model):
        model.base_model.requires_grad_(False)
        return model

    return {"head": head, "head-mean": OnMean}.get(method, lora)


def main():
    method, epochs, learning_rate, train, test = sys.argv[1:]
    rows = data.read(train)
    with tempfile.TemporaryDirectory() as folder:
        tokenizer, trainer = hf_sentiment.make_trainer(
            folder, rows, None, prepare(method), learning_rate=float(learning_rate),
            num_train_epochs=float(epochs), save_strategy="no")
        start = time.perf_counter()
        trainer.train()
        trained = time.perf_counter() - start
        tested = trainer.predict(
            hf_sentiment.encode(tokenizer, data.read(test), hf_sentiment.labels_of(rows)))
    result = {"accuracy": tested.metrics["test_accuracy"], "train_seconds": trained,
              "trainable": sum(p.numel() for p in trainer.model.parameters() if p.requires_grad),
              "versions": {"transformers": transformers.__version__, "peft": peft.__version__,
                           "torch": torch.__version__}}
    print("RESULT " + json.dumps(result), flush=True)


if __name__ == "__main__":
    main()
