// SPDX-License-Identifier: Apache-2.0
#include "base/digest.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <vector>

#include "absl/strings/escaping.h"
#include "base/errors.h"

namespace attune {

struct Sha256::State {
  EVP_MD_CTX* context = EVP_MD_CTX_new();
  ~State() { EVP_MD_CTX_free(context); }
};

// These calls fail only without memory or without SHA-256 in the provider: no digest, no process.
Sha256::Sha256() : state_(std::make_unique<State>()) {
  if (EVP_DigestInit_ex(state_->context, EVP_sha256(), nullptr) != 1) std::abort();
}

Sha256::~Sha256() = default;

void Sha256::Update(std::string_view data) {
  if (EVP_DigestUpdate(state_->context, data.data(), data.size()) != 1) std::abort();
}

std::string Sha256::HexDigest() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  if (EVP_DigestFinal_ex(state_->context, digest.data(), &size) != 1) std::abort();
  return absl::BytesToHexString({reinterpret_cast<const char*>(digest.data()), size});
}

std::string Sha256::Hex(std::string_view data) {
  Sha256 sha256;
  sha256.Update(data);
  return sha256.HexDigest();
}

absl::StatusOr<FileDigest> DigestFile(File& file) {
  constexpr size_t kChunkBytes = 256 << 10;
  std::vector<char> chunk(kChunkBytes);
  Sha256 sha256;
  FileDigest result;
  while (true) {
    ATTUNE_ASSIGN_OR_RETURN(size_t got, file.ReadAt(result.size_bytes, chunk.data(), kChunkBytes));
    if (got == 0) break;
    sha256.Update({chunk.data(), got});
    result.size_bytes += static_cast<int64_t>(got);
  }
  result.sha256 = sha256.HexDigest();
  return result;
}

absl::StatusOr<FileDigest> DigestFile(FileSystem& files, const std::string& path) {
  ATTUNE_ASSIGN_OR_RETURN(const std::unique_ptr<File> file,
                          files.Open(path, FileSystem::Mode::kRead));
  return DigestFile(*file);
}

bool IsSha256Hex(std::string_view text) {
  return text.size() == 64 && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool ConstantTimeEquals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace attune
