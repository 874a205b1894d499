// SPDX-License-Identifier: Apache-2.0
#include "worker/trainer/batching/packed_batch.h"

#include "gmock/gmock.h"

namespace attune {
namespace {

using ::testing::ElementsAre;

TEST(PackedBatch, HoldsNothingButTheTokens) {
  PackedBatch batch;
  batch.Add({7, 8, 9}, {0, 0, 1});
  batch.Add({5}, {0});
  EXPECT_THAT(batch.ids, ElementsAre(7, 8, 9, 5));
  EXPECT_THAT(batch.positions, ElementsAre(0, 1, 2, 0));
  EXPECT_THAT(batch.type_ids, ElementsAre(0, 0, 1, 0));
  EXPECT_THAT(batch.offsets, ElementsAre(0, 3, 4));
  EXPECT_THAT(batch.first_tokens(), ElementsAre(0, 3));
  EXPECT_EQ(batch.tokens(), 4);
  EXPECT_EQ(batch.sequences(), 2);
}

}  // namespace
}  // namespace attune
