// SPDX-License-Identifier: Apache-2.0
// Reads every page of a list.
#pragma once

#include <grpcpp/client_context.h>

#include "absl/status/status.h"
#include "client/connection.h"

namespace attune {

inline constexpr int kPageSize = 500;

// Calls on_page for each response; it returns false to stop early.
template <typename Stub, typename Request, typename Response, typename OnPage>
absl::Status ForEachPage(Connection& connection,
                         grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                      Response*),
                         Request request, OnPage on_page) {
  request.set_page_size(kPageSize);
  while (true) {
    auto page = connection.Call(method, request);
    if (!page.ok()) return page.status();
    if (!on_page(*page) || page->next_page_token().empty()) return absl::OkStatus();
    request.set_page_token(page->next_page_token());
  }
}

}  // namespace attune
