// SPDX-License-Identifier: Apache-2.0
// The keys of an evaluation in JSON, for base/json_object.h: in a frame, in a checkpoint's state
// and in metrics.jsonl. For .cc files.
#pragma once

#include "base/trainer_protocol.h"

namespace attune {

template <typename V>
void Fields(V& v, typename V::template Ref<TranslationSample> s) {
  v.Key("source", s.source);
  v.Key("reference", s.reference);
  v.Key("translation", s.translation);
}

// All but its seconds, which are not the same when a run is repeated.
template <typename V>
void EvaluationFields(V& v, typename V::template Ref<EvaluationFrame> s) {
  v.Key("split", s.split);
  v.Key("step", s.step);
  v.Key("epoch", s.epoch);
  v.Key("examples", s.examples);
  v.Key("metrics", s.metrics);
  v.Key("confusion", s.confusion);
  v.Key("best", s.best);
  v.Key("samples", s.samples);
}

}  // namespace attune
