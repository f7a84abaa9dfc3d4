// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <expected>
#include <source_location>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace airlock {

// Every reason why a request can fail, as far as a person could react to it differently. Each has
// exactly one D-Bus error name (error_name), so adding one means adding a row there.
enum class Errc {
  kInvalidArgument,  // the request itself is invalid
  kNotFound,         // no such device, file, volume or driver
  kNotPermitted,     // the policy or the kernel refuses it
  kBusy,             // somebody else uses it
  kAlreadyMounted,   // it is mounted already
  kWrongFormat,      // the medium does not hold this kind of filesystem
  kUnsupported,      // the format is right, but one of its features is not supported
  kCorrupted,        // the medium contradicts itself
  kReadOnly,         // a change was requested where none is possible
  kNoSpace,          // the medium is full
  kIo,               // the device failed or went away
  kProtocol,         // the other end of a session broke the rules
  kPeerGone,         // the other end of a session went away
  kTimedOut,         // a deadline passed
  kCancelled,        // somebody with the right to do so stopped it
  kWorkerDied,       // a contained process ended abnormally
  kLimitExceeded,    // a size or count exceeds a named limit
  kOutOfMemory,      // no memory
  kSystem,           // a call that should succeed failed; the cause says which and why
};

inline constexpr std::array kAllErrcs = {
    Errc::kInvalidArgument, Errc::kNotFound,    Errc::kNotPermitted, Errc::kBusy,
    Errc::kAlreadyMounted,  Errc::kWrongFormat, Errc::kUnsupported,  Errc::kCorrupted,
    Errc::kReadOnly,        Errc::kNoSpace,     Errc::kIo,           Errc::kProtocol,
    Errc::kPeerGone,        Errc::kTimedOut,    Errc::kCancelled,    Errc::kWorkerDied,
    Errc::kLimitExceeded,   Errc::kOutOfMemory, Errc::kSystem,
};

// The D-Bus name, "org.airlock1.Error.Busy" and so on.
std::string_view error_name(Errc code);

struct [[nodiscard]] Error {
  Errc code = Errc::kSystem;
  std::error_code cause;  // empty if no system call is to blame
  std::string what;       // from the request down: "mount /dev/sdb1: open: ..."
  std::source_location where;

  // The one text for people: what, then the cause.
  [[nodiscard]] std::string message() const;
};

template <typename T>
using Result = std::expected<T, Error>;

// A format string that remembers its line in the source.
template <typename... Args>
struct BasicFormatAt {
  template <typename Text>
    requires std::convertible_to<const Text&, std::string_view>
  consteval BasicFormatAt(  // NOLINT(google-explicit-constructor): stands for a string literal
      const Text& text, std::source_location at = std::source_location::current())
      : format(text), where(at) {}
  fmt::format_string<Args...> format;
  std::source_location where;
};
template <typename... Args>
using FormatAt = BasicFormatAt<std::type_identity_t<Args>...>;

// A new failure without a system call behind it.
template <typename... Args>
std::unexpected<Error> fail(Errc code, FormatAt<Args...> text, Args&&... args) {
  return std::unexpected(Error{.code = code,
                               .cause = {},
                               .what = fmt::format(text.format, std::forward<Args>(args)...),
                               .where = text.where});
}

// A new failure of a system call; pass errno at once, before anything can change it.
template <typename... Args>
std::unexpected<Error> fail_errno(int error_number, Errc code, FormatAt<Args...> text,
                                  Args&&... args) {
  return std::unexpected(Error{.code = code,
                               .cause = std::error_code(error_number, std::system_category()),
                               .what = fmt::format(text.format, std::forward<Args>(args)...),
                               .where = text.where});
}

// Passes a failure on, with context that the callee did not have.
template <typename T, typename... Args>
std::unexpected<Error> fail(Result<T>&& failed, FormatAt<Args...> text, Args&&... args) {
  Error error = std::move(failed).error();
  error.what = fmt::format(text.format, std::forward<Args>(args)...) + ": " + error.what;
  return std::unexpected(std::move(error));
}

// Maps an errno from opening or using a device to the reason that a person would give.
Errc errc_from_errno(int error_number);

#define AIRLOCK_JOIN_(a, b) a##b
#define AIRLOCK_JOIN(a, b) AIRLOCK_JOIN_(a, b)
#define AIRLOCK_TRY_(result, declaration, ...)                    \
  auto result = (__VA_ARGS__);                                    \
  if (!result) return std::unexpected(std::move(result).error()); \
  declaration = *std::move(result)

// TRY(auto fd, open_device(path)); returns the failure, or declares fd.
#define TRY(declaration, ...) \
  AIRLOCK_TRY_(AIRLOCK_JOIN(try_result_, __LINE__), declaration, __VA_ARGS__)

// TRY_VOID(write_all(fd, data)); returns the failure, or continues.
#define TRY_VOID(...)                                        \
  do {                                                       \
    if (auto try_result = (__VA_ARGS__); !try_result)        \
      return std::unexpected(std::move(try_result).error()); \
  } while (false)

}  // namespace airlock
