// SPDX-License-Identifier: Apache-2.0
#include "base/framed_pipe.h"

#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "absl/strings/str_cat.h"
#include "base/errors.h"

namespace attune {
namespace {

using LengthBytes = std::array<char, 4>;

LengthBytes EncodeLength(uint32_t length) {
  LengthBytes bytes;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<char>(length >> (8 * i));
  return bytes;
}

uint32_t DecodeLength(const LengthBytes& bytes) {
  uint32_t length = 0;
  for (size_t i = 0; i < bytes.size(); ++i) {
    length |= uint32_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return length;
}

// Fewer bytes than asked for: the peer closed.
absl::StatusOr<size_t> ReceiveUpTo(int fd, char* buffer, size_t size) {
  size_t done = 0;
  while (done < size) {
    const ssize_t got = recv(fd, buffer + done, size - done, 0);
    if (got == 0) break;
    if (got < 0) {
      if (errno == EINTR) continue;
      if (errno == ECONNRESET) break;
      return ErrnoStatus(errno, "reading a frame");
    }
    done += static_cast<size_t>(got);
  }
  return done;
}

absl::Status SendAll(int fd, std::array<iovec, 2> parts) {
  msghdr message{};
  message.msg_iov = parts.data();
  message.msg_iovlen = parts.size();
  while (message.msg_iovlen > 0) {
    const ssize_t sent = sendmsg(fd, &message, MSG_NOSIGNAL);
    if (sent < 0) {
      if (errno == EINTR) continue;
      return ErrnoStatus(errno, "writing a frame");
    }
    size_t left = static_cast<size_t>(sent);
    while (message.msg_iovlen > 0 && left >= message.msg_iov->iov_len) {
      left -= message.msg_iov->iov_len;
      ++message.msg_iov;
      --message.msg_iovlen;
    }
    if (message.msg_iovlen > 0) {
      message.msg_iov->iov_base = static_cast<char*>(message.msg_iov->iov_base) + left;
      message.msg_iov->iov_len -= left;
    }
  }
  return absl::OkStatus();
}

absl::Status CheckLength(size_t length, std::string_view what) {
  if (length > 0 && length <= kMaxFrameBytes) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(std::string(what), " of ", length,
                                                 " bytes; a frame holds 1 to ", kMaxFrameBytes));
}

}  // namespace

FramedPipe::~FramedPipe() { close(fd_); }

absl::Status FramedPipe::Write(std::string_view frame) {
  ATTUNE_RETURN_IF_ERROR(CheckLength(frame.size(), "cannot write a frame"));
  LengthBytes length = EncodeLength(static_cast<uint32_t>(frame.size()));
  return SendAll(fd_, {iovec{length.data(), length.size()},
                       iovec{const_cast<char*>(frame.data()), frame.size()}});
}

absl::StatusOr<std::string> FramedPipe::Read() {
  LengthBytes bytes;
  ATTUNE_ASSIGN_OR_RETURN(const size_t got, ReceiveUpTo(fd_, bytes.data(), bytes.size()));
  if (got == 0) return absl::OutOfRangeError("the peer closed the pipe");
  if (got < bytes.size()) return absl::DataLossError("the peer closed within a frame's length");
  const uint32_t length = DecodeLength(bytes);
  ATTUNE_RETURN_IF_ERROR(CheckLength(length, "the peer announced a frame"));

  // Grown as bytes arrive: a peer that only announces a large frame costs no memory.
  constexpr size_t kChunkBytes = 256 << 10;
  std::string frame;
  while (frame.size() < length) {
    const size_t start = frame.size();
    frame.resize(std::min<size_t>(length, start + kChunkBytes));
    const size_t wanted = frame.size() - start;
    ATTUNE_ASSIGN_OR_RETURN(const size_t read, ReceiveUpTo(fd_, frame.data() + start, wanted));
    if (read < wanted) {
      return absl::DataLossError(
          absl::StrCat("the peer closed after ", start + read, " of a frame's ", length, " bytes"));
    }
  }
  return frame;
}

void FramedPipe::ShutDown() { shutdown(fd_, SHUT_RDWR); }

absl::StatusOr<std::pair<int, int>> MakeSocketPair() {
  int ends[2];
  if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return ErrnoStatus(errno, "socketpair");
  }
  return std::make_pair(ends[0], ends[1]);
}

}  // namespace attune
