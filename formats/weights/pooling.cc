// SPDX-License-Identifier: Apache-2.0
#include "formats/weights/pooling.h"

#include "absl/strings/str_cat.h"

namespace attune {
namespace {

constexpr const char* kInWords[] = {"The head sits on the first token",
                                    "The head sits on the mean of all tokens"};

PoolingChoice Choice(Pooling pooling, std::string_view because) {
  return {pooling, absl::StrCat(kInWords[static_cast<size_t>(pooling)], ", ", std::string(because)),
          false};
}

PoolingChoice Choose(std::string_view wanted, std::string_view method, const BasePooling& base) {
  if (IsPooling(wanted)) return Choice(PoolingNamed(wanted), "as the job says.");
  if (base.has_head && base.head == Pooling::kMean) {
    return Choice(Pooling::kMean, "as that of the base does.");
  }
  if (base.has_head || base.trained.empty()) return {};
  if (base.trained == "cls") return Choice(Pooling::kFirstToken, "as the base's 1_Pooling says.");
  if (base.trained != "mean") {
    PoolingChoice choice = Choice(
        Pooling::kFirstToken,
        absl::StrCat("though the base was trained to produce '", base.trained,
                     "' of them, which no head here sits on. With a frozen encoder this can cost "
                     "accuracy; pooling: POOLING_MEAN may fit better."));
    choice.warns = true;
    return choice;
  }
  if (method == "head") return Choice(Pooling::kMean, "as the base's 1_Pooling says.");
  return Choice(
      Pooling::kFirstToken,
      "though the base's 1_Pooling says mean: its encoder is trained here, and the result "
      "is the family's own classifier. pooling: POOLING_MEAN puts it on the mean.");
}

}  // namespace

std::string PoolingName(Pooling pooling) {
  return pooling == Pooling::kMean ? "mean" : "first_token";
}

bool IsPooling(std::string_view name) { return name == "mean" || name == "first_token"; }

Pooling PoolingNamed(std::string_view name) {
  return name == "mean" ? Pooling::kMean : Pooling::kFirstToken;
}

PoolingChoice ChoosePooling(std::string_view wanted, std::string_view method,
                            const BasePooling& base) {
  PoolingChoice choice = Choose(wanted, method, base);
  if (choice.pooling == Pooling::kMean && method == "lora") {
    absl::StrAppend(&choice.notice,
                    " The result holds the adapters merged into the weights alone: PEFT has no "
                    "class for such a head.");
  }
  return choice;
}

}  // namespace attune
