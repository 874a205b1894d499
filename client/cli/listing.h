// SPDX-License-Identifier: Apache-2.0
// Lists of resources, as tables and in the other output formats.
#pragma once

#include <ostream>

#include "absl/time/time.h"
#include "attune/v1/dataset.pb.h"
#include "attune/v1/job.pb.h"
#include "attune/v1/model.pb.h"
#include "attune/v1/worker.pb.h"
#include "client/cli/session.h"
#include "client/text/table.h"

namespace attune {

template <typename Message>
using Repeated = google::protobuf::RepeatedPtrField<Message>;

Table TableOf(const Repeated<v1::Job>& jobs, absl::Time now);
Table TableOf(const Repeated<v1::Dataset>& datasets, absl::Time now);
Table TableOf(const Repeated<v1::Model>& models, absl::Time now);
Table TableOf(const Repeated<v1::Worker>& workers, absl::Time now);

absl::Time TimeOf(const google::protobuf::Timestamp& time);

// `list` is the response message that holds all of `items`: JSON and YAML print it whole, jsonl and
// name one item a line.
template <typename List, typename Item>
void PrintList(Session& session, const List& list, const Repeated<Item>& items,
               const Table& table) {
  switch (session.format()) {
    case OutputFormat::kTable: {
      const Terminal& terminal = session.surroundings().out_terminal;
      session.out() << table.ToText(terminal.live ? terminal.columns : 0);
      break;
    }
    case OutputFormat::kJson:
    case OutputFormat::kYaml:
      session.out() << ToOutput(list, session.format());
      break;
    case OutputFormat::kJsonLines:
    case OutputFormat::kName:
      for (const Item& item : items) session.out() << ToOutput(item, session.format());
      break;
  }
}

// One resource, which a table shows as its only row.
template <typename Item>
void PrintOne(Session& session, const Item& item) {
  if (session.format() != OutputFormat::kTable) {
    session.out() << ToOutput(item, session.format());
    return;
  }
  Repeated<Item> items;
  *items.Add() = item;
  session.out() << TableOf(items, session.surroundings().clock.Now()).ToText();
}

}  // namespace attune
