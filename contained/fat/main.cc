// SPDX-License-Identifier: GPL-2.0-or-later
#include <array>
#include <memory>
#include <vector>

#include "contained/fat/exfat_driver.h"
#include "contained/fat/exfat_geometry.h"
#include "contained/fat/exfat_volume.h"
#include "contained/fat/fat_driver.h"
#include "contained/runtime/driver_main.h"

namespace airlock::fat {
namespace {

constexpr std::array kFilter = {
#include "contained/fat/filter.inc"
};

Result<View> view_of(const DriverOptions& options) {
  // A FAT medium stores no owners: even with owner=media all files belong to the user.
  View view = {.user = options.user, .group = options.group};
  view.file_mask = options.foreign.file_mask.value_or(view.file_mask);
  view.directory_mask = options.foreign.directory_mask.value_or(view.directory_mask);
  view.zone = options.foreign.zone_minutes.value_or(0) * 60;
  view.rules = options.foreign.windows_names ? NameRules::kWindows : NameRules::kAny;
  if (options.foreign.code_page) {
    view.page = CodePage::find(*options.foreign.code_page);
    if (view.page == nullptr)
      return fail(Errc::kInvalidArgument, "code page {} is unknown", *options.foreign.code_page);
  }
  return view;
}

class Medium final : public OpenedMedium {
 public:
  Medium(std::unique_ptr<Volume> volume, const View& view)
      : volume_(std::move(volume)), files_(std::make_unique<FatDriver>(*volume_, view)) {}
  Medium(ExfatVolume volume, const View& view)
      : volume_(std::move(volume.volume)),
        upcase_(std::move(volume.upcase)),
        files_(std::make_unique<ExfatDriver>(*volume_, upcase_, view)) {}

  FileSystem& files() override { return *files_; }
  [[nodiscard]] std::string read_only_reason() const override {
    return volume_->read_only_reason();
  }
  [[nodiscard]] bool writable() const override { return volume_->writable(); }
  [[nodiscard]] std::uint32_t block_size() const override { return volume_->geometry().block_size; }

  Result<void> begin() override {
    if (volume_->writable()) volume_->begin_writing();
    return {};
  }

 private:
  std::unique_ptr<Volume> volume_;
  UpcaseTable upcase_;
  std::unique_ptr<FileSystem> files_;
};

Result<std::unique_ptr<OpenedMedium>> open_medium(BlockIo& io, const DriverOptions& options) {
  TRY(const View view, view_of(options));
  const MountMode writing = options.checked ? MountMode::kChecked : MountMode::kReadWrite;
  const MountMode mode = options.read_only() ? MountMode::kReadOnly : writing;
  TRY(const bool exfat, is_exfat(io));
  if (exfat) {
    TRY(auto volume, open_exfat(io, mode));
    return std::make_unique<Medium>(std::move(volume), view);
  }
  TRY(auto volume, Volume::open(io, mode));
  return std::make_unique<Medium>(std::move(volume), view);
}

}  // namespace
}  // namespace airlock::fat

int main(int argc, char** argv) {
  return airlock::driver_main(
      argc, argv,
      {.name = "airlock-fat", .filter = airlock::fat::kFilter, .open = airlock::fat::open_medium});
}
