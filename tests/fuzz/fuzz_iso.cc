// SPDX-License-Identifier: GPL-2.0-or-later
// The iso driver over a hostile medium: everything that can be reached is read, and then a kernel
// asks (see fuzz_kernel.h). The input is u24 length, so many bytes of a medium from its sixteenth
// sector on, and operations of the kernel. What is in front of that the driver never reads.
#include <optional>

#include "contained/iso/iso.h"
#include "contained/runtime/read_only_files.h"
#include "contained/runtime/tests/memory_medium.h"
#include "tests/fuzz/fuzz_kernel.h"

namespace airlock::iso {
namespace {

constexpr std::size_t kSystemArea = 16 * 2048;
constexpr int kDeepest = 5;
constexpr int kMostListed = 60;

// Takes one entry at a time, so that every position is used.
class NextEntry final : public EntrySink {
 public:
  bool add(std::string_view name, const Attributes& attributes, std::uint64_t next) override {
    if (taken) return false;
    // The kernel gives a mount up whose names it cannot use.
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

// A medium can have every directory in every other one.
struct Walk {
  ReadOnlyFiles& files;
  int visits = 300;

  void look_at(NodeId node, int depth) {
    static std::vector<std::byte> bytes(std::size_t{1} << 17);
    if (--visits < 0) return;
    (void)files.attributes(node);
    (void)files.read(node, 0, bytes);
    (void)files.read(node, 40'001, std::span(bytes).first(999));
    (void)files.read_link(node);
    if (depth == kDeepest) return;
    std::uint64_t cookie = 0;
    for (int i = 0; i < kMostListed; ++i) {
      NextEntry one;
      if (!files.list(node, cookie, DirectoryDetail::kAttributes, one) || !one.taken) return;
      if (one.taken->next <= cookie) std::abort();
      cookie = one.taken->next;
      const std::string& name = one.taken->name;
      if (name == "." || name == "..") continue;
      if (const auto found = files.lookup(node, name)) look_at(found->node, depth + 1);
    }
  }
};

}  // namespace
}  // namespace airlock::iso

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace airlock;
  say_nothing();
  FuzzInput input({data, size});
  const auto content = std::as_bytes(input.bytes(input.number(3)));
  std::vector<std::byte> bytes(iso::kSystemArea + content.size());
  std::ranges::copy(content, bytes.begin() + iso::kSystemArea);
  MemoryMedium medium(std::move(bytes));
  const MediumReader reader(medium);
  const auto format = iso::open(reader);
  if (!format) return 0;
  ReadOnlyFiles files(**format, {});
  iso::Walk{files}.look_at(1, 0);
  if (!input.empty()) fuzz::serve(input, files);
  return 0;
}
