// SPDX-License-Identifier: Apache-2.0
#include "base/framed_pipe.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <unistd.h>

#include <memory>
#include <thread>

namespace attune {
namespace {

class FramedPipeTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const auto ends = MakeSocketPair();
    ASSERT_TRUE(ends.ok()) << ends.status();
    pipe_ = std::make_unique<FramedPipe>(ends->first);
    peer_fd_ = ends->second;
  }
  void TearDown() override { ClosePeer(); }

  void ClosePeer() {
    if (peer_fd_ >= 0) close(peer_fd_);
    peer_fd_ = -1;
  }
  void PeerSends(std::string_view bytes) {
    ASSERT_EQ(send(peer_fd_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
  }
  int ReleasePeer() { return std::exchange(peer_fd_, -1); }

  std::unique_ptr<FramedPipe> pipe_;
  int peer_fd_ = -1;
};

TEST_F(FramedPipeTest, WritesALittleEndianLengthBeforeTheBytes) {
  ASSERT_TRUE(pipe_->Write("abc").ok());
  char bytes[16];
  ASSERT_EQ(recv(peer_fd_, bytes, sizeof(bytes), 0), 7);
  EXPECT_EQ(std::string(bytes, 7), std::string("\3\0\0\0abc", 7));
}

TEST_F(FramedPipeTest, ReadsFramesHoweverTheyArrive) {
  PeerSends(std::string("\2\0", 2));
  std::thread rest([&] { PeerSends(std::string("\0\0xy\1\0\0\0z", 9)); });
  EXPECT_EQ(*pipe_->Read(), "xy");
  EXPECT_EQ(*pipe_->Read(), "z");
  rest.join();
}

TEST_F(FramedPipeTest, CarriesTheLargestFrame) {
  FramedPipe peer(ReleasePeer());
  std::string frame(kMaxFrameBytes, 'x');
  for (size_t i = 0; i < frame.size(); i += 997) frame[i] = static_cast<char>(i);
  std::thread writer([&] { EXPECT_TRUE(peer.Write(frame).ok()); });
  const auto read = pipe_->Read();
  writer.join();
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_TRUE(*read == frame);
}

TEST_F(FramedPipeTest, RefusesEmptyAndOversizedFramesBothWays) {
  EXPECT_TRUE(absl::IsInvalidArgument(pipe_->Write("")));
  EXPECT_TRUE(absl::IsInvalidArgument(pipe_->Write(std::string(kMaxFrameBytes + 1, 'x'))));
  PeerSends(std::string(4, '\0'));
  EXPECT_TRUE(absl::IsInvalidArgument(pipe_->Read().status()));
  PeerSends(std::string("\1\0\0\1", 4));  // 16 MiB + 1
  EXPECT_TRUE(absl::IsInvalidArgument(pipe_->Read().status()));
}

TEST_F(FramedPipeTest, TellsAnEndBetweenFramesFromOneWithin) {
  PeerSends(std::string("\1\0\0\0a", 5));
  PeerSends(std::string("\5\0\0\0ab", 6));
  ClosePeer();
  EXPECT_EQ(*pipe_->Read(), "a");
  const absl::Status within = pipe_->Read().status();
  EXPECT_TRUE(absl::IsDataLoss(within)) << within;
  EXPECT_EQ(within.message(), "the peer closed after 2 of a frame's 5 bytes");
  EXPECT_TRUE(absl::IsOutOfRange(pipe_->Read().status()));
}

TEST_F(FramedPipeTest, AnEndWithinTheLengthIsDataLoss) {
  PeerSends(std::string("\1\0", 2));
  ClosePeer();
  EXPECT_TRUE(absl::IsDataLoss(pipe_->Read().status()));
}

TEST_F(FramedPipeTest, WritingToAClosedPeerIsAnErrorAndNoSignal) {
  ClosePeer();
  EXPECT_FALSE(pipe_->Write("abc").ok());
}

TEST_F(FramedPipeTest, ShutDownWakesABlockedRead) {
  absl::Status status;
  std::thread reader([&] { status = pipe_->Read().status(); });
  pipe_->ShutDown();
  reader.join();
  EXPECT_TRUE(absl::IsOutOfRange(status)) << status;
}

TEST_F(FramedPipeTest, BothEndsCloseOnExec) {
  EXPECT_EQ(fcntl(pipe_->fd(), F_GETFD), FD_CLOEXEC);
  EXPECT_EQ(fcntl(peer_fd_, F_GETFD), FD_CLOEXEC);
}

}  // namespace
}  // namespace attune
