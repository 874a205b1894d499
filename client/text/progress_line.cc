// SPDX-License-Identifier: Apache-2.0
#include "client/text/progress_line.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_join.h"
#include "client/text/words.h"

namespace attune {
namespace {

constexpr int kBarCells = 14;

struct Segment {
  std::string text;
  int rank;  // the highest is left out first
};

std::string Ratio(const std::string& done, const std::string& total) {
  return absl::StrCat(done, total.empty() ? "" : "/", total);
}

std::vector<Segment> SegmentsOf(const ProgressView& view) {
  std::vector<Segment> segments;
  segments.push_back(
      {absl::StrCat("step ", Ratio(absl::StrCat(view.step),
                                   view.total_steps > 0 ? absl::StrCat(view.total_steps) : "")),
       0});
  segments.push_back(
      {absl::StrCat("epoch ", Ratio(absl::StrFormat("%.2f", view.epoch),
                                    view.total_epochs > 0 ? absl::StrCat(view.total_epochs) : "")),
       4});
  if (view.loss) segments.push_back({absl::StrCat("loss ", MetricText(*view.loss)), 1});
  if (view.learning_rate) {
    segments.push_back({absl::StrFormat("lr %.3g", *view.learning_rate), 6});
  }
  if (view.images_per_second) {
    segments.push_back({absl::StrCat(RateText(*view.images_per_second), " img/s"), 5});
  } else if (view.tokens_per_second) {
    segments.push_back({absl::StrCat(RateText(*view.tokens_per_second), " tok/s"), 5});
  }
  if (!view.eval_metric.empty()) {
    segments.push_back({absl::StrCat("eval ", MetricName(view.eval_metric), " ",
                                     MetricText(view.eval_metric, view.eval_value)),
                        3});
  }
  if (view.eta_seconds) {
    segments.push_back({absl::StrCat("ETA ", CountdownText(absl::Seconds(*view.eta_seconds))), 2});
  }
  return segments;
}

std::string Join(const std::vector<Segment>& segments) {
  return absl::StrCat(" ", absl::StrJoin(segments, "  ", [](std::string* out, const Segment& s) {
                        out->append(s.text);
                      }));
}

std::string Bar(const ProgressView& view) {
  const double part =
      std::clamp(static_cast<double>(view.step) / static_cast<double>(view.total_steps), 0.0, 1.0);
  const int full = static_cast<int>(part * kBarCells);
  std::string bar;
  for (int i = 0; i < kBarCells; ++i) bar += i < full ? "█" : "░";
  return bar;
}

// Rows without tokens are images.
void SetRate(ProgressView& view, double tokens, double samples) {
  const bool images = tokens == 0 && samples > 0;
  view.tokens_per_second = tokens;
  view.images_per_second = images ? std::optional<double>(samples) : std::nullopt;
}

}  // namespace

ProgressView ViewOf(const v1::Progress& progress) {
  ProgressView view;
  view.step = progress.step();
  view.total_steps = progress.total_steps();
  view.epoch = progress.epoch();
  view.total_epochs = progress.total_epochs();
  if (progress.has_loss()) view.loss = progress.loss();
  if (progress.has_learning_rate()) view.learning_rate = progress.learning_rate();
  if (progress.has_tokens_per_second()) {
    SetRate(view, progress.tokens_per_second(), progress.samples_per_second());
  }
  if (progress.has_eta_seconds()) view.eta_seconds = progress.eta_seconds();
  if (progress.has_latest_evaluation()) Update(view, progress.latest_evaluation());
  return view;
}

void Update(ProgressView& view, const v1::StepMetrics& metrics) {
  view.step = metrics.step();
  view.epoch = metrics.epoch();
  view.loss = metrics.loss();
  view.learning_rate = metrics.learning_rate();
  SetRate(view, metrics.tokens_per_second(), metrics.samples_per_second());
  view.eta_seconds = metrics.eta_seconds();
}

void Update(ProgressView& view, const v1::Evaluation& evaluation) {
  if (evaluation.split() != v1::Evaluation::EVAL) return;
  for (const char* name : {"accuracy", "macro_f1", "chrf", "loss"}) {
    const auto found = evaluation.metrics().find(name);
    if (found == evaluation.metrics().end()) continue;
    view.eval_metric = name;
    view.eval_value = found->second;
    return;
  }
}

std::string LiveLine(const ProgressView& view, const Terminal& terminal) {
  std::vector<Segment> segments = SegmentsOf(view);
  const int room = terminal.columns - 1;  // a full line would wrap
  std::string line = Join(segments);
  const bool has_bar = view.total_steps > 0;
  if (has_bar && DisplayWidth(line) + 2 + kBarCells <= room) {
    return absl::StrCat(line, "  ", Paint(terminal, Colour::kGreen, Bar(view)));
  }
  const auto lower = [](const Segment& a, const Segment& b) { return a.rank < b.rank; };
  while (segments.size() > 1 && DisplayWidth(line) > room) {
    segments.erase(std::max_element(segments.begin(), segments.end(), lower));
    line = Join(segments);
  }
  return line;
}

std::string PlainLine(const ProgressView& view) { return Join(SegmentsOf(view)); }

}  // namespace attune
