// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/mounting/mount_report.h"

#include <cstring>
#include <string_view>
#include <type_traits>

namespace airlock {
namespace {

class Packer {
 public:
  void take(const std::string& text) {
    take(text.size());
    bytes += text;
  }
  template <typename Number>
    requires std::is_trivially_copyable_v<Number>
  void take(const Number& number) {
    bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  }
  std::string bytes;
};

class Unpacker {
 public:
  explicit Unpacker(std::string_view bytes) : left_(bytes) {}
  void take(std::string& text) {
    std::size_t size = 0;
    take(size);
    whole_ = whole_ && size <= left_.size();
    if (!whole_) return;
    text = left_.substr(0, size);
    left_.remove_prefix(size);
  }
  template <typename Number>
    requires std::is_trivially_copyable_v<Number>
  void take(Number& number) {
    whole_ = whole_ && sizeof number <= left_.size();
    if (!whole_) return;
    std::memcpy(&number, left_.data(), sizeof number);
    left_.remove_prefix(sizeof number);
  }
  [[nodiscard]] bool whole() const { return whole_ && left_.empty(); }

 private:
  std::string_view left_;
  bool whole_ = true;
};

// One list of fields for both directions.
template <typename Check>
  requires std::is_same_v<std::remove_const_t<Check>, CheckReply>
void for_each_field(Check& check, auto& with) {
  with.take(check.verdict);
  with.take(check.changed);
  with.take(check.findings);
  with.take(check.checker);
  with.take(check.summary);
  with.take(check.log);
}

}  // namespace

ErrandReport pack_live_mount(LiveMount mount) {
  Packer packer;
  each_fact(mount, [&](std::string_view, const auto& value) { packer.take(value); });
  // Which of the descriptors exist.
  packer.take(mount.life.valid());
  packer.take(mount.log.valid());
  packer.take(mount.lifeline.holds());
  packer.take(mount.check.has_value());
  if (mount.check) for_each_field(*mount.check, packer);
  ErrandReport report{.bytes = std::move(packer.bytes), .descriptors = {}};
  if (mount.life.valid()) report.descriptors.push_back(std::move(mount.life));
  if (mount.log.valid()) report.descriptors.push_back(std::move(mount.log));
  if (mount.lifeline.holds()) {
    report.descriptors.push_back(std::move(mount.lifeline.fuse_device));
    report.descriptors.push_back(std::move(mount.lifeline.live_state));
  }
  return report;
}

Result<LiveMount> unpack_live_mount(ErrandReport report) {
  LiveMount mount;
  Unpacker unpacker(report.bytes);
  each_fact(mount, [&](std::string_view, auto& value) { unpacker.take(value); });
  bool has_life = false;
  bool has_log = false;
  bool has_lifeline = false;
  unpacker.take(has_life);
  unpacker.take(has_log);
  unpacker.take(has_lifeline);
  bool has_check = false;
  unpacker.take(has_check);
  if (has_check) for_each_field(mount.check.emplace(), unpacker);
  const std::size_t wanted = (has_life ? 1U : 0U) + (has_log ? 1U : 0U) + (has_lifeline ? 2U : 0U);
  if (!unpacker.whole() || report.descriptors.size() != wanted)
    return fail(Errc::kSystem, "the report of a mount is damaged");
  auto next = report.descriptors.begin();
  if (has_life) mount.life = std::move(*next++);
  if (has_log) mount.log = std::move(*next++);
  if (has_lifeline) {
    mount.lifeline.fuse_device = std::move(*next++);
    mount.lifeline.live_state = std::move(*next++);
  }
  return mount;
}

}  // namespace airlock
