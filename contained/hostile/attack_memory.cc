// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstring>

#include "contained/hostile/attack_result.h"

namespace airlock::hostile {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kTooMuch = 256ULL << 20;  // the test allows far less

void* map(std::size_t size, int protection, int sharing) {
  return ::mmap(nullptr, size, protection, sharing | MAP_ANONYMOUS, -1, 0);
}

int use_up(std::size_t size, int sharing) {
  void* const memory = map(size, PROT_READ | PROT_WRITE, sharing);
  if (memory == MAP_FAILED) return lost();
  std::memset(memory, 1, size);
  return 0;
}

int medium_in_memory = -1;

}  // namespace

void prepare_attack(std::string_view name) {
  if (name == "fill_medium_in_memory" || name == "grow_medium")
    medium_in_memory = ::memfd_create("airlock-hostile", MFD_CLOEXEC);
}

// As a driver does whose image lies in a tmpfs. Nothing of it is mapped, so no limit on its memory
// or its addresses sees it; and an image grows when somebody writes behind its end.
int fill_medium_in_memory(const Targets&) {
  static std::array<char, 1U << 20> kBlock{};
  const iovec part{.iov_base = kBlock.data(), .iov_len = kBlock.size()};
  for (std::size_t at = 0; at < 2 * kTooMuch; at += kBlock.size())
    if (::pwritev(medium_in_memory, &part, 1, static_cast<off_t>(at)) < 0) return lost();
  return 0;
}

// Space that nobody has written to, and the size of an image that is somebody's file.
int grow_medium(const Targets&) {
  return won_if(::fallocate(medium_in_memory, 0, 0, kPage) == 0);
}

int map_executable(const Targets&) {
  return won_if(map(kPage, PROT_READ | PROT_EXEC, MAP_PRIVATE) != MAP_FAILED);
}

int make_executable(const Targets&) {
  void* const memory = map(kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  if (memory == MAP_FAILED) return lost();
  return won_if(::mprotect(memory, kPage, PROT_READ | PROT_EXEC) == 0);
}

// The limit on data forgets what can't be written.
int make_read_only(const Targets&) {
  void* const memory = map(kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  if (memory == MAP_FAILED) return lost();
  return won_if(::mprotect(memory, kPage, PROT_READ) == 0);
}

int overstay_memory(const Targets&) {
  return use_up(kTooMuch, MAP_PRIVATE);
}

// The limit on data counts only what can be written now.
int overstay_memory_by_protecting(const Targets&) {
  constexpr std::size_t kStep = 1ULL << 20;
  for (std::size_t used = 0; used < kTooMuch; used += kStep) {
    void* const memory = map(kStep, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    if (memory == MAP_FAILED) return lost();
    std::memset(memory, 1, kStep);
    if (::mprotect(memory, kStep, PROT_READ) != 0) return lost();
  }
  return 0;
}

// Nothing is in the pages, but each look costs the kernel a page table: 64 MiB of them.
int overstay_page_tables(const Targets&) {
  constexpr std::size_t kArea = 32ULL << 30;
  constexpr std::size_t kPerTable = 2ULL << 20;
  const void* const area = map(kArea, PROT_READ, MAP_PRIVATE | MAP_NORESERVE);
  if (area == MAP_FAILED) return lost();
  for (std::size_t at = 0; at < kArea; at += kPerTable)
    (void)*(static_cast<const volatile char*>(area) + at);
  return 0;
}

int overstay_shared_memory(const Targets&) {
  return use_up(kTooMuch, MAP_SHARED);
}

int lock_memory(const Targets&) {
  void* const memory = map(kPage, PROT_READ | PROT_WRITE, MAP_PRIVATE);
  if (memory == MAP_FAILED) return lost();
  // Not mlock(): the address sanitizer turns that into nothing.
  return won_if(::syscall(SYS_mlock, memory, kPage) == 0);
}

int change_personality(const Targets&) {
  return won_if(::personality(READ_IMPLIES_EXEC) >= 0);
}

int handle_page_faults(const Targets&) {
  return won_if(::syscall(SYS_userfaultfd, O_CLOEXEC | UFFD_USER_MODE_ONLY) >= 0);
}

}  // namespace airlock::hostile
