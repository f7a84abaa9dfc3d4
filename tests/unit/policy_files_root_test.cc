// SPDX-License-Identifier: GPL-2.0-or-later
// Files owned by other users are not settings. Needs root to give files away.
#include "tests/unit/policy_places.h"

namespace airlock::policy_test {
namespace {

class SettingsOwnerRunAsRoot : public PlacesTest {};

TEST_F(SettingsOwnerRunAsRoot, AFileOfAUserIsRefused) {
  write("etc/airlock.toml", "exec = true\n");
  ASSERT_EQ(chown(path("etc/airlock.toml").c_str(), 1000, 0), 0);
  EXPECT_EQ(error_of(load_settings(places_)),
            "/etc/airlock.toml: belongs to user 1000, but must belong to root; try: chown root "
            "/etc/airlock.toml");
  ASSERT_EQ(chown(path("etc/airlock.toml").c_str(), 0, 1000), 0);
  EXPECT_EQ(error_of(load_settings(places_)), "no error");
}

TEST_F(SettingsOwnerRunAsRoot, AFolderOfAUserIsRefused) {
  write("etc/airlock.toml.d/10.toml", "exec = true\n");
  ASSERT_EQ(chown(path("etc/airlock.toml.d").c_str(), 1000, 0), 0);
  const SettingsLoad load = load_settings(places_);
  EXPECT_EQ(error_of(load),
            "/etc/airlock.toml.d: belongs to user 1000, but must belong to root; try: chown root "
            "/etc/airlock.toml.d");
  EXPECT_FALSE(load.settings.exec.value);
  EXPECT_TRUE(load.settings.mending);
}

}  // namespace
}  // namespace airlock::policy_test
