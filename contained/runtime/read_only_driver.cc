// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/read_only_driver.h"

#include <sys/stat.h>

#include <bit>
#include <cstdint>
#include <string>
#include <utility>

#include "contained/runtime/driver_main.h"
#include "contained/runtime/read_only_files.h"

namespace airlock {
namespace {

constexpr std::uint32_t kSmallestBlock = 512;

class ReadOnlyMedium final : public OpenedMedium {
 public:
  ReadOnlyMedium(std::unique_ptr<MediumReader> reader, std::unique_ptr<ReadOnlyFormat> format,
                 const DriverOptions& options, std::string reason)
      : reader_(std::move(reader)),
        format_(std::move(format)),
        files_(*format_, options),
        reason_(std::move(reason)) {}

  FileSystem& files() override { return files_; }
  [[nodiscard]] std::string read_only_reason() const override { return reason_; }
  [[nodiscard]] bool writable() const override { return false; }
  [[nodiscard]] std::uint32_t block_size() const override { return format_->volume().block_size; }
  Result<void> begin() override { return {}; }

 private:
  std::unique_ptr<MediumReader> reader_;
  std::unique_ptr<ReadOnlyFormat> format_;
  ReadOnlyFiles files_;
  std::string reason_;
};

// What no mount can do without.
Result<void> check_opened(const ReadOnlyFormat& format) {
  const std::uint32_t block = format.volume().block_size;
  if (!std::has_single_bit(block) || block < kSmallestBlock)
    return fail(Errc::kCorrupted, "its blocks have {} bytes, which is impossible", block);
  const auto root = format.info(format.volume().root);
  if (!root) return fail_errno(root.error().value, Errc::kCorrupted, "read its root directory");
  if (!S_ISDIR(root->mode)) return fail(Errc::kCorrupted, "its root is not a directory");
  return {};
}

Result<std::unique_ptr<OpenedMedium>> open_medium(BlockIo& io, const DriverOptions& options,
                                                  const ReadOnlyProgram& program) {
  if (options.foreign != ForeignOptions{})
    return fail(Errc::kInvalidArgument,
                "umask, fmask, dmask, time_offset, tz, codepage and windows_names are not for {}",
                program.name);
  auto reader = std::make_unique<MediumReader>(io);
  TRY(auto format, program.open(*reader));
  TRY_VOID(check_opened(*format));
  std::string reason =
      options.read_only() ? "" : fmt::format("the driver {} can only read", program.name);
  return std::make_unique<ReadOnlyMedium>(std::move(reader), std::move(format), options,
                                          std::move(reason));
}

}  // namespace

int read_only_driver_main(int argc, char** argv, const ReadOnlyProgram& program) {
  return driver_main(argc, argv,
                     {.name = program.name,
                      .filter = program.filter,
                      .open =
                          [&program](BlockIo& io, const DriverOptions& options) {
                            return open_medium(io, options, program);
                          },
                      .use = MediumUse::kOnlyRead});
}

}  // namespace airlock
