// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/command.h"

#include <fmt/format.h>

#include <string_view>

#include "lib/protocol/formats.h"

namespace airlock::check {
namespace {

using Words = std::vector<std::string>;

Words ext_words(CheckOperation operation) {
  const std::string progress = fmt::format("{}", kProgressDescriptor);
  switch (operation) {
    case CheckOperation::kCheck:
      return {"-n", "-f", "-C", progress};
    case CheckOperation::kGlance:
      return {"-n", "-C", progress};
    case CheckOperation::kReplay:
      return {"-y", "-E", "journal_only"};
    case CheckOperation::kSettle:
      return {"-p", "-C", progress};
    case CheckOperation::kRepair:
      return {"-y", "-f", "-C", progress};
    default:
      break;
  }
  return {};
}

Words fat_words(CheckOperation operation) {
  return only_reads(operation) ? Words{"-n"} : Words{"-a", "-w"};
}

Words exfat_words(CheckOperation operation) {
  return only_reads(operation) ? Words{"-n"} : Words{"-y"};
}

Words check_words(CheckerFamily family, CheckOperation operation) {
  switch (family) {
    case CheckerFamily::kExt:
      return ext_words(operation);
    case CheckerFamily::kFat:
      return fat_words(operation);
    case CheckerFamily::kExfat:
      return exfat_words(operation);
    case CheckerFamily::kNtfs:
      return {"-n"};
  }
  return {};
}

Words label_command(const CheckerRow& row, const std::string& label) {
  const std::string program(row.label_program);
  // fatlabel treats an empty operand as a question.
  if (row.family == CheckerFamily::kFat && label.empty()) return {program, "-r", kMediumPath};
  return {program, kMediumPath, label};
}

// Gives the parameters of a new filesystem that would differ from what the distribution makes by
// itself only where the worker can't: it neither discards nor asks the kernel what that supports.
Words format_command(const FormatRow& row, const std::string& label) {
  Words words{std::string(row.program)};
  std::string_view name_option = "-L";
  switch (row.family) {
    case CheckerFamily::kExt:
      words.insert(words.end(), {"-q", "-F", "-E", "nodiscard,lazy_itable_init=1"});
      break;
    case CheckerFamily::kFat:
      // Also on a whole drive, and without the picture of a partition table.
      words.insert(words.end(), {"-I", "--mbr=n"});
      name_option = "-n";
      break;
    default:
      break;
  }
  if (!label.empty()) words.insert(words.end(), {std::string(name_option), label});
  words.emplace_back(kMediumPath);
  return words;
}

}  // namespace

Result<Words> command_for(const CheckerRow& row, const CheckRequest& request) {
  TRY_VOID(check_offered(row, request.operation));
  if (request.operation == CheckOperation::kFormat) {
    TRY_VOID(check_format(request.type, request.label));
    TRY(const FormatRow* const format, find_format(request.type));
    return format_command(*format, request.label);
  }
  if (request.operation == CheckOperation::kLabel) {
    TRY_VOID(check_label(row.family, request.label));
    return label_command(row, request.label);
  }
  if (request.operation == CheckOperation::kReplay && is_own_program(row.replay_program))
    return Words{std::string(row.replay_program), kMediumPath};
  Words words{std::string(row.check_program)};
  for (auto& word : check_words(row.family, request.operation)) words.push_back(std::move(word));
  words.emplace_back(kMediumPath);
  return words;
}

Words version_question(const CheckerRow& row) {
  if (row.family != CheckerFamily::kNtfs) return {};
  return {std::string(row.check_program), "--version"};
}

}  // namespace airlock::check
