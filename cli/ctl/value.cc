// SPDX-License-Identifier: GPL-2.0-or-later
#include "cli/ctl/value.h"

#include <fmt/format.h>

#include <cmath>

#include "cli/ctl/characters.h"

namespace airlock::ctl {
namespace {

const Value kNothing;

template <typename T>
const T& get_or_empty(const Value& value) {
  static const T kEmpty{};
  const T* found = std::get_if<T>(&value.is);
  return found != nullptr ? *found : kEmpty;
}

// Beyond U+FFFF JSON needs a surrogate pair.
std::string json_escape(char32_t code) {
  if (code < 0x10000) return fmt::format("\\u{:04x}", static_cast<std::uint32_t>(code));
  const auto above = static_cast<std::uint32_t>(code) - 0x10000;
  return fmt::format("\\u{:04x}\\u{:04x}", 0xd800 + (above >> 10U), 0xdc00 + (above & 0x3ffU));
}

std::string json_text(std::string_view text) {
  std::string out = "\"";
  while (!text.empty()) {
    const Character character = first_character(text);
    if (character.code == '"' || character.code == '\\') {
      out += '\\';
      out += character.bytes;
    } else if (character.valid && is_harmless(character.code)) {
      out += character.bytes;
    } else {
      out += json_escape(character.code);
    }
    text.remove_prefix(character.bytes.size());
  }
  return out + '"';
}

class JsonWriter {
 public:
  explicit JsonWriter(JsonStyle style) : style_(style) {}

  void write(const Value& value) { std::visit(*this, value.is); }
  std::string take() { return std::move(out_); }

  void operator()(std::monostate) { out_ += "null"; }
  void operator()(bool truth) { out_ += truth ? "true" : "false"; }
  void operator()(std::int64_t number) { out_ += fmt::format("{}", number); }
  void operator()(std::uint64_t number) { out_ += fmt::format("{}", number); }
  // JSON has no word for infinity or not-a-number.
  void operator()(double number) {
    out_ += std::isfinite(number) ? fmt::format("{}", number) : "null";
  }
  void operator()(const std::string& text) { out_ += json_text(text); }
  void operator()(const Value::List& list) {
    out_ += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      begin_item(i);
      write(list[i]);
    }
    end(list.empty(), ']');
  }
  void operator()(const Value::Map& map) {
    out_ += '{';
    std::size_t i = 0;
    for (const auto& [key, value] : map) {
      begin_item(i++);
      out_ += json_text(key) + (style_ == JsonStyle::kIndented ? ": " : ":");
      write(value);
    }
    end(map.empty(), '}');
  }

 private:
  void begin_item(std::size_t number) {
    if (number == 0) ++depth_;
    if (number > 0) out_ += ',';
    new_line();
  }
  void end(bool empty, char bracket) {
    if (!empty) {
      --depth_;
      new_line();
    }
    out_ += bracket;
  }
  void new_line() {
    if (style_ == JsonStyle::kIndented) out_ += '\n' + std::string(2 * depth_, ' ');
  }

  JsonStyle style_;
  std::string out_;
  std::size_t depth_ = 0;
};

}  // namespace

const std::string& Value::text() const {
  return get_or_empty<std::string>(*this);
}

std::uint64_t Value::number() const {
  if (const auto* plain = std::get_if<std::uint64_t>(&is)) return *plain;
  const auto* with_sign = std::get_if<std::int64_t>(&is);
  return with_sign != nullptr && *with_sign > 0 ? static_cast<std::uint64_t>(*with_sign) : 0;
}

bool Value::truth() const {
  return get_or_empty<bool>(*this);
}

const Value::List& Value::list() const {
  return get_or_empty<List>(*this);
}

const Value::Map& Value::map() const {
  return get_or_empty<Map>(*this);
}

const Value& Value::at(std::string_view key) const {
  const auto found = map().find(std::string(key));
  return found == map().end() ? kNothing : found->second;
}

std::string to_json(const Value& value, JsonStyle style) {
  JsonWriter writer(style);
  writer.write(value);
  return writer.take();
}

}  // namespace airlock::ctl
