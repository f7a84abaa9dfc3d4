// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>

#include "lib/base/byte_view.h"
#include "lib/base/command_line.h"
#include "lib/base/defer.h"
#include "lib/base/error.h"
#include "lib/base/file_text.h"
#include "lib/base/nearest.h"
#include "lib/base/text.h"
#include "lib/base/unique_fd.h"

namespace airlock {
namespace {

using Words = std::vector<std::string>;

constexpr auto kKnown =
    std::to_array<KnownOption>({{"loud", 'l'}, {"place", 'p', true}, {nullptr, 'x'}, {"long-one"}});

// "0 1=here", and the operands behind a bar.
std::string understood(const Words& words) {
  const auto line = parse_command_line(words, kKnown);
  if (!line) return line.error().message();
  std::string text;
  for (const auto& [option, value] : line->options)
    text += std::to_string(option) + (value.empty() ? "" : "=" + value) + " ";
  text += "|";
  for (const std::string& operand : line->operands) text += " " + operand;
  return text;
}

TEST(CommandLine, OptionsStandAnywhereAndLettersTogether) {
  EXPECT_EQ(understood({}), "|");
  EXPECT_EQ(understood({"a", "-lx", "--place=here", "b", "--place", "there", "-pyon", "-p", "-l"}),
            "0 2 1=here 1=there 1=yon 1=-l | a b");
  EXPECT_EQ(understood({"-lp", "here", "-"}), "0 1=here | -");
  EXPECT_EQ(understood({"a", "--", "-l", "--", "--loud"}), "| a -l -- --loud");
  EXPECT_EQ(understood({"--place=", "a"}), "1 | a");
  EXPECT_EQ(understood({"", "-l"}), "0 | ");
}

TEST(CommandLine, IsReadTheSameWhereverOptionsMustComeFirst) {
  ASSERT_EQ(::setenv("POSIXLY_CORRECT", "1", 1), 0);
  EXPECT_EQ(understood({"a", "-l", "b"}), "0 | a b");
  ::unsetenv("POSIXLY_CORRECT");
}

TEST(CommandLine, WhatIsWrongIsNamed) {
  EXPECT_EQ(understood({"--plcae=x"}), "there is no option \"--plcae\"; did you mean --place?");
  EXPECT_EQ(understood({"--lou"}), "there is no option \"--lou\"; did you mean --loud?");
  EXPECT_EQ(understood({"--plac"}), "there is no option \"--plac\"; did you mean --place?");
  EXPECT_EQ(understood({"--lou=1"}), "there is no option \"--lou\"; did you mean --loud?");
  EXPECT_EQ(understood({"--lo"}), "there is no option \"--lo\"");
  EXPECT_EQ(understood({"-lq"}), "there is no option \"-q\"");
  EXPECT_EQ(understood({"--p\x1b"}), "there is no option \"--p\\x1b\"");
  EXPECT_EQ(understood({"a", "-p"}), "--place needs a value");
  EXPECT_EQ(understood({"--place"}), "--place needs a value");
  EXPECT_EQ(understood({"--loud=1"}), "--loud takes no value");
}

TEST(Nearest, FindsSlipsOfTheFingerAndNothingElse) {
  const std::vector<std::string_view> words = {"list",  "mount",   "unmount",
                                               "eject", "monitor", "explain"};
  EXPECT_EQ(nearest("lisst", words), "list");
  EXPECT_EQ(nearest("mout", words), "mount");
  EXPECT_EQ(nearest("unmuont", words), "unmount");
  EXPECT_EQ(nearest("ejct", words), "eject");
  EXPECT_EQ(nearest("monitur", words), "monitor");
  EXPECT_EQ(nearest("explian", words), "explain");
  EXPECT_EQ(nearest("xy", words), "");
  EXPECT_EQ(nearest("format", words), "");
  EXPECT_EQ(nearest("", words), "");
  EXPECT_EQ(nearest(std::string(1 << 20, 'x'), words), "");
}

TEST(Error, EveryCodeHasItsOwnBusName) {
  std::set<std::string_view> names;
  for (const Errc code : kAllErrcs) {
    EXPECT_TRUE(error_name(code).starts_with("org.airlock1.Error."));
    names.insert(error_name(code));
  }
  EXPECT_EQ(names.size(), kAllErrcs.size());
}

Result<int> inner(bool good) {
  if (!good) return fail_errno(EBUSY, Errc::kBusy, "open {}", "/dev/x");
  return 7;
}

Result<int> outer(bool good) {
  TRY(const int value, inner(good));
  return value + 1;
}

TEST(Error, TryPassesValuesAndFailuresOn) {
  EXPECT_EQ(outer(true).value(), 8);
  const auto failed = outer(false);
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().code, Errc::kBusy);
  EXPECT_EQ(failed.error().cause.value(), EBUSY);
}

TEST(Error, MessageReadsFromTheRequestDownToTheCause) {
  const auto wrapped = [] { return Result<int>{fail(inner(false), "mount {}", "stick")}; }();
  EXPECT_EQ(wrapped.error().message(), "mount stick: open /dev/x: Device or resource busy");
}

TEST(ByteView, RefusesEveryReadThatLeavesTheSpan) {
  const std::array<std::byte, 5> bytes = {std::byte{1}, std::byte{2}, std::byte{3}, std::byte{4},
                                          std::byte{5}};
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 0), 0x04030201u);
  EXPECT_EQ(load_be<std::uint32_t>(bytes, 1), 0x02030405u);
  EXPECT_EQ(load_le<std::uint32_t>(bytes, 2), std::nullopt);
  EXPECT_EQ(load_le<std::uint8_t>(bytes, 5), std::nullopt);
  EXPECT_EQ(load_le<std::uint16_t>(bytes, static_cast<std::size_t>(-1)), std::nullopt);
}

