// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ctl/arguments.h"

#include <array>
#include <utility>

#include "lib/base/command_line.h"

namespace airlock::ctl {
namespace {

struct Row {
  KnownOption option;
  bool Arguments::* flag;
  std::string Arguments::* text = nullptr;  // for an option with a value
};
constexpr auto kRows = std::to_array<Row>({
    {{"json", 'j'}, &Arguments::json},
    {{"quiet", 'q'}, &Arguments::quiet},
    {{"all", 'a'}, &Arguments::all},
    {{"lazy", 'l'}, &Arguments::lazy},
    {{"force", 'f'}, &Arguments::force},
    {{"read-only", 'r'}, &Arguments::read_only},
    {{"no-ask"}, &Arguments::no_ask},
    {{"power-off"}, &Arguments::power_off},
    {{"yes", 'y'}, &Arguments::yes},
    {{"help", 'h'}, &Arguments::help},
    {{"version", 'V'}, &Arguments::version},
    {{"options", 'o', true}, nullptr, &Arguments::options},
    {{"type", 't', true}, nullptr, &Arguments::type},
    {{"label", 'L', true}, nullptr, &Arguments::label},
});

Result<void> set(const Row& row, const std::string& value, Arguments& arguments) {
  arguments.given.emplace_back(row.option.name);
  if (row.flag != nullptr) {
    arguments.*row.flag = true;
    return {};
  }
  std::string& text = arguments.*row.text;
  const bool again = !text.empty();
  if (again && row.text != &Arguments::options)
    return fail(Errc::kInvalidArgument, "--{} is given twice", row.option.name);
  text += (again ? "," : "") + value;
  return {};
}

}  // namespace

Result<Arguments> parse_arguments(std::span<const std::string> words) {
  std::array<KnownOption, kRows.size()> known;
  for (std::size_t i = 0; i < known.size(); ++i) known[i] = kRows[i].option;
  TRY(CommandLine line, parse_command_line(words, known));
  Arguments arguments;
  for (const auto& [option, value] : line.options) TRY_VOID(set(kRows[option], value, arguments));
  if (!line.operands.empty()) {
    arguments.verb = std::move(line.operands.front());
    line.operands.erase(line.operands.begin());
  }
  arguments.operands = std::move(line.operands);
  return arguments;
}

}  // namespace airlock::ctl
