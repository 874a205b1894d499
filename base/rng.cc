// SPDX-License-Identifier: Apache-2.0
#include "base/rng.h"

#include <sys/random.h>

#include <cerrno>
#include <cstdlib>
#include <string_view>

#include "absl/strings/str_format.h"

namespace attune {

double Rng::Uniform() {
  return static_cast<double>(Next() >> 11) * 0x1p-53;  // 53 bits: every double is exact
}

uint64_t Rng::Below(uint64_t bound) {
  // 2^64 mod bound values at the bottom would make some results likelier than others.
  const uint64_t rejected = -bound % bound;
  uint64_t value = Next();
  while (value < rejected) value = Next();
  return value % bound;
}

std::string Rng::Uuid() {
  const uint64_t high = (Next() & ~uint64_t{0xf000}) | 0x4000;                 // version 4
  const uint64_t low = (Next() & ~(uint64_t{3} << 62)) | (uint64_t{2} << 62);  // RFC 9562 variant
  return absl::StrFormat("%08x-%04x-%04x-%04x-%012x", high >> 32, (high >> 16) & 0xffff,
                         high & 0xffff, low >> 48, low & 0xffffffffffff);
}

std::string Rng::Suffix(int length) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";
  constexpr uint64_t kLetters = 26;
  std::string suffix;
  for (int i = 0; i < length; ++i) {
    suffix += kAlphabet[Below(i == 0 ? kLetters : kAlphabet.size())];
  }
  return suffix;
}

uint64_t SystemRng::Next() {
  uint64_t value;
  // Up to 256 bytes are never cut short; only the wait for the pool at boot can be interrupted.
  ssize_t got;
  do {
    got = getrandom(&value, sizeof(value), 0);
  } while (got < 0 && errno == EINTR);
  if (got != sizeof(value)) std::abort();  // no randomness: no token may be made
  return value;
}

uint64_t SeededRng::Next() {
  absl::MutexLock lock(&mutex_);
  uint64_t z = (state_ += 0x9e3779b97f4a7c15);
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
  z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
  return z ^ (z >> 31);
}

}  // namespace attune
