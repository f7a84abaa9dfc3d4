// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ctl/terminal.h"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <ctime>

#include "cli/ctl/characters.h"

namespace airlock::ctl {
namespace {

std::string escaped(std::string_view bytes) {
  std::string out;
  for (const char c : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
  return out;
}

}  // namespace

std::string shown(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const Character character = first_character(text);
    const bool as_it_is = character.valid && is_harmless(character.code);
    out += as_it_is ? std::string(character.bytes) : escaped(character.bytes);
    text.remove_prefix(character.bytes.size());
  }
  return out;
}

std::string shortened(std::string_view text, std::size_t columns) {
  if (width(text) <= columns) return std::string(text);
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t next = end + first_character(text.substr(end)).bytes.size();
    if (width(text.substr(0, next)) + 1 > columns) break;
    end = next;
  }
  return std::string(text.substr(0, end)) + "…";
}

std::string human_size(std::uint64_t bytes) {
  constexpr std::array kUnits = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  if (bytes < 1024) return fmt::format("{} B", bytes);
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1023.95 && unit + 1 < kUnits.size()) {
    size /= 1024;
    ++unit;
  }
  return fmt::format("{:.1f} {}", size, kUnits[unit]);
}

std::string human_time(std::uint64_t seconds) {
  if (seconds == 0) return "";
  const auto time = static_cast<std::time_t>(seconds);
  std::tm local{};
  if (::localtime_r(&time, &local) == nullptr) return "";
  std::array<char, 32> text{};
  const std::size_t length = std::strftime(text.data(), text.size(), "%Y-%m-%d %H:%M:%S", &local);
  return {text.data(), length};
}

bool wants_color(int descriptor) {
  const char* refused = std::getenv("NO_COLOR");
  const char* terminal = std::getenv("TERM");
  return ::isatty(descriptor) == 1 && (refused == nullptr || *refused == '\0') &&
         (terminal == nullptr || std::string_view(terminal) != "dumb");
}

std::string paint(std::string_view text, Color color, bool use_color) {
  if (!use_color || color == Color::kPlain || text.empty()) return std::string(text);
  constexpr std::array kCodes = {"0", "32", "33", "1;31", "2", "1"};
  return fmt::format("\x1b[{}m{}\x1b[0m", kCodes.at(static_cast<std::size_t>(color)), text);
}

std::string Table::render(bool use_color) const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < heads_.size(); ++column) {
    std::size_t widest = width(heads_[column]);
    for (const auto& row : rows_) widest = std::max(widest, width(row.at(column).text));
    widths.push_back(widest);
  }
  const auto line = [&](auto cell_at) {
    std::string out;
    for (std::size_t column = 0; column < heads_.size(); ++column) {
      const Cell cell = cell_at(column);
      out += paint(cell.text, cell.color, use_color);
      if (column + 1 < heads_.size()) out.append(widths[column] - width(cell.text) + 2, ' ');
    }
    return out.erase(out.find_last_not_of(' ') + 1) + "\n";
  };
  std::string out = line([&](std::size_t column) { return Cell{heads_[column], Color::kDim}; });
  for (const auto& row : rows_) out += line([&](std::size_t column) { return row.at(column); });
  return out;
}

}  // namespace airlock::ctl
