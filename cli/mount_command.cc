// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/mount_command.h"

#include <string_view>

#include "lib/base/text.h"

namespace airlock {
namespace {

// Walks the words; options may stand before, between or after the two operands.
class Parser {
 public:
  explicit Parser(std::span<const std::string> words) : words_(words) {}

  Result<MountCommand> parse() {
    bool only_operands = false;
    while (next_ < words_.size()) {
      const std::string& word = words_[next_++];
      if (word == "--help" || word == "-h") return MountCommand{.kind = MountCommand::Kind::kHelp};
      if (word == "--version" || word == "-V")
        return MountCommand{.kind = MountCommand::Kind::kVersion};
      if (word == "--" && !only_operands) {
        only_operands = true;
      } else if (word.size() > 1 && word[0] == '-' && !only_operands) {
        TRY_VOID(letters(word));
      } else {
        operands_.push_back(word);
      }
    }
    return finish();
  }

 private:
  Result<void> letters(const std::string& word) {
    for (std::size_t i = 1; i < word.size(); ++i) {
      if (word[i] == 'o' || word[i] == 't' || word[i] == 'N')
        return valued(word[i], std::string_view(word).substr(i + 1));
      TRY_VOID(letter(word[i]));
    }
    return {};
  }

  Result<void> letter(char name) {
    switch (name) {
      case 's':
        command_.sloppy = true;
        return {};
      case 'f':
        command_.fake = true;
        return {};
      case 'v':
        command_.verbose = true;
        return {};
      case 'n':  // no mtab: there never is one
        return {};
      case 'r':
        return add_options("ro");
      case 'w':
        return add_options("rw");
      default:
        return fail(Errc::kInvalidArgument, "unknown option {}", quote(std::string("-") + name));
    }
  }

  Result<void> valued(char name, std::string_view glued) {
    if (glued.empty() && next_ == words_.size())
      return fail(Errc::kInvalidArgument, "option -{} needs a value", name);
    const std::string value = glued.empty() ? words_[next_++] : std::string(glued);
    if (name == 'o') return add_options(value);
    if (name == 'N')
      return fail(Errc::kUnsupported, "mounting into another namespace (-N) is not supported");
    TRY(command_.subtype, subtype_of(value));
    return {};
  }

  Result<void> add_options(const std::string& options) {
    if (!command_.options.empty()) command_.options += ',';
    command_.options += options;
    return {};
  }

  Result<MountCommand> finish() {
    if (operands_.size() != 2)
      return fail(Errc::kInvalidArgument, "need a device or image file, and a directory");
    if (command_.subtype.empty())
      return fail(Errc::kInvalidArgument,
                  "which filesystem? Say it as in: mount -t airlock.ext4 DEVICE DIRECTORY");
    command_.source = operands_[0];
    command_.target = operands_[1];
    return command_;
  }

  std::span<const std::string> words_;
  std::size_t next_ = 0;
  std::vector<std::string> operands_;
  MountCommand command_;
};

}  // namespace

Result<std::string> subtype_of(const std::string& type) {
  std::string_view rest = type;
  for (const std::string_view prefix : {"fuseblk.", "fuse."})
    if (rest.starts_with(prefix)) rest.remove_prefix(prefix.size());
  constexpr std::string_view kOurs = "airlock.";
  if (!rest.starts_with(kOurs) || rest.size() == kOurs.size() ||
      rest.find('/') != std::string_view::npos)
    return fail(Errc::kInvalidArgument, "type {} is not airlock.SOMETHING", quote(type));
  return std::string(rest.substr(kOurs.size()));
}

Result<MountCommand> parse_mount_command(std::span<const std::string> arguments) {
  return Parser(arguments).parse();
}

}  // namespace airlock
