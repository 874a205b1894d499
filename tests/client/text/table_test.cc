// SPDX-License-Identifier: Apache-2.0
#include "client/text/table.h"

#include <gtest/gtest.h>

namespace attune {
namespace {

TEST(Table, AlignsColumns) {
  Table table({"NAME", "STATE"});
  table.AddRow({"jobs/a", "QUEUED"});
  table.AddRow({"jobs/größer", ""});
  EXPECT_EQ(table.ToText(),
            "NAME         STATE\n"
            "jobs/a       QUEUED\n"
            "jobs/größer  -\n");
}

TEST(Table, CutsLinesAtTheTerminalsWidth) {
  Table table({"A", "B"});
  table.AddRow({"äöü", "12345"});
  EXPECT_EQ(table.ToText(7), "A    B\näöü  1…\n");
}

TEST(Table, DisarmsCells) {
  Table table({"A"});
  table.AddRow({"x\ny"});
  EXPECT_EQ(table.ToText(), "A\nx?y\n");
}

}  // namespace
}  // namespace attune
