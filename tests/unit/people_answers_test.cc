// SPDX-License-Identifier: GPL-2.0-or-later
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "daemon/people/polkit_answer.h"
#include "daemon/people/session_record.h"

namespace airlock {
namespace {

using Properties = std::map<std::string, sdbus::Variant>;
using Details = std::map<std::string, std::string>;

Properties session_in_use() {
  using User = sdbus::Struct<std::uint32_t, sdbus::ObjectPath>;
  using Seat = sdbus::Struct<std::string, sdbus::ObjectPath>;
  return {{"User", sdbus::Variant(User{1000U, sdbus::ObjectPath("/u")})},
          {"Seat", sdbus::Variant(Seat{"seat0", sdbus::ObjectPath("/s")})},
          {"Class", sdbus::Variant(std::string("user"))},
          {"State", sdbus::Variant(std::string("active"))},
          {"Active", sdbus::Variant(true)},
          {"Remote", sdbus::Variant(false)},
          {"LockedHint", sdbus::Variant(false)}};
}

TEST(SessionRecord, APersonInFrontOfASeatIsInUse) {
  const SessionRecord record = session_record(session_in_use());
  EXPECT_TRUE(record.in_use());
  EXPECT_EQ(record.user, 1000U);
  EXPECT_EQ(record.seat, "seat0");
  EXPECT_FALSE(record.locked);
}

TEST(SessionRecord, EveryFactThatIsMissingMakesItUseless) {
  for (const auto& [name, value] : session_in_use()) {
    Properties properties = session_in_use();
    properties.erase(name);
    const SessionRecord record = session_record(properties);
    EXPECT_TRUE(!record.in_use() || record.locked) << name;
  }
}

TEST(SessionRecord, EveryFactOfAnotherTypeMakesItUseless) {
  for (const auto& [name, value] : session_in_use()) {
    Properties properties = session_in_use();
    properties[name] = sdbus::Variant(std::uint64_t{1});
    const SessionRecord record = session_record(properties);
    EXPECT_TRUE(!record.in_use() || record.locked) << name;
  }
}

TEST(SessionRecord, GreetersRemoteClosingAndBackgroundSessionsAreNotInUse) {
  const auto with = [](const char* name, sdbus::Variant value) {
    Properties properties = session_in_use();
    properties[name] = std::move(value);
    return session_record(properties).in_use();
  };
  EXPECT_FALSE(with("Class", sdbus::Variant(std::string("greeter"))));
  EXPECT_FALSE(with("Class", sdbus::Variant(std::string("lock-screen"))));
  EXPECT_FALSE(with("Remote", sdbus::Variant(true)));
  EXPECT_FALSE(with("State", sdbus::Variant(std::string("closing"))));
  EXPECT_FALSE(with("State", sdbus::Variant(std::string("online"))));
  EXPECT_FALSE(with("Active", sdbus::Variant(false)));
}

Authority::Question question(Interaction interaction) {
  return {
      .sender = ":1.1", .action = "org.airlock1.eject", .details = {}, .interaction = interaction};
}

std::string refusal(Interaction interaction, bool challenge, const Details& details) {
  const auto result =
      polkit_decision(question(interaction), PolkitResult{false, challenge, details});
  if (result) return "allowed";
  EXPECT_EQ(result.error().code, Errc::kNotPermitted);
  return result.error().what;
}

TEST(PolkitAnswer, EveryKindOfNoSaysWhich) {
  EXPECT_EQ(refusal(Interaction::kAllowed, false, {}), "org.airlock1.eject: polkit says no");
  EXPECT_EQ(refusal(Interaction::kAllowed, true, {{"polkit.dismissed", "true"}}),
            "org.airlock1.eject: the password dialog was dismissed");
  EXPECT_EQ(refusal(Interaction::kNotAllowed, true, {}),
            "org.airlock1.eject: a password is needed, and asking for one is not allowed");
  EXPECT_EQ(refusal(Interaction::kAllowed, true, {}),
            "org.airlock1.eject: a password is needed, and nothing here can ask for it");
}

TEST(PolkitAnswer, YesIsYesWhateverElseIsSaid) {
  EXPECT_TRUE(polkit_decision(question(Interaction::kNotAllowed),
                              PolkitResult{true, true, {{"polkit.dismissed", ""}}})
                  .has_value());
}

TEST(PolkitAnswer, WithoutPolkitOnlyRootMay) {
  EXPECT_TRUE(decision_without_polkit(question(Interaction::kAllowed), 0).has_value());
  const auto refused = decision_without_polkit(question(Interaction::kAllowed), 1000);
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().code, Errc::kNotPermitted);
  EXPECT_NE(refused.error().what.find("polkit is missing"), std::string::npos);
}

TEST(PolkitAnswer, HostileTextReachesRulesQuotedAndPlainTextAsItIs) {
  EXPECT_EQ(clean_detail("photos 2024"), "photos 2024");
  EXPECT_EQ(clean_detail("Fotos für Oma"), "Fotos für Oma");
  EXPECT_EQ(clean_detail(""), "");
  EXPECT_EQ(clean_detail("a\nb"), R"("a\x0ab")");
  EXPECT_EQ(clean_detail("\xff"), R"("\xff")");
  EXPECT_EQ(clean_detail("say \"hi\""), R"("say \x22hi\x22")");
  EXPECT_EQ(clean_detail(std::string("a\0b", 3)), R"("a\x00b")");
}

}  // namespace
}  // namespace airlock
