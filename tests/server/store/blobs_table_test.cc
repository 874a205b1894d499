// SPDX-License-Identifier: Apache-2.0
#include "server/store/blobs_table.h"

#include "tests/server/store/store_fixture.h"

namespace attune {
namespace {

TEST(BlobsTable, KnowsSizesAndTotals) {
  StoreFixture fixture;
  ASSERT_EQ(fixture.Open(), absl::OkStatus());
  ASSERT_EQ(fixture.Write([](Transaction& t) -> absl::Status {
    ATTUNE_RETURN_IF_ERROR(PutBlob(t, "aa", 5));
    ATTUNE_RETURN_IF_ERROR(PutBlob(t, "bb", 7));
    return PutBlob(t, "aa", 5);
  }),
            absl::OkStatus());
  ASSERT_EQ(fixture.Read([](Snapshot& snapshot) -> absl::Status {
    ATTUNE_ASSIGN_OR_RETURN(const auto size, FindBlobSize(snapshot, "bb"));
    EXPECT_EQ(size, 7);
    ATTUNE_ASSIGN_OR_RETURN(const auto none, FindBlobSize(snapshot, "cc"));
    EXPECT_FALSE(none.has_value());
    ATTUNE_ASSIGN_OR_RETURN(const BlobTotals totals, CountBlobs(snapshot));
    EXPECT_EQ(totals.count, 2);
    EXPECT_EQ(totals.bytes, 12);
    return absl::OkStatus();
  }),
            absl::OkStatus());
}

}  // namespace
}  // namespace attune
