// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/methods/lora.h"

#include <cmath>
#include <set>

#include "ATen/ops/empty.h"
#include "ATen/ops/zeros.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/strip.h"
#include "base/errors.h"
#include "worker/trainer/device/keyed_random.h"

namespace attune {
namespace {

std::string ModuleOf(const ParameterPart& weight) {
  return std::string(absl::StripSuffix(weight.name, ".weight"));
}

bool Fits(const std::string& target, const std::string& module) {
  return target == kAllLinear || target == module ||
         absl::EndsWith(module, absl::StrCat(".", target));
}

// A function of (seed, site, i), so that an adapter does not depend on which others there are.
void FillUniform(at::Tensor& t, double bound, uint64_t seed, uint64_t site) {
  constexpr uint64_t kAdapterKey = 0x617474756E6C6F72ull;
  const uint64_t key = Mix(Mix(kAdapterKey, seed), site);
  float* out = t.mutable_data_ptr<float>();
  for (int64_t i = 0; i < t.numel(); ++i) {
    const double unit =
        (static_cast<double>(Mix(key, static_cast<uint64_t>(i)) >> 11) + 0.5) * 0x1.0p-53;
    out[i] = static_cast<float>(bound * (2 * unit - 1));
  }
}

LoraAdapter MakeAdapter(const LoraSpec& lora, uint64_t seed, const AdaptedLinear& linear,
                        size_t part) {
  const ParameterPart& weight = linear.weight.parts[part];
  const auto rank = static_cast<double>(lora.rank);
  const int64_t in = linear.weight.value.size(1);
  LoraAdapter adapter;
  adapter.module = ModuleOf(weight);
  adapter.outputs = {weight.row_begin, weight.rows};
  adapter.site = linear.first_site + part;
  adapter.scale = lora.alpha / (lora.rslora ? std::sqrt(rank) : rank);
  adapter.a.value = at::empty({lora.rank, in}, at::kFloat);
  adapter.a.parts = {{absl::StrCat(adapter.module, ".lora_A.weight"), 0, lora.rank}};
  // kaiming_uniform with a = √5: √(6 / ((1 + 5) · in)).
  FillUniform(adapter.a.value, 1 / std::sqrt(static_cast<double>(in)), seed, adapter.site);
  adapter.b.value = at::zeros({weight.rows, lora.rank}, at::kFloat);
  adapter.b.parts = {{absl::StrCat(adapter.module, ".lora_B.weight"), 0, weight.rows}};
  return adapter;
}

// Names without what numbers them: "query", "key", "value", "dense".
absl::Status NoLayerFits(size_t index, const std::vector<AdaptedLinear*>& linears) {
  std::set<std::string> last_parts;
  for (const AdaptedLinear* linear : linears) {
    if (linear->weight.trainable) continue;
    for (const ParameterPart& part : linear->weight.parts) {
      const std::string module = ModuleOf(part);
      last_parts.insert(module.substr(module.rfind('.') + 1));
    }
  }
  return InvalidFields(
      {{absl::StrCat("lora.target_modules[", index, "]"),
        absl::StrCat("fits no frozen linear layer of this base; their names end in ",
                     absl::StrJoin(last_parts, ", "), "; \"", kAllLinear, "\" means all")}});
}

absl::Status AdaptFrozen(const LoraSpec& lora, uint64_t seed,
                         const std::vector<AdaptedLinear*>& linears) {
  std::vector<bool> used(lora.target_modules.size(), false);
  for (AdaptedLinear* linear : linears) {
    if (linear->weight.trainable) continue;
    for (size_t part = 0; part < linear->weight.parts.size(); ++part) {
      bool wanted = false;
      for (size_t t = 0; t < used.size(); ++t) {
        if (!Fits(lora.target_modules[t], ModuleOf(linear->weight.parts[part]))) continue;
        used[t] = wanted = true;
      }
      if (wanted) linear->adapters.push_back(MakeAdapter(lora, seed, *linear, part));
    }
  }
  for (size_t t = 0; t < used.size(); ++t) {
    if (!used[t]) return NoLayerFits(t, linears);
  }
  return absl::OkStatus();
}

}  // namespace

absl::Status AddAdapters(const LoraSpec& lora, uint64_t seed, TextClassifier& model) {
  model.FreezeButHead();
  return AdaptFrozen(lora, seed, model.linears());
}

absl::Status AddAdapters(const LoraSpec& lora, uint64_t seed, TranslationModel& model) {
  Freeze(model.parameters());
  return AdaptFrozen(lora, seed, model.linears());
}

std::vector<std::string> AdaptedModules(const std::vector<AdaptedLinear*>& linears) {
  std::vector<std::string> modules;
  for (const AdaptedLinear* linear : linears) {
    for (const LoraAdapter& adapter : linear->adapters) modules.push_back(adapter.module);
  }
  return modules;
}

}  // namespace attune
