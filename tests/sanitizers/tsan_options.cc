// SPDX-License-Identifier: Apache-2.0
// What ThreadSanitizer is told in every binary of the tsan preset.
//
// Debian's gRPC, protobuf and upb are built without the sanitizer: it sees their memory being freed
// and copied, but not the locks and atomics that order this. So calls out of such libraries are not
// judged, and neither is the code of gRPC's own headers that hands a call from a completion queue
// to its reactor. Everything of ours stays judged, also where gRPC's threads run it.

extern "C" const char* __tsan_default_options() { return "ignore_noninstrumented_modules=1"; }

extern "C" const char* __tsan_default_suppressions() {
  return "race:grpc::internal::CallOpSet\n"
         "race:grpc::internal::InterceptorBatchMethodsImpl\n"
         "race:grpc::internal::Call::\n"
         "race:grpc::internal::CallbackWithSuccessTag::Set\n"
         "race:grpc::internal::CallbackWithStatusTag::Set\n";
}
