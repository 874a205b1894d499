// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/models/translate.h"

#include <cmath>
#include <utility>

#include "worker/trainer/layers/embedding.h"
#include "worker/trainer/layers/likeliest.h"

namespace attune {
namespace {

// A translation that is being made, of a source; one row of the batch.
struct Hypothesis {
  size_t source = 0;
  Translated so_far;
};

// How a hypothesis may go on.
struct Continuation {
  size_t row = 0;  // of the hypothesis
  int32_t id = 0;
  double log_probability = 0;  // of the whole
};

// The best of a source's translations that have ended.
struct Ended {
  int64_t count = 0;
  double score = 0;
  Translated best;
};

// Beam search in which ended hypotheses keep their places in the beam: each source has beam_size of
// them at first, and is done when all have ended.
class Search {
 public:
  Search(const TranslationModel& model, const PackedBatch& sources, int32_t end_id,
         int64_t max_length, const DecodingSpec& decoding);

  std::vector<Translated> Run();

 private:
  // The likeliest continuations of all live hypotheses, source by source, as many as the source has
  // places.
  std::vector<Continuation> Step();
  std::vector<Continuation> BestOfSource(size_t source, const std::vector<LikelyToken>& likeliest,
                                         size_t first_row, size_t end_row) const;
  void Advance(const std::vector<Continuation>& continuations);
  void End(size_t source, Translated translation, int64_t tokens);
  // Where each source's live hypotheses begin among the rows.
  std::vector<int64_t> LiveOffsets() const;
  int64_t LongestOf(size_t source) const;

  const TranslationModel& model_;
  const PackedBatch& sources_;
  const int32_t end_id_;
  const int64_t max_length_;
  const DecodingSpec& decoding_;

  std::vector<at::Tensor> key_values_;  // of each decoder layer, for all sources
  std::vector<at::Tensor> cells_;       // of each decoder layer, one row a live hypothesis
  std::vector<Hypothesis> live_;        // in the order of their sources
  std::vector<Ended> ended_;            // one a source
  int64_t steps_ = 0;                   // tokens that each live hypothesis has
};

Search::Search(const TranslationModel& model, const PackedBatch& sources, int32_t end_id,
               int64_t max_length, const DecodingSpec& decoding)
    : model_(model),
      sources_(sources),
      end_id_(end_id),
      max_length_(std::min(max_length, model.config().max_length)),
      decoding_(decoding),
      cells_(model.decoder().size()),
      ended_(static_cast<size_t>(sources.sequences())) {
  const at::Tensor encoded = model.Encode(sources);
  for (const DecoderLayer& layer : model.decoder()) {
    key_values_.push_back(KeyValueRows(layer.attention, encoded, {}));
  }
  for (size_t s = 0; s < ended_.size(); ++s) live_.push_back({s, {}});
}

std::vector<int64_t> Search::LiveOffsets() const {
  std::vector<int64_t> offsets(ended_.size() + 1);
  for (const Hypothesis& h : live_) ++offsets[h.source + 1];
  for (size_t s = 1; s < offsets.size(); ++s) offsets[s] += offsets[s - 1];
  return offsets;
}

int64_t Search::LongestOf(size_t source) const {
  return LongestTranslation(sources_.offsets[source + 1] - sources_.offsets[source], max_length_);
}

std::vector<Continuation> Search::BestOfSource(size_t source,
                                               const std::vector<LikelyToken>& likeliest,
                                               size_t first_row, size_t end_row) const {
  const auto beam = static_cast<size_t>(decoding_.beam_size);
  std::vector<Continuation> all;
  for (size_t row = first_row; row < end_row; ++row) {
    for (size_t i = row * beam; i < (row + 1) * beam; ++i) {
      all.push_back(
          {row, likeliest[i].id, live_[row].so_far.log_probability + likeliest[i].log_probability});
    }
  }
  // Of equal ones the earlier row and its likelier token first, so that the result is one.
  std::stable_sort(all.begin(), all.end(), [](const Continuation& a, const Continuation& b) {
    return a.log_probability > b.log_probability;
  });
  const auto places = static_cast<size_t>(decoding_.beam_size - ended_[source].count);
  all.resize(std::min(all.size(), places));
  return all;
}

std::vector<Continuation> Search::Step() {
  const std::vector<int64_t> offsets = LiveOffsets();
  const AttentionSequences sequences{&offsets, &sources_.offsets};
  std::vector<int32_t> last_ids;
  for (const Hypothesis& h : live_) last_ids.push_back(steps_ == 0 ? -1 : h.so_far.ids.back());
  at::Tensor rows = model_.EmbedTargets(last_ids, static_cast<int32_t>(steps_));
  for (size_t i = 0; i < cells_.size(); ++i) {
    rows = DecoderLayerStep(model_.decoder()[i], sequences, rows, key_values_[i], cells_[i]);
  }
  const std::vector<LikelyToken> likeliest =
      LikeliestTokens(offsets.back(), model_.Logits(rows), decoding_.beam_size);
  std::vector<Continuation> continuations;
  for (size_t s = 0; s < ended_.size(); ++s) {
    for (const Continuation& c : BestOfSource(s, likeliest, static_cast<size_t>(offsets[s]),
                                              static_cast<size_t>(offsets[s + 1]))) {
      continuations.push_back(c);
    }
  }
  ++steps_;
  return continuations;
}

void Search::End(size_t source, Translated translation, int64_t tokens) {
  Ended& ended = ended_[source];
  const double score =
      translation.log_probability / std::pow(static_cast<double>(tokens), decoding_.length_penalty);
  if (ended.count++ > 0 && score <= ended.score) return;
  ended.score = score;
  ended.best = std::move(translation);
}

void Search::Advance(const std::vector<Continuation>& continuations) {
  std::vector<Hypothesis> next;
  std::vector<int64_t> from_rows;
  for (const Continuation& c : continuations) {
    Hypothesis h = live_[c.row];
    h.so_far.log_probability = c.log_probability;
    if (c.id != end_id_) h.so_far.ids.push_back(c.id);
    if (c.id == end_id_ || steps_ == LongestOf(h.source)) {
      End(h.source, std::move(h.so_far), steps_);
      continue;
    }
    from_rows.push_back(static_cast<int64_t>(c.row));
    next.push_back(std::move(h));
  }
  live_ = std::move(next);
  for (at::Tensor& cells : cells_) cells = GatherRows(cells, from_rows);
}

std::vector<Translated> Search::Run() {
  while (!live_.empty()) Advance(Step());
  std::vector<Translated> best;
  for (Ended& ended : ended_) best.push_back(std::move(ended.best));
  return best;
}

}  // namespace

std::vector<Translated> Translate(const TranslationModel& model, const PackedBatch& sources,
                                  int32_t end_id, int64_t max_length,
                                  const DecodingSpec& decoding) {
  return Search(model, sources, end_id, max_length, decoding).Run();
}

}  // namespace attune
