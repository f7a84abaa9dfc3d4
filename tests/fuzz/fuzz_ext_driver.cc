// SPDX-License-Identifier: GPL-2.0-or-later
// The whole ext driver over a damaged image: opens it, performs the operations in the input, closes
// it. See fuzz_ext_input.h for the damage; then one byte of mode (1: read-only) and operations
// follow.
#include <fcntl.h>
#include <linux/falloc.h>
#include <linux/fs.h>
#include <unistd.h>

#include "contained/ext/ext_driver.h"
#include "contained/runtime/tests/memory_medium.h"
#include "tests/fuzz/fuzz_ext_input.h"

namespace airlock::ext::testing {
namespace {

constexpr int kMostOperations = 64;

class CountingSink final : public EntrySink {
 public:
  bool add(std::string_view, const Attributes& attributes, std::uint64_t next) override {
    if (next <= cookie) std::abort();  // a listing must end
    cookie = next;
    last = attributes.node;
    return ++count < 200;
  }
  std::uint64_t cookie = 0;
  NodeId last = 0;
  int count = 0;
};

class Session {
 public:
  Session(FuzzInput& input, FileSystem& files) : input_(input), files_(files) {}

  void operate() {
    switch (input_.byte() % 24) {
      case 0:
        if (const auto found = files_.lookup(node(), input_.name())) nodes_.push_back(found->node);
        return;
      case 1:
        return list();
      case 2:
        return void(files_.read(node(), place(), buffer_));
      case 3:
        return void(files_.read_link(node()));
      case 4:
        return void(files_.statistics());
      case 5:
        return change();
      case 6:
        return make();
      case 7:
        return void(files_.make_link(node(), input_.name(), std::string(input_.byte(), 't'), {}));
      case 8:
        return void(files_.link(node(), node(), input_.name()));
      case 9:
        return void(files_.unlink(node(), input_.name()));
      case 10:
        return void(files_.remove_directory(node(), input_.name()));
      case 11:
        return rename();
      case 12:
        return write();
      case 13:
        return allocate();
      case 14:
        return void(files_.seek(node(), place(), input_.byte() % 2 == 0 ? SEEK_DATA : SEEK_HOLE));
      case 15:
        return void(files_.sync_all());
      case 16:
        return attributes();
      case 17:
        return set_attribute();
      case 18:
        return void(files_.trim(place(), place(), input_.byte()));
      case 19:
        return forget();
      case 20:
        return change_flags();
      case 21: {
        const NodeId from = node(), to = node();
        const std::string name = input_.name();
        return void(files_.rename_leaving_whiteout(from, name, to, input_.name(), 0, {}));
      }
      case 22:
        if (const auto made = files_.make_unnamed(node(), {.mode = S_IFREG | 0644}))
          nodes_.push_back(made->node);
        return;
      default:
        return void(files_.set_label(input_.name()));
    }
  }

