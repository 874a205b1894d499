// SPDX-License-Identifier: Apache-2.0
#include "server/jobs/start_checkpoint.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "base/resource_name.h"
#include "server/jobs/job_fit.h"
#include "server/jobs/job_lookup.h"
#include "server/jobs/job_validator.h"
#include "server/store/events_table.h"
#include "server/store/inputs_table.h"

namespace attune {
namespace {

constexpr char kField[] = "job.spec.fine_tune.start_checkpoint.";

absl::Status Refuse(const char* field, std::string_view description) {
  return InvalidFields({{absl::StrCat(kField, field), std::string(description)}});
}

// Those that a job may start from, by step.
absl::StatusOr<std::vector<v1::Checkpoint>> SoundCheckpoints(const Snapshot& snapshot,
                                                             std::string_view job_id) {
  ATTUNE_ASSIGN_OR_RETURN(std::vector<CheckpointRecord> records, ListCheckpoints(snapshot, job_id));
  std::vector<v1::Checkpoint> sound;
  for (CheckpointRecord& record : records) {
    if (!record.bad) sound.push_back(std::move(record.checkpoint));
  }
  std::sort(sound.begin(), sound.end(),
            [](const auto& a, const auto& b) { return a.step() < b.step(); });
  return sound;
}

absl::StatusOr<v1::Checkpoint> Choose(const std::vector<v1::Checkpoint>& sound,
                                      const v1::CheckpointRef& start) {
  const auto fits = [&](const v1::Checkpoint& checkpoint) {
    if (start.step() > 0) return checkpoint.step() == start.step();
    return !start.best() || checkpoint.best();
  };
  const auto found = std::find_if(sound.rbegin(), sound.rend(), fits);
  if (found != sound.rend()) return *found;
  if (sound.empty()) {
    return Refuse("job", absl::StrCat(start.job(),
                                      " keeps no sound checkpoint; wait for its first "
                                      "one, or name another job"));
  }
  const std::string kept =
      absl::StrJoin(sound, ", ", [](std::string* out, const v1::Checkpoint& checkpoint) {
        absl::StrAppend(out, checkpoint.step(), checkpoint.best() ? " (best)" : "");
      });
  if (start.step() == 0) {
    return Refuse("best", absl::StrCat("no checkpoint that ", start.job(),
                                       " keeps is a best one; it keeps those of steps ", kept));
  }
  return Refuse("step", absl::StrCat("must be a step whose checkpoint ", start.job(),
                                     " keeps: ", kept, "; got ", start.step()));
}

absl::StatusOr<std::optional<v1::Dataset>> TrainingRows(const Snapshot& snapshot,
                                                        const v1::JobSpec& spec) {
  ATTUNE_ASSIGN_OR_RETURN(const std::string id,
                          ParseResourceName("datasets", spec.fine_tune().train_dataset()));
  absl::StatusOr<v1::Dataset> dataset = GetDataset(snapshot, id);
  if (absl::IsNotFound(dataset.status())) return std::nullopt;
  if (!dataset.ok()) return dataset.status();
  return *std::move(dataset);
}

// Compares values of the two jobs, in words.
class Comparison {
 public:
  explicit Comparison(std::string origin) : origin_(std::move(origin)) {}

  void Same(std::string_view field, const std::string& theirs, const std::string& ours) {
    if (theirs == ours) return;
    checks_.Add(absl::StrCat("job.spec.fine_tune.", std::string(field)),
                absl::StrCat("must be that of ", origin_,
                             ", from whose checkpoint it starts: ", theirs, "; got ", ours));
  }
  void Same(std::string_view field, double theirs, double ours) {
    Same(field, absl::StrCat(theirs), absl::StrCat(ours));
  }
  std::vector<FieldViolation> Take() { return checks_.Take(); }

