// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/options.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "lib/base/number.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

constexpr std::string_view kHelp = R"(Usage: airlockd [OPTIONS]

Mounts removable media with contained drivers, for the user at the machine. D-Bus or udev normally
starts it, and it ends automatically when there is nothing to do. See airlockd(8).

  --idle-exit SECONDS    end after this time without anything to do; 0: never
  --mount-base FOLDER    mounts appear in FOLDER/USER/LABEL
  --state-dir FOLDER     state for the next airlockd, /run/airlock
  --settings-dir FOLDER  read settings from here and nowhere else
  --death-grace SECONDS  detach the mount of a dead driver after this time, 30
  --verbose              log more
  --help, --version
)";

// Takes "--name value" and "--name=value" apart.
class Words {
 public:
  explicit Words(std::span<const std::string> words) : words_(words) {}

  [[nodiscard]] bool done() const { return next_ >= words_.size(); }
  std::string option() {
    const std::string& word = words_[next_++];
    const std::size_t equals = word.find('=');
    if (!word.starts_with("--") || equals == std::string::npos) return word;
    value_ = word.substr(equals + 1);
    return word.substr(0, equals);
  }
  Result<std::string> value(const std::string& option) {
    if (value_) return *std::exchange(value_, std::nullopt);
    if (done()) return fail(Errc::kInvalidArgument, "{} needs a value", option);
    return words_[next_++];
  }
  [[nodiscard]] bool value_left() const { return value_.has_value(); }

 private:
  std::span<const std::string> words_;
  std::size_t next_ = 0;
  std::optional<std::string> value_;
};

Result<std::chrono::seconds> seconds(const std::string& option, const std::string& text) {
  constexpr long kMost = 31'536'000;  // a year
  if (const auto number = parse_number<long>(text, 0, kMost)) return std::chrono::seconds(*number);
  return fail(Errc::kInvalidArgument, "{} is a number of seconds, not {}", option, quote(text));
}

Result<std::string> folder(const std::string& option, std::string text) {
  if (text.starts_with('/')) return text;
  return fail(Errc::kInvalidArgument, "{} is an absolute path, not {}", option, quote(text));
}

Result<void> read_value(const std::string& option, const std::string& value,
                        DaemonOptions& options) {
  if (option == "--idle-exit") {
    TRY(options.idle_exit, seconds(option, value));
  } else if (option == "--death-grace") {
    TRY(options.death_grace, seconds(option, value));
  } else if (option == "--mount-base") {
    TRY(options.mount_base, folder(option, value));
  } else if (option == "--state-dir") {
    TRY(options.state_directory, folder(option, value));
  } else {
    TRY(options.settings_directory, folder(option, value));
  }
  return {};
}

bool takes_value(std::string_view option) {
  constexpr std::array<std::string_view, 5> kWithValue = {
      "--idle-exit", "--death-grace", "--mount-base", "--state-dir", "--settings-dir"};
  return std::ranges::find(kWithValue, option) != kWithValue.end();
}

}  // namespace

Result<DaemonOptions> parse_daemon_options(std::span<const std::string> arguments) {
  DaemonOptions options;
  Words words(arguments);
  while (!words.done()) {
    const std::string option = words.option();
    if (takes_value(option)) {
      TRY(const std::string value, words.value(option));
      TRY_VOID(read_value(option, value, options));
    } else if (words.value_left()) {
      return fail(Errc::kInvalidArgument, "{} takes no value", quote(option));
    } else if (option == "--verbose") {
      options.verbose = true;
    } else if (option == "--help") {
      options.kind = DaemonOptions::Kind::kHelp;
    } else if (option == "--version") {
      options.kind = DaemonOptions::Kind::kVersion;
    } else {
      return fail(Errc::kInvalidArgument, "there is no option {}", quote(option));
    }
  }
  return options;
}

std::string daemon_help() {
  return std::string(kHelp);
}

}  // namespace airlock
