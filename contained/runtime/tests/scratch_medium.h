// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "contained/runtime/block_io.h"
#include "lib/base/unique_fd.h"

namespace airlock {

// A file that nobody has to remove, with a name for the programs of the system.
class MemoryFile {
 public:
  MemoryFile();
  [[nodiscard]] BorrowedFd descriptor() const { return descriptor_.borrow(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  UniqueFd descriptor_;
  std::string path_;
};

// A medium for tests that look at thousands of states of one image: it takes back what was written
// to it, so that no state is a copy of the whole image. Programs of the system find it under path()
// as a file, and there, too, nothing is copied. Safe to use from several threads, as a medium must
// be; its content is only to be looked at while nobody writes.
class ScratchMedium final : public BlockIo {
 public:
  explicit ScratchMedium(std::span<const std::byte> content);
  ~ScratchMedium() override;
  ScratchMedium(const ScratchMedium&) = delete;
  ScratchMedium& operator=(const ScratchMedium&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  // A file for as long as the medium lives. take_back() knows nothing of what is written there.
  [[nodiscard]] const std::string& path() const { return file_.path(); }

  // A moment to go back to.
  [[nodiscard]] std::size_t moment() const { return undo_.size(); }
  void take_back(std::size_t to_moment = 0);
  // What was written so far stays. Earlier moments are gone.
  void keep() { undo_.clear(); }
  // Whatever was written here or to the file, afterwards this is the content, for good.
  void assign(std::span<const std::byte> content);

  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] bool writable() const override { return true; }
  Outcome<void> read(std::uint64_t offset, std::span<std::byte> into) override;
  Outcome<void> write(std::uint64_t offset, std::span<const std::byte> from) override;
  Outcome<void> read_scatter(std::uint64_t offset, std::span<iovec> parts) override;
  Outcome<void> write_gather(std::uint64_t offset, std::span<iovec> parts) override;
  Outcome<void> flush() override { return {}; }
  // A reader of what was discarded reads nonsense.
  Outcome<void> discard(std::uint64_t offset, std::uint64_t length) override;

 private:
  struct Undo {
    std::uint64_t offset;
    std::uint64_t length;
    std::vector<std::byte> old;  // empty: zeros
  };

  [[nodiscard]] bool has(std::uint64_t offset, std::uint64_t length) const;
  void remember(std::uint64_t offset, std::uint64_t length);
  void put(std::uint64_t offset, std::span<const std::byte> from);

  std::mutex mutex_;
  MemoryFile file_;
  std::span<std::byte> bytes_;  // the file, mapped
  std::vector<Undo> undo_;
};

}  // namespace airlock
