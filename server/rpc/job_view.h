// SPDX-License-Identifier: Apache-2.0
// A job as the API shows it: the stored row with its place in the queue. Pure but for the
// QueueView.
#pragma once

#include "attune/v1/job.pb.h"
#include "attune/v1/job_service.pb.h"
#include "server/jobs/queue_view.h"
#include "server/store/attempts_table.h"

namespace attune {

v1::Job PresentJob(v1::Job job, const QueueView& queue);
v1::Attempt PresentAttempt(const AttemptRecord& record);

}  // namespace attune
