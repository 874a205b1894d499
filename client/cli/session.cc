// SPDX-License-Identifier: Apache-2.0
#include "client/cli/session.h"

#include <ostream>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "base/errors.h"
#include "client/text/words.h"

namespace attune {

Session::Session(const GlobalOptions& options, Surroundings& surroundings)
    : endpoint_(options.endpoint),
      format_(ParseOutputFormat(options.format).value_or(OutputFormat::kTable)),
      surroundings_(surroundings) {}

absl::StatusOr<Connection*> Session::Connect() {
  if (connection_ != nullptr) return connection_.get();
  ATTUNE_ASSIGN_OR_RETURN(Endpoint endpoint, ResolveEndpoint(endpoint_, surroundings_.environment,
                                                             surroundings_.files));
  auto channel = MakeChannel(endpoint.address);
  connection_ = std::make_unique<Connection>(std::move(endpoint), std::move(channel), CallPolicy(),
                                             surroundings_.clock, surroundings_.rng,
                                             surroundings_.interruption);
  return connection_.get();
}

void Session::Note(std::string_view text) { err() << text << std::endl; }

TransferObserver Session::ShowTransfer(std::string_view verb) {
  if (!surroundings_.err_terminal.live) return nullptr;
  return [this, verb = std::string(verb)](const TransferProgress& progress) {
    const bool done = progress.done_bytes >= progress.total_bytes;
    const double part = progress.total_bytes == 0 ? 1
                                                  : static_cast<double>(progress.done_bytes) /
                                                        static_cast<double>(progress.total_bytes);
    err() << "\r "
          << absl::StrFormat("%s %s  %s of %s  %.0f %%", verb, Printable(progress.path),
                             BytesText(progress.done_bytes), BytesText(progress.total_bytes),
                             100 * part)
          << "\x1b[K" << (done ? "\n" : "") << std::flush;
  };
}

}  // namespace attune
