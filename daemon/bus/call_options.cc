// SPDX-License-Identifier: GPL-2.0-or-later
#include "daemon/bus/call_options.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <variant>

#include "lib/base/text.h"

namespace airlock {
namespace {

struct Row {
  std::string_view key;
  OptionSet option;
  std::variant<bool CallOptions::*, std::string CallOptions::*> field;
};
constexpr std::array kRows = {
    Row{"auth.no_user_interaction", kNoUserInteraction, &CallOptions::no_user_interaction},
    Row{"options", kMountOptions, &CallOptions::mount_options},
    Row{"fstype", kType, &CallOptions::type},
    Row{"force", kForce, &CallOptions::force},
    Row{"lazy", kLazy, &CallOptions::lazy},
};

const Row* find_row(std::string_view key, OptionSet taken) {
  const auto row = std::ranges::find(kRows, key, &Row::key);
  return row != kRows.end() && (row->option & taken) != 0 ? &*row : nullptr;
}

template <typename T>
Result<void> read_into(T& field, const std::string& key, const sdbus::Variant& value,
                       std::string_view type) {
  if (!value.containsValueOfType<T>())
    return fail(Errc::kInvalidArgument, "option {} must be of type {}, not {}", key, type,
                quote(value.peekValueType()));
  field = value.get<T>();
  return {};
}

struct ReadField {
  CallOptions& options;
  const std::string& key;
  const sdbus::Variant& value;

  Result<void> operator()(bool CallOptions::* field) const {
    return read_into(options.*field, key, value, "b");
  }
  Result<void> operator()(std::string CallOptions::* field) const {
    TRY_VOID(read_into(options.*field, key, value, "s"));
    if ((options.*field).size() > kMostOptionBytes)
      return fail(Errc::kInvalidArgument, "option {} is longer than {} bytes", key,
                  kMostOptionBytes);
    return {};
  }
};

}  // namespace

Result<CallOptions> read_options(const BusOptions& options, OptionSet taken) {
  CallOptions read;
  for (const auto& [key, value] : options) {
    const Row* row = find_row(key, taken);
    if (row == nullptr)
      return fail(Errc::kInvalidArgument, "there is no option {} here", quote(key));
    TRY_VOID(std::visit(ReadField{read, key, value}, row->field));
  }
  return read;
}

}  // namespace airlock