 private:
  // The first 32 inodes of an image are used by number, so that seeds are short.
  NodeId node() {
    const std::uint8_t which = input_.byte();
    if (which < 32) return which;
    if (which < 250 && !nodes_.empty()) return nodes_[which % nodes_.size()];
    return which < 250 ? 1 : input_.number(5);
  }
  std::uint64_t place() {
    const std::uint64_t value = input_.number(3);
    return value >> 20 == 15 ? value << (value % 44) : value;
  }
  void list() {
    const NodeId directory = node();
    const auto detail =
        input_.byte() % 2 == 0 ? DirectoryDetail::kNames : DirectoryDetail::kAttributes;
    CountingSink sink;
    sink.cookie = input_.byte() < 200 ? 0 : input_.number(8) >> 1;
    (void)files_.list(directory, sink.cookie, detail, sink);
    if (sink.last != 0) nodes_.push_back(sink.last);
  }
  void change() {
    const NodeId changed = node();
    const std::uint8_t bits = input_.byte();
    AttributeChange wanted;
    if ((bits & 1) != 0) wanted.size = place();
    if ((bits & 2) != 0) wanted.mode = static_cast<mode_t>(input_.number(2));
    if ((bits & 4) != 0) wanted.user = static_cast<uid_t>(input_.number(4));
    if ((bits & 8) != 0)
      wanted.modify_time = {.tv_sec = static_cast<time_t>(input_.number(8)), .tv_nsec = 5};
    wanted.access_now = (bits & 16) != 0;
    wanted.drop_privileges = (bits & 32) != 0;
    (void)files_.change(changed, wanted);
  }
  void make() {
    static constexpr std::array kKinds = {S_IFREG, S_IFDIR, S_IFDIR, S_IFIFO, S_IFCHR, S_IFSOCK};
    const NodeId parent = node();
    const auto kind = static_cast<mode_t>(kKinds[input_.byte() % kKinds.size()]);
    const auto made = files_.make_node(parent, input_.name(), {.mode = kind | 0755, .device = 5});
    if (made) nodes_.push_back(made->node);
  }
  void rename() {
    static constexpr std::array kFlags = {0u, 0u, unsigned{RENAME_NOREPLACE},
                                          unsigned{RENAME_EXCHANGE}};
    const NodeId from = node(), to = node();
    const std::string name = input_.name();
    (void)files_.rename(from, name, to, input_.name(), kFlags[input_.byte() % kFlags.size()]);
  }
  // What the folder or file has already, with some of them turned round.
  void change_flags() {
    const NodeId changed = node();
    const auto flags = files_.flags(changed);
    if (flags)
      (void)files_.change_flags(changed,
                                flags->flags ^ static_cast<std::uint32_t>(input_.number(4)));
  }
  void write() {
    const NodeId written = node();
    const std::uint64_t at = place();
    const std::size_t count = input_.number(2) % buffer_.size();
    const std::uint8_t bits = input_.byte();
    (void)files_.write(written, at, std::span(buffer_).first(count),
                       {.from_cache = (bits & 1) != 0, .drop_privileges = (bits & 2) != 0});
  }
  void allocate() {
    static constexpr std::array kModes = {
        0, FALLOC_FL_KEEP_SIZE, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, FALLOC_FL_ZERO_RANGE,
        FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE};
    const NodeId changed = node();
    const int mode = kModes[input_.byte() % kModes.size()];
    const std::uint64_t at = place();
    (void)files_.allocate(changed, mode, at, place() + 1);
  }
  void attributes() {
    const NodeId looked = node();
    (void)files_.attributes(looked);
    (void)files_.list_attributes(looked);
    (void)files_.get_attribute(looked, attribute());
  }
  void set_attribute() {
    const NodeId changed = node();
    const std::string name = attribute();
    const std::uint8_t length = input_.byte();
    if (length == 0) return void(files_.remove_attribute(changed, name));
    const auto value = std::as_bytes(input_.bytes(length));
    (void)files_.set_attribute(changed, name, value, input_.byte() % 3);
  }
  std::string attribute() {
    static constexpr std::array kAttributes = {"user.a",
                                               "user.block",
                                               "user.new",
                                               "system.posix_acl_access",
                                               "system.posix_acl_default",
                                               "system.data",
                                               "security.capability",
                                               "trusted.x"};
    return kAttributes[input_.byte() % kAttributes.size()];
  }
  void forget() {
    const NodeId dropped = node();
    if (files_.forgotten(dropped)) files_.gone(dropped);
  }

  FuzzInput& input_;
  FileSystem& files_;
  std::vector<NodeId> nodes_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(20000, std::byte{0x5a});
};

void run(std::span<const std::uint8_t> bytes) {
  FuzzInput input(bytes);
  MemoryMedium medium(damaged_image(input));
  const std::uint8_t mode = input.byte();
  const auto volume =
      Volume::open(medium, mode % 4 == 1 ? MountMode::kReadOnly : MountMode::kReadWrite);
  if (!volume) return;
  DriverOptions options;
  options.owners = (mode & 4) != 0 ? MediaOwners::kUser : MediaOwners::kMedia;
  ExtDriver driver(**volume, options);
  if ((*volume)->writable()) {
    (*volume)->begin_writing();
    (void)driver.delete_orphans();
  }
  Session session(input, driver);
  for (int i = 0; i < kMostOperations && !input.empty(); ++i) session.operate();
  driver.unmounted();
}

}  // namespace
}  // namespace airlock::ext::testing

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  airlock::say_nothing();
  airlock::ext::testing::run({data, size});
  return 0;
}
