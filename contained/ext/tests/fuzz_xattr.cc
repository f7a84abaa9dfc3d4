// SPDX-License-Identifier: GPL-2.0-or-later
// The input is a size, an inode's bytes of that size and a block. What can be parsed must survive
// being stored and parsed again.
#include <algorithm>
#include <cstdlib>
#include <vector>

#include "contained/ext/acl.h"
#include "contained/ext/xattr.h"

namespace airlock::ext {
namespace {

void run(std::span<const std::byte> bytes) {
  if (bytes.empty()) return;
  const std::size_t wanted = std::to_integer<std::size_t>(bytes[0]);
  bytes = bytes.subspan(1);
  std::vector<std::byte> inode(
      bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(std::min(wanted, bytes.size())));
  bytes = bytes.subspan(inode.size());
  (void)acl_from_disk(bytes);
  (void)acl_to_disk(bytes);
  std::vector<std::byte> block(1024);
  std::ranges::copy(bytes.first(std::min<std::size_t>(bytes.size(), 1024)), block.begin());
  auto set = AttributeSet::parse(inode, std::span(block).first(bytes.empty() ? 0 : block.size()));
  if (!set) return;
  const auto names = set->names();
  for (const auto& name : names) (void)set->find(name);
  const auto stored = set->store(inode, block);
  if (!stored) return;
  const bool used = *stored == AttributeBlock::kUsed;
  const auto again = AttributeSet::parse(inode, used ? std::span(block) : std::span<std::byte>());
  if (!again || again->names().size() != names.size()) std::abort();
}

}  // namespace
}  // namespace airlock::ext

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  airlock::ext::run(std::as_bytes(std::span(data, size)));
  return 0;
}
