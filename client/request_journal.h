// SPDX-License-Identifier: Apache-2.0
// Remembers the request_id of a CreateJob until it was answered, so that the same command run again
// after a crash or a kill gets the job that the first one may have made, instead of a second one.
//
// One file for each pending request in `folder`, named by the digest of the server's address and
// the request's body, holding the id. Beside it a lock file, held while a process waits for the
// answer: two commands that run at the same time are two jobs, even when they say the same.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "attune/v1/job_service.pb.h"
#include "base/file_system.h"
#include "base/rng.h"
#include "client/endpoint.h"

namespace attune {

class RequestJournal {
 public:
  // A request on its way. Destroying it without Answered leaves it to the next run.
  class Pending {
   public:
    const std::string& request_id() const { return request_id_; }
    bool repeated() const { return repeated_; }  // an earlier run got no answer
    void Answered();                             // forgets it

   private:
    friend class RequestJournal;
    FileSystem* files_ = nullptr;
    std::string path_;
    std::string request_id_;
    bool repeated_ = false;
    std::unique_ptr<FileLock> lock_;
  };

  RequestJournal(std::string folder, FileSystem& files, Rng& rng);

  // Durable before it returns. `request` without a request_id.
  absl::StatusOr<Pending> Begin(const std::string& server, const v1::CreateJobRequest& request);

 private:
  absl::StatusOr<Pending> Take(const std::string& path);

  const std::string folder_;
  FileSystem& files_;
  Rng& rng_;
};

// $XDG_STATE_HOME/attune/requests or ~/.local/state/attune/requests.
std::string RequestFolder(const Environment& environment);

}  // namespace attune
