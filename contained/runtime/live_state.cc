// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/runtime/live_state.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstring>

#include "lib/protocol/live_state.h"

namespace airlock {
namespace {

// Says that an opening stands behind it, and how this version lays it out.
constexpr std::uint64_t kPublished = 0x4149524c'4c495645 + 1;

struct Head {
  std::uint64_t published;
  std::uint32_t request_length;
  std::uint32_t answer_length;
};
constexpr std::size_t kRoom = kLiveStateSize - sizeof(Head);

std::atomic_ref<std::uint64_t> published_in(std::span<std::byte> memory) {
  return std::atomic_ref(reinterpret_cast<Head*>(memory.data())->published);
}

}  // namespace

Result<LiveState> LiveState::map(const UniqueFd& memory) {
  struct stat status = {};
  const int seals = ::fcntl(memory.get(), F_GET_SEALS);
  if (seals < 0 || (seals & F_SEAL_SHRINK) == 0 || ::fstat(memory.get(), &status) != 0 ||
      status.st_size != static_cast<off_t>(kLiveStateSize))
    return fail(Errc::kProtocol, "the live state is not sealed memory of {} bytes", kLiveStateSize);
  void* mapped =
      ::mmap(nullptr, kLiveStateSize, PROT_READ | PROT_WRITE, MAP_SHARED, memory.get(), 0);
  if (mapped == MAP_FAILED) return fail_errno(errno, Errc::kOutOfMemory, "map the live state");
  return LiveState({static_cast<std::byte*>(mapped), kLiveStateSize});
}

LiveState::~LiveState() {
  if (!memory_.empty()) (void)::munmap(memory_.data(), memory_.size());
}

void LiveState::keep_opening(std::span<const std::byte> request,
                             std::span<const std::byte> answer) const {
  if (request.size() > kRoom || answer.size() > kRoom - request.size()) return;
  const Head head = {.published = 0,
                     .request_length = static_cast<std::uint32_t>(request.size()),
                     .answer_length = static_cast<std::uint32_t>(answer.size())};
  std::memcpy(memory_.data(), &head, sizeof head);
  std::memcpy(memory_.data() + sizeof head, request.data(), request.size());
  std::memcpy(memory_.data() + sizeof head + request.size(), answer.data(), answer.size());
  published_in(memory_).store(kPublished, std::memory_order_release);
}

Result<LiveState::Opening> LiveState::opening() const {
  if (published_in(memory_).load(std::memory_order_acquire) != kPublished)
    return fail(Errc::kUnsupported, "the driver before left no state to go on from");
  Head head = {};
  std::memcpy(&head, memory_.data(), sizeof head);  // once: the memory is shared
  if (head.request_length > kRoom || head.answer_length > kRoom - head.request_length)
    return fail(Errc::kProtocol, "the state that the driver before left is damaged");
  const auto request = memory_.subspan(sizeof head, head.request_length);
  const auto answer = memory_.subspan(sizeof head + head.request_length, head.answer_length);
  return Opening{.request = {request.begin(), request.end()},
                 .answer = {answer.begin(), answer.end()}};
}

}  // namespace airlock
