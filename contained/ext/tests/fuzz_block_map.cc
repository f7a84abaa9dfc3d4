// SPDX-License-Identifier: GPL-2.0-or-later
// The input is a kind, a root, some blocks of 256 bytes and then operations on the map they make.
#include <algorithm>
#include <array>
#include <memory>

#include "contained/ext/extent_map.h"
#include "contained/ext/indirect_map.h"
#include "contained/ext/tests/block_map_memory.h"
#include "lib/base/byte_view.h"

namespace airlock::ext {
namespace {

constexpr std::uint32_t kBlockSize = 256;
constexpr std::uint64_t kFirstBlock = 8;

class Input {
 public:
  explicit Input(std::span<const std::byte> bytes) : rest_(bytes) {}
  void fill(std::span<std::byte> to) {
    const std::size_t size = std::min(to.size(), rest_.size());
    std::ranges::copy(rest_.first(size), to.begin());
    rest_ = rest_.subspan(size);
  }
  template <typename T>
  T number() {
    std::array<std::byte, sizeof(T)> bytes{};
    fill(bytes);
    return *load_le<T>(bytes, 0);
  }
  [[nodiscard]] bool empty() const { return rest_.empty(); }

 private:
  std::span<const std::byte> rest_;
};

void operate(BlockMap& map, Input& input) {
  const std::uint64_t kind = input.number<std::uint8_t>();
  const std::uint64_t at = input.number<std::uint32_t>();
  const std::uint64_t count = input.number<std::uint16_t>();
  switch (kind % 5) {
    case 0:
      return void(map.find(at, count));
    case 1:
      return void(map.insert({at, 100 + kind, count % 64, RunState::kWritten}));
    case 2:
      return void(map.insert({at, 100 + kind, count % 64, RunState::kUnwritten}));
    case 3:
      return void(map.mark_written(at, count));
    default:
      return void(map.remove(at, kind < 8 ? ~std::uint64_t{0} : count));
  }
}

void run(std::span<const std::byte> bytes) {
  Input input(bytes);
  const auto kind = input.number<std::uint8_t>();
  testing::MemoryMapBlocks blocks(kBlockSize, 4096);
  std::array<std::byte, kMapRootSize> root{};
  input.fill(root);
  for (unsigned i = 0; i < (kind >> 2) % 16U; ++i) {
    (void)blocks.allocate(kFirstBlock);
    input.fill(blocks.bytes(kFirstBlock + i));
  }
  const MapFormat format{.block_size = kBlockSize, .checksums = (kind & 2) != 0};
  std::unique_ptr<BlockMap> map;
  if ((kind & 1) != 0) {
    map = std::make_unique<IndirectMap>(format, blocks, root);
  } else {
    map = std::make_unique<ExtentMap>(format, blocks, root);
  }
  for (int i = 0; i < 64 && !input.empty(); ++i) operate(*map, input);
}

}  // namespace
}  // namespace airlock::ext

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  airlock::ext::run(std::as_bytes(std::span(data, size)));
  return 0;
}
