// SPDX-License-Identifier: Apache-2.0
#include "tests/worker/trainer/testing/deaths.h"

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/worker/trainer/testing/mortal_task.h"
#include "tests/worker/trainer/testing/tiny_job.h"

namespace attune::testing {
namespace {

std::string Read(const std::string& path) {
  auto content = PosixFileSystem().ReadFile(path);
  EXPECT_TRUE(content.ok()) << content.status();
  return content.value_or("");
}

void CollectEvaluations(const AttemptResult& result, Outcome& outcome) {
  for (const EvaluationFrame& e : result.evaluations) {
    if (e.split == "EVAL") outcome.evaluated.push_back(e.step);
  }
}

}  // namespace

Outcome OutcomeOf(const TrainerSpec& spec) {
  return {Read(JoinPath(spec.work_dir, "model/model.safetensors")),
          Read(JoinPath(spec.work_dir, "model/metrics.jsonl")),
          {}};
}

Outcome RunWithDeaths(TrainerSpec spec, const std::string& root,
                      const std::function<std::unique_ptr<Task>()>& load, uint64_t calls,
                      Rng& rng) {
  Outcome outcome;
  for (int number = 1; number < 200; ++number) {
    spec.work_dir = JoinPath(root, absl::StrCat("attempt-", number));
    EXPECT_TRUE(PosixFileSystem().MakeDirs(spec.work_dir).ok());
    const auto task = load();
    MortalTask mortal(*task, static_cast<int64_t>(1 + rng.Below(calls)));
    Attempt attempt;
    AttemptResult result;
    bool died = false;
    try {
      result = attempt.Run(spec, mortal);
    } catch (const Death&) {
      died = true;
      result.checkpoints = attempt.sink().All<CheckpointFrame>();
      result.evaluations = attempt.sink().All<EvaluationFrame>();
    }
    CollectEvaluations(result, outcome);
    if (!died) {
      EXPECT_TRUE(result.end.ok()) << result.end.status();
      Outcome final_outcome = OutcomeOf(spec);
      final_outcome.evaluated = outcome.evaluated;
      final_outcome.deaths = outcome.deaths;
      return final_outcome;
    }
    ++outcome.deaths;
    if (!result.checkpoints.empty()) spec.resume_dir = result.checkpoints.back().dir;
  }
  ADD_FAILURE() << "no attempt lived";
  return outcome;
}

void ExpectSameBytes(const TrainerSpec& spec, const std::string& root,
                     const std::function<std::unique_ptr<Task>()>& load, uint64_t seed) {
  const auto task = load();
  const AttemptResult whole = Attempt().Run(spec, *task);
  ASSERT_TRUE(whole.end.ok()) << whole.end.status();
  const Outcome expected = OutcomeOf(spec);

  SeededRng rng(seed);
  const Outcome outcome = RunWithDeaths(spec, root, load, /*calls=*/20, rng);
  EXPECT_GT(outcome.deaths, 0);
  EXPECT_TRUE(outcome.weights == expected.weights) << "after " << outcome.deaths << " deaths";
  EXPECT_EQ(outcome.metrics, expected.metrics);
}

}  // namespace attune::testing