 private:
  const std::string origin_;
  FieldChecks checks_;
};

std::string TargetsOf(const v1::LoraTuning& lora) {
  std::vector<std::string> targets(lora.target_modules().begin(), lora.target_modules().end());
  std::sort(targets.begin(), targets.end());
  return absl::StrJoin(targets, ", ");
}

void CompareMethods(const v1::JobSpec& theirs, const v1::JobSpec& ours, Comparison& comparison) {
  const v1::FineTune &a = theirs.fine_tune(), &b = ours.fine_tune();
  comparison.Same("method", MethodName(theirs), MethodName(ours));
  if (a.has_lora() && b.has_lora()) {
    comparison.Same("lora.rank", absl::StrCat(a.lora().rank()), absl::StrCat(b.lora().rank()));
    comparison.Same("lora.alpha", a.lora().alpha(), b.lora().alpha());
    comparison.Same("lora.rslora", a.lora().rslora() ? "true" : "false",
                    b.lora().rslora() ? "true" : "false");
    comparison.Same("lora.target_modules", TargetsOf(a.lora()), TargetsOf(b.lora()));
  }
  if (a.has_partial() && b.has_partial()) {
    comparison.Same("partial.top_layers", absl::StrCat(a.partial().top_layers()),
                    absl::StrCat(b.partial().top_layers()));
  }
}

std::string LabelsInWords(const v1::Dataset& dataset) {
  const std::string labels = absl::StrJoin(dataset.labels(), ", ");
  return labels.empty() ? LabelKindWord(LabelKindOf(dataset))
                        : absl::StrCat(LabelKindWord(LabelKindOf(dataset)), " ", labels);
}

}  // namespace

void CheckStartReference(const v1::CheckpointRef& start, FieldChecks& checks) {
  checks.Reference(absl::StrCat(kField, "job"), "jobs", start.job());
  checks.AtLeast(absl::StrCat(kField, "step"), start.step(), 0);
  if (start.best() && start.step() > 0) {
    checks.Add(absl::StrCat(kField, "best"), "must not be set together with step");
  }
}

absl::StatusOr<std::optional<StartOrigin>> ResolveStart(const Snapshot& snapshot,
                                                        v1::JobSpec& spec) {
  if (!spec.fine_tune().has_start_checkpoint()) return std::nullopt;
  v1::FineTune& tune = *spec.mutable_fine_tune();
  v1::CheckpointRef& start = *tune.mutable_start_checkpoint();
  ATTUNE_ASSIGN_OR_RETURN(const std::string id, ParseResourceName("jobs", start.job()));
  ATTUNE_ASSIGN_OR_RETURN(JobRecord record, LookUpJob(snapshot, id));
  if (!record.job.spec().has_fine_tune()) {
    return Refuse("job", absl::StrCat("must be a job that fine-tunes; the work of ", start.job(),
                                      " is ", MethodName(record.job.spec())));
  }
  ATTUNE_ASSIGN_OR_RETURN(const auto sound, SoundCheckpoints(snapshot, id));
  ATTUNE_ASSIGN_OR_RETURN(const v1::Checkpoint checkpoint, Choose(sound, start));
  start.set_step(checkpoint.step());
  start.clear_best();
  *start.mutable_files() = checkpoint.files();

  StartOrigin origin{.job = start.job(), .spec = std::move(*record.job.mutable_spec())};
  ATTUNE_ASSIGN_OR_RETURN(origin.dataset, TrainingRows(snapshot, origin.spec));
  if (tune.base_model().empty()) tune.set_base_model(origin.spec.fine_tune().base_model());
  return origin;
}

std::vector<FieldViolation> CheckStart(const v1::JobSpec& spec, const JobInputs& inputs,
                                       const StartOrigin& origin) {
  Comparison comparison(origin.job);
  comparison.Same("base_model", origin.spec.fine_tune().base_model(),
                  spec.fine_tune().base_model());
  CompareMethods(origin.spec, spec, comparison);
  const bool known = origin.dataset && origin.dataset->state() == v1::Dataset::READY &&
                     inputs.train->state() == v1::Dataset::READY;
  if (known) {
    comparison.Same("train_dataset", LabelsInWords(*origin.dataset), LabelsInWords(*inputs.train));
  }
  return comparison.Take();
}

}  // namespace attune
