// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/command_line.h"

#include <getopt.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include "lib/base/nearest.h"
#include "lib/base/text.h"

namespace airlock {
namespace {

// The first code that getopt_long() returns for an option with a name; a letter's code is itself.
constexpr int kFirstName = 256;
constexpr int kOperand = 1;

class Getopt {
 public:
  Getopt(std::span<const std::string> words, std::span<const KnownOption> known)
      : known_(known), words_(words.begin(), words.end()) {
    for (std::size_t i = 0; i < known.size(); ++i) add(known[i], static_cast<int>(i));
    names_.push_back({});
    words_.insert(words_.begin(), "");  // in place of the program's name
    for (std::string& word : words_) arguments_.push_back(word.data());
    arguments_.push_back(nullptr);
  }

  Result<CommandLine> parse() {
    CommandLine line;
    ::optind = 0;  // from the beginning, even after earlier calls
    ::opterr = 0;
    for (std::size_t at = 1;; at = static_cast<std::size_t>(::optind)) {
      const int found = ::getopt_long(static_cast<int>(words_.size()), arguments_.data(),
                                      letters_.c_str(), names_.data(), nullptr);
      if (found == -1) break;
      if (found == kOperand) {
        line.operands.emplace_back(::optarg);
        continue;
      }
      TRY(const std::size_t option, judge(found, at < words_.size() ? words_[at] : ""));
      line.options.push_back({.option = option, .value = ::optarg == nullptr ? "" : ::optarg});
    }
    line.operands.insert(line.operands.end(), words_.begin() + ::optind, words_.end());
    return line;
  }

 private:
  void add(const KnownOption& option, int number) {
    if (option.letter != '\0') letters_ += option.letter;
    if (option.letter != '\0' && option.takes_value) letters_ += ':';
    if (option.name != nullptr)
      names_.push_back({.name = option.name,
                        .has_arg = option.takes_value ? required_argument : no_argument,
                        .flag = nullptr,
                        .val = kFirstName + number});
  }

  // Which option it is. `word` contains it.
  Result<std::size_t> judge(int found, std::string_view word) {
    const std::string_view name = word.substr(0, word.find('='));
    const bool wrong = found == ':' || found == '?';
    const int meant = wrong ? ::optopt : found;
    if (meant == 0) return unknown(std::string(name));
    if (found == '?' && meant < kFirstName)
      return unknown(std::string("-") + static_cast<char>(meant));
    const std::size_t number = number_of(meant);
    if (meant >= kFirstName && name != written(number)) return unknown(std::string(name));
    if (!wrong) return number;
    return fail(Errc::kInvalidArgument, "{} {}", written(number),
                found == ':' ? "needs a value" : "takes no value");
  }

  std::size_t number_of(int found) const {
    if (found >= kFirstName) return static_cast<std::size_t>(found - kFirstName);
    const auto row = std::ranges::find(known_, static_cast<char>(found), &KnownOption::letter);
    return static_cast<std::size_t>(row - known_.begin());
  }

  std::string written(std::size_t number) const {
    const KnownOption& option = known_[number];
    return option.name == nullptr ? std::string("-") + option.letter
                                  : std::string("--") + option.name;
  }

  std::unexpected<Error> unknown(const std::string& option) const {
    std::vector<std::string> all;
    for (std::size_t i = 0; i < known_.size(); ++i) all.push_back(written(i));
    const std::vector<std::string_view> names(all.begin(), all.end());
    const std::string_view meant = option.starts_with("--") ? nearest(option, names) : "";
    return fail(Errc::kInvalidArgument, "there is no option {}{}", quote(option),
                meant.empty() ? "" : "; did you mean " + std::string(meant) + "?");
  }

  std::span<const KnownOption> known_;
  std::vector<std::string> words_;
  std::vector<char*> arguments_;
  // "-" returns operands in their order, whatever POSIXLY_CORRECT says; ":" reports a missing value
  // as such.
  std::string letters_ = "-:";
  std::vector<option> names_;
};

}  // namespace

Result<CommandLine> parse_command_line(std::span<const std::string> words,
                                       std::span<const KnownOption> known) {
  return Getopt(words, known).parse();
}

}  // namespace airlock
