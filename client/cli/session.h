// SPDX-License-Identifier: Apache-2.0
// One run of the command line: its global options, its surroundings, and the connection, made when
// a verb first asks for it. Not thread-safe.
#pragma once

#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/file_system.h"
#include "base/rng.h"
#include "client/connection.h"
#include "client/endpoint.h"
#include "client/interruption.h"
#include "client/text/message_output.h"
#include "client/text/terminal.h"
#include "client/transfer.h"

namespace attune {

// What a process gives to its command line; all borrowed, and replaced in tests.
struct Surroundings {
  std::istream& in;
  std::ostream& out;  // results
  std::ostream& err;  // everything else
  Terminal out_terminal;
  Terminal err_terminal;
  Environment environment;
  FileSystem& files;
  const Clock& clock;
  Rng& rng;
  Interruption& interruption;
};

struct GlobalOptions {
  EndpointOptions endpoint;
  std::string format = "table";
  bool debug = false;
};

class Session {
 public:
  Session(const GlobalOptions& options, Surroundings& surroundings);

  // Resolves address and token; sends nothing.
  absl::StatusOr<Connection*> Connect();
  // Closes it; what Connect returned is gone.
  void Disconnect() { connection_.reset(); }

  std::ostream& out() { return surroundings_.out; }
  std::ostream& err() { return surroundings_.err; }
  Surroundings& surroundings() { return surroundings_; }
  OutputFormat format() const { return format_; }

  void Note(std::string_view text);  // a line on err
  // Bytes so far, redrawn on err where it is a terminal; else nothing.
  TransferObserver ShowTransfer(std::string_view verb);

 private:
  const EndpointOptions endpoint_;
  const OutputFormat format_;
  Surroundings& surroundings_;
  std::unique_ptr<Connection> connection_;
};

}  // namespace attune
