// SPDX-License-Identifier: Apache-2.0
#include "tests/integration/running_server.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <numeric>
#include <random>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/file_system.h"
#include "nlohmann/json.hpp"

namespace attune {
namespace {

// A fixture without which no test makes sense.
void OrDie(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::abort();
}

// Below the range that the kernel gives to outgoing connections: from it, a client that redials a
// stopped server can be given the server's very port.
int FreePort() {
  int lowest = 0;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> lowest;
  std::random_device random;
  while (true) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int port = std::uniform_int_distribution(lowest / 2, lowest - 1)(random);
    address.sin_port = htons(static_cast<uint16_t>(port));
    const int probe = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const int result = bind(probe, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    close(probe);
    if (result == 0) return port;
  }
}

using Shape = std::vector<int64_t>;
constexpr int64_t kVocabulary = 7, kHidden = 4, kPositions = 16;

std::vector<std::pair<std::string, Shape>> ZeroModelTensors() {
  std::vector<std::pair<std::string, Shape>> tensors = {
      {"embeddings.word_embeddings.weight", {kVocabulary, kHidden}},
      {"embeddings.position_embeddings.weight", {kPositions, kHidden}},
      {"embeddings.token_type_embeddings.weight", {2, kHidden}}};
  const auto add_norm = [&](const std::string& name) {
    tensors.push_back({name + ".weight", {kHidden}});
    tensors.push_back({name + ".bias", {kHidden}});
  };
  const auto add_linear = [&](const std::string& name) {
    tensors.push_back({name + ".weight", {kHidden, kHidden}});
    tensors.push_back({name + ".bias", {kHidden}});
  };
  const std::string layer = "encoder.layer.0.";
  add_norm("embeddings.LayerNorm");
  for (const char* part : {"attention.self.query", "attention.self.key", "attention.self.value",
                           "attention.output.dense", "intermediate.dense", "output.dense"}) {
    add_linear(layer + part);
  }
  add_norm(layer + "attention.output.LayerNorm");
  add_norm(layer + "output.LayerNorm");
  add_linear("pooler.dense");
  return tensors;
}

std::string ZeroSafetensors() {
  nlohmann::json header;
  int64_t end = 0;
  for (const auto& [name, shape] : ZeroModelTensors()) {
    const int64_t begin = end;
    end += 4 * std::accumulate(shape.begin(), shape.end(), int64_t{1}, std::multiplies<>());
    header[name] = {{"dtype", "F32"}, {"shape", shape}, {"data_offsets", {begin, end}}};
  }
  const std::string text = header.dump();
  std::string file;
  for (int byte = 0; byte < 8; ++byte) {
    file.push_back(static_cast<char>((text.size() >> (8 * byte)) & 0xFF));
  }
  return absl::StrCat(file, text, std::string(static_cast<size_t>(end), '\0'));
}

}  // namespace

RunningServer::RunningServer() {
  options_.data_dir = dir_.Path("data");
  options_.port = FreePort();
  options_.ops_port = 0;
  options_.worker = "none";
  options_.inspect_binary = ATTUNE_BIN_DIR "/attune-inspect";
  Start();
}

RunningServer::~RunningServer() {
  if (server_ != nullptr) server_->Drain(/*keep_workers=*/false);
}

void RunningServer::Start() {
  auto server = Server::Start(options_, [](bool) {});
  OrDie(server.status());
  server_ = *std::move(server);
}

void RunningServer::Restart() {
  server_->Drain(/*keep_workers=*/false);
  server_.reset();
  Start();
}

std::unique_ptr<Connection> RunningServer::Connect() {
  Endpoint endpoint;
  endpoint.address = absl::StrCat("127.0.0.1:", options_.port);
  endpoint.token_from = JoinPath(options_.data_dir, "admin.token");
  auto token = PosixFileSystem().ReadFile(endpoint.token_from);
  OrDie(token.status());
  endpoint.token = token->substr(0, token->find('\n'));
  auto channel = MakeChannel(endpoint.address);
  return std::make_unique<Connection>(std::move(endpoint), std::move(channel), CallPolicy(), clock_,
                                      rng_, interruption_);
}

std::string RunningServer::WriteFile(std::string_view name, std::string_view data) {
  const std::string path = Path(name);
  OrDie(PosixFileSystem().WriteFileAtomically(path, data));
  return path;
}

void WriteZeroModel(const std::string& folder) {
  const nlohmann::json config = {
      {"model_type", "bert"},         {"architectures", {"BertModel"}},
      {"vocab_size", kVocabulary},    {"hidden_size", kHidden},
      {"num_hidden_layers", 1},       {"num_attention_heads", 1},
      {"intermediate_size", kHidden}, {"max_position_embeddings", kPositions},
      {"type_vocab_size", 2}};
  FileSystem& files = PosixFileSystem();
  OrDie(files.MakeDirs(folder));
  OrDie(files.WriteFileAtomically(JoinPath(folder, "config.json"), config.dump(2)));
  OrDie(files.WriteFileAtomically(JoinPath(folder, "vocab.txt"),
                                  "[PAD]\n[UNK]\n[CLS]\n[SEP]\n[MASK]\ngood\nbad\n"));
  OrDie(files.WriteFileAtomically(JoinPath(folder, "model.safetensors"), ZeroSafetensors()));
}

}  // namespace attune
