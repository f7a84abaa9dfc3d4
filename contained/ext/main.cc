// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <memory>

#include "contained/ext/ext_driver.h"
#include "contained/runtime/driver_main.h"
#include "lib/base/log.h"

namespace airlock::ext {
namespace {

constexpr std::array kFilter = {
#include "contained/ext/filter.inc"
};

class ExtMedium final : public OpenedMedium {
 public:
  ExtMedium(std::unique_ptr<Volume> volume, const DriverOptions& options)
      : volume_(std::move(volume)), driver_(*volume_, options) {}

  FileSystem& files() override { return driver_; }
  [[nodiscard]] std::string read_only_reason() const override {
    return volume_->read_only_reason();
  }
  [[nodiscard]] bool writable() const override { return volume_->writable(); }
  [[nodiscard]] std::uint32_t block_size() const override { return volume_->block_size(); }

  Result<void> begin() override {
    if (!volume_->writable()) return {};
    volume_->begin_writing();
    if (!driver_.delete_orphans())
      log(LogLevel::kWarning, "files unlinked in an earlier mount could not be deleted");
    return {};
  }

 private:
  std::unique_ptr<Volume> volume_;
  ExtDriver driver_;
};

Result<std::unique_ptr<OpenedMedium>> open_medium(BlockIo& io, const DriverOptions& options) {
  if (options.foreign != ForeignOptions{})
    return fail(Errc::kInvalidArgument,
                "this medium has permissions, names and times of its own: umask, fmask, dmask, "
                "time_offset, tz, codepage and windows_names are not for it");
  TRY(auto volume,
      Volume::open(io, options.read_only() ? MountMode::kReadOnly : MountMode::kReadWrite));
  return std::make_unique<ExtMedium>(std::move(volume), options);
}

}  // namespace
}  // namespace airlock::ext

int main(int argc, char** argv) {
  return airlock::driver_main(
      argc, argv,
      {.name = "airlock-ext", .filter = airlock::ext::kFilter, .open = airlock::ext::open_medium});
}