TEST(ByteView, ArithmeticThatWrapsIsAnAnswer) {
  EXPECT_EQ(checked_add<std::uint64_t>(~0ull, 1), std::nullopt);
  EXPECT_EQ(checked_multiply<std::uint32_t>(1u << 16, 1u << 16), std::nullopt);
  EXPECT_EQ(checked_multiply<std::uint32_t>(1u << 16, 2), 1u << 17);
}

TEST(Text, QuoteShowsHostileBytesAsEscapes) {
  EXPECT_EQ(quote("My Stick"), "\"My Stick\"");
  EXPECT_EQ(quote("a\"b\\c\n\x1b[31m"), "\"a\\x22b\\x5cc\\x0a\\x1b[31m\"");
  EXPECT_EQ(quote("gr\xc3\xbcn"), "\"gr\xc3\xbcn\"");
  EXPECT_EQ(quote("\xc3"), "\"\\xc3\"");
  EXPECT_EQ(quote("\xe2\x80\xae"
                  "evil"),
            "\"\\xe2\\x80\\xaeevil\"");
  EXPECT_LT(quote(std::string(100000, 'a')).size(), 600u);
}

TEST(UniqueFd, MovesLeaveTheSourceEmptyAndTheEndCloses) {
  int number = -1;
  {
    UniqueFd first(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    number = first.get();
    UniqueFd second(std::move(first));
    EXPECT_FALSE(first.valid());  // NOLINT(bugprone-use-after-move): that is the point
    EXPECT_EQ(second.get(), number);
  }
  EXPECT_EQ(::fcntl(number, F_GETFD), -1);
}

TEST(FileText, IsWhatCanBeRead) {
  EXPECT_EQ(file_text("/proc/self/comm"), "base_test\n");
  EXPECT_EQ(file_text("/proc/self/no-such-file"), "");
  // These open, but cannot be read.
  EXPECT_EQ(file_text("/proc/self"), "");
  EXPECT_EQ(file_text("/proc/self/mem"), "");
}

TEST(Defer, RunsUnlessDismissed) {
  int runs = 0;
  {
    Defer always([&] { ++runs; });
    Defer never([&] { runs += 10; });
    never.dismiss();
  }
  EXPECT_EQ(runs, 1);
}

}  // namespace
}  // namespace airlock
