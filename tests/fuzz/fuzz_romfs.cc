// SPDX-License-Identifier: GPL-2.0-or-later
// The base of a driver that never writes and the example driver over a hostile medium: everything
// reachable is read, and then a kernel sends requests (see fuzz_kernel.h). The input is a byte, u24
// length, that many bytes of a medium, and operations of the kernel. If the byte is odd, the
// checksums of the medium are corrected, because otherwise little code behind them would be
// reached.
#include <array>
#include <optional>

#include "contained/runtime/read_only_files.h"
#include "contained/runtime/tests/memory_medium.h"
#include "lib/base/byte_view.h"
#include "tests/drivers/romfs/romfs.h"
#include "tests/fuzz/fuzz_kernel.h"

namespace airlock::romfs {
namespace {

constexpr std::size_t kHeader = 16;
constexpr std::size_t kSum = 12;
constexpr std::size_t kSummedUp = 512;
constexpr int kMostSealed = 64;
constexpr int kDeepest = 4;
constexpr int kMostListed = 100;

std::uint32_t number_at(std::span<const std::byte> bytes, std::size_t offset) {
  return load_be<std::uint32_t>(bytes, offset).value_or(0);
}

void seal(std::span<std::byte> bytes) {
  (void)store_be<std::uint32_t>(bytes, kSum, 0);
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < bytes.size(); at += sizeof sum) sum += number_at(bytes, at);
  (void)store_be<std::uint32_t>(bytes, kSum, 0 - sum);
}

// The length of the part before the data: numbers and a name.
std::size_t length_of_header(std::span<const std::byte> bytes) {
  std::size_t end = kHeader;
  while (end < bytes.size() && bytes[end] != std::byte{0}) ++end;
  return std::min(bytes.size(), (end / kHeader + 1) * kHeader);
}

void seal_headers(std::span<std::byte> medium) {
  std::vector<std::size_t> left = {length_of_header(medium)};
  for (int sealed = 0; sealed < kMostSealed && !left.empty(); ++sealed) {
    const std::size_t at = left.back();
    left.pop_back();
    if (at < kHeader || at >= medium.size()) continue;
    const auto header = medium.subspan(at);
    seal(header.first(length_of_header(header)));
    left.push_back(number_at(header, 4) & ~15u);
    left.push_back(number_at(header, 0) & ~15u);
  }
}

// Takes one entry at a time, so that every cookie is used.
class OneEntry final : public EntrySink {
 public:
  bool add(std::string_view name, const Attributes& attributes, std::uint64_t next) override {
    if (taken) return false;
    // The kernel gives up a mount with names it cannot use.
    if (name.empty() || name.size() > 255 || name.find('/') != std::string_view::npos) std::abort();
    taken = Taken{std::string(name), attributes.node, next};
    return true;
  }
  struct Taken {
    std::string name;
    NodeId node;
    std::uint64_t next;
  };
  std::optional<Taken> taken;
};

void look_at(ReadOnlyFiles& files, NodeId node, int depth) {
  static std::vector<std::byte> bytes(std::size_t{1} << 16);
  (void)files.attributes(node);
  (void)files.read(node, 0, bytes);
  (void)files.read_link(node);
  if (depth == kDeepest) return;
  std::uint64_t cookie = 0;
  for (int i = 0; i < kMostListed; ++i) {
    OneEntry one;
    if (!files.list(node, cookie, DirectoryDetail::kAttributes, one) || !one.taken) return;
    if (one.taken->next <= cookie) std::abort();
    cookie = one.taken->next;
    const std::string& name = one.taken->name;
    if (name == "." || name == "..") continue;
    if (files.lookup(node, name)) look_at(files, one.taken->node, depth + 1);
  }
}

}  // namespace
}  // namespace airlock::romfs

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace airlock;
  say_nothing();
  FuzzInput input({data, size});
  const bool sound = input.byte() % 2 == 1;
  const auto content = std::as_bytes(input.bytes(input.number(3)));
  std::vector<std::byte> bytes(content.begin(), content.end());
  bytes.resize(std::max(bytes.size(), romfs::kSummedUp));
  if (sound) {
    romfs::seal_headers(bytes);
    const std::size_t wanted = romfs::number_at(bytes, 8);
    romfs::seal(std::span(bytes).first(std::clamp<std::size_t>(wanted, 16, romfs::kSummedUp)));
  }
  MemoryMedium medium(std::move(bytes));
  const MediumReader reader(medium);
  const auto format = romfs::open(reader);
  if (!format) return 0;
  ReadOnlyFiles files(**format, {});
  romfs::look_at(files, 1, 0);
  if (!input.empty()) fuzz::serve(input, files);
  return 0;
}
