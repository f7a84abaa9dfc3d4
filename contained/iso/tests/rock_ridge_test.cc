// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/rock_ridge.h"

#include <sys/sysmacros.h>

#include <cerrno>

#include "contained/iso/tests/iso_files.h"

namespace airlock::iso {
namespace {

using namespace std::string_view_literals;
using Names = std::vector<std::string>;

constexpr std::uint32_t kFileMode = S_IFREG | 0644;

// A volume with Rock Ridge. Every field is of a file of its own.
class RockRidgeImage : public IsoImage {
 public:
  explicit RockRidgeImage(const std::string& root = sp() + px(S_IFDIR | 0755)) : IsoImage(root) {}
  std::size_t add_with(std::string_view name, const std::string& field) {
    return add_file(root(), name, "content", {.field = field});
  }
};

std::string er(std::string_view id) {
  return entry("ER", std::string{static_cast<char>(id.size()), '\0', '\0', '\1'} + std::string(id));
}
std::string tf(char flags, std::string_view times) {
  return entry("TF", flags + std::string(times));
}

TEST(RockRidge, AttributesAreThoseOfTheMedium) {
  RockRidgeImage image;
  image.add_with("A.;1", px(S_IFREG | 04751, 3, 1000, 100) + nm("A name, as it was"));
  image.add_with("B.;1", entry("PX", le_be(S_IFREG | 0600) + le_be(1) + le_be(0) + le_be(0) +
                                         le_be(12345 /* a serial number */)));
  image.add_with("C.;1", nm("without attributes"));
  IsoFiles files(image.bytes, {.owners = MediaOwners::kMedia});
  EXPECT_EQ(files.list().names, (Names{"A name, as it was", "b", "without attributes"}));
  const auto first = files.stat("A name, as it was");
  EXPECT_EQ(first.st_mode, mode_t{S_IFREG | 04751});
  EXPECT_EQ(first.st_nlink, 3U);
  EXPECT_EQ(first.st_uid, 1000U);
  EXPECT_EQ(first.st_gid, 100U);
  EXPECT_EQ(files.stat("b").st_mode, mode_t{S_IFREG | 0600});
  EXPECT_EQ(files.stat("without attributes").st_mode, mode_t{S_IFREG | 0444});
}

TEST(RockRidge, ANameMayHaveSeveralParts) {
  RockRidgeImage image;
  image.add_with("A.;1", nm(std::string(100, 'a'), 1) + nm("b", 1) + nm("c"));
  image.add_with("B.;1", nm(".", 2) + nm("..", 4));
  const auto rest = nm(std::string(200, 'e'));
  const auto more = image.take_for(rest);
  image.add_with(
      "C.;1", nm(std::string(55, 'd'), 1) + ce(more, 0, static_cast<std::uint32_t>(rest.size())));
  image.add_with(
      "D.;1", nm(std::string(56, 'd'), 1) + ce(more, 0, static_cast<std::uint32_t>(rest.size())));
  IsoFiles files(image.bytes);
  // The last has 256 bytes, which is one too many for a name.
  EXPECT_EQ(files.list().names, (Names{std::string(100, 'a') + "bc", "b",
                                       std::string(55, 'd') + std::string(200, 'e')}));
}

TEST(RockRidge, ATypeThatContradictsTheRecordIsRefused) {
  RockRidgeImage image;
  image.add_with("A.;1", px(S_IFDIR | 0755));
  image.add_with("B.;1", px(0644));
  const auto folder = image.add_subdirectory(image.root(), "C", px(kFileMode));
  image.add_with("D.;1", entry("PX", le_be(kFileMode)));
  image.add_with("E.;1", px(kFileMode));
  IsoFiles files(image.bytes);
  for (const char* name : {"a", "b", "c", "d"}) EXPECT_EQ(files.error_of(name), EIO) << name;
  EXPECT_EQ(files.list(image.at_block(folder)).error, EIO);
  EXPECT_EQ(files.list().names, (Names{"a", "b", "c", "d", "e"}));
  EXPECT_EQ(files.content("e"), "content");
}

TEST(RockRidge, DevicesHaveTheirNumberInOneHalfOrInBoth) {
  RockRidgeImage image;
  const auto pn = [](std::uint32_t high, std::uint32_t low) {
    return entry("PN", le_be(high) + le_be(low));
  };
  image.add_with("A.;1", px(S_IFCHR | 0600) + pn(0, 0x0441));
  image.add_with("B.;1", px(S_IFBLK | 0600) + pn(8, 17));
  image.add_with("C.;1", px(S_IFIFO | 0600));
  image.add_with("D.;1", px(S_IFSOCK | 0600));
  image.add_with("E.;1", px(S_IFBLK | 0600) + entry("PN", "x"));
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.stat("a").st_rdev, makedev(4, 65));
  EXPECT_EQ(files.stat("b").st_rdev, makedev(8, 17));
  EXPECT_EQ(files.list().types["c"], mode_t{S_IFIFO});
  EXPECT_EQ(files.stat("d").st_mode, mode_t{S_IFSOCK | 0600});
  EXPECT_EQ(files.error_of("e"), EIO);
}

TEST(RockRidge, TimesAreShortOrLong) {
  constexpr auto kNever = "\1\1\1\1\1\1\1"sv, kShort = "\x7c\x02\x1d\x0c\x22\x38\x08"sv;
  const std::string first(kNever), second(kShort);
  RockRidgeImage image;
  image.add_with("A.;1", tf(3, first + second));
  image.add_with("B.;1", tf(2, second));
  image.add_with("C.;1", tf('\x83', std::string(17, '1') + "2024022912345678\x08"));
  image.add_with("D.;1", tf(5, first + second));
  image.add_with("E.;1", tf(3, first));
  image.add_with("F.;1", tf(2, std::string(7, '\0')));
  IsoFiles files(image.bytes);
  for (const char* name : {"a", "b", "c"})
    EXPECT_EQ(files.stat(name).st_mtim.tv_sec, 1'709'202'896) << name;
  EXPECT_EQ(files.stat("c").st_mtim.tv_nsec, 780'000'000);
  EXPECT_EQ(files.stat("d").st_mtim.tv_sec, 0);
  EXPECT_EQ(files.error_of("e"), EIO);
  EXPECT_EQ(files.stat("f").st_mtim.tv_sec, 0);
}

TEST(RockRidge, TargetsOfLinksAreMadeOfComponents) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {sl(component(0, "a") + component(0, "b")), "a/b"},
      {sl(component(8) + component(0, "a") + component(0, "b")), "/a/b"},
      {sl(component(8)), "/"},
      {sl(component(4) + component(4) + component(2) + component(0, "x")), "../.././x"},
      {sl(component(1, "lo") + component(1, "n") + component(0, "g") + component(0, "x")),
       "long/x"},
      {sl(component(0, "a") + component(1, "b"), 1) + sl(component(0, "c") + component(0, "d")),
       "a/bc/d"},
      {sl(component(0, "a"), 1) + sl(component(0, "b")), "a/b"},
      {sl(component(8), 1) + sl(component(0, "b")), "/b"},
      {sl(component(0, "a") + component(0, "")), "a/"},
      // No path can name these: another volume, a machine, a root in between; nothing at all.
      {sl(component(16) + component(0, "a")), "error 5"},
      {sl(component(32) + component(0, "a")), "error 5"},
      {sl(component(0, "a") + component(8)), "error 5"},
      {sl(""), "error 5"},
      {"", "error 5"},
      {sl(component(0, "a\0b"sv)), "error 5"},
  };
  RockRidgeImage image;
  int number = 0;
  for (const auto& [field, target] : cases)
    image.add(image.root(), "L" + std::to_string(number++), {.field = px(S_IFLNK | 0777) + field});
  IsoFiles files(image.bytes);
  number = 0;
  for (const auto& [field, target] : cases) {
    const std::string name = "l" + std::to_string(number++);
    EXPECT_EQ(files.link(name), target) << name;
    if (target != "error 5") {
      EXPECT_EQ(files.stat(name).st_size, static_cast<off_t>(target.size()));
    }
  }
}

TEST(RockRidge, AComponentThatIsLongerThanItsEntryIsRefused) {
  RockRidgeImage image;
  image.add(image.root(), "A", {.field = px(S_IFLNK | 0777) + sl("\0\5abc"sv)});
  image.add(image.root(), "B", {.field = px(S_IFLNK | 0777) + sl("\0"sv)});
  image.add(image.root(), "C", {.field = px(S_IFLNK | 0777) + entry("SL", "")});
  IsoFiles files(image.bytes);
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(files.error_of(name), EIO) << name;
}

TEST(RockRidge, ATargetOfMoreThanAPathIsRefused) {
  RockRidgeImage image;
  std::string entries;
  for (int i = 0; i < 21; ++i) entries += sl(component(0, std::string(200, 'x')), 1);
  const auto more = image.take_for(entries);
  const auto size = static_cast<std::uint32_t>(entries.size());
  image.add(image.root(), "A", {.field = px(S_IFLNK | 0777) + ce(more, 0, size)});
  image.add(image.root(), "B", {.field = px(S_IFLNK | 0777) + ce(more, 0, size / 21 * 20)});
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.link("a"), "error 5");
  EXPECT_EQ(files.link("b").size(), 20U * 201 - 1);
}

// As genisoimage moves a directory that lies too deep.
TEST(RockRidge, ARelocatedDirectoryIsWhereItBelongs) {
  RockRidgeImage image;
  const auto field = px(S_IFDIR | 0700);
  const auto moved = image.add_subdirectory(image.root(), "RR_MOVED", field);
  const auto deep = image.add_subdirectory(image.root(), "DEEP", field);
  const auto child = image.add_directory(moved, field, 1, entry("PL", le_be(deep)));
  image.add(moved, "CHILD",
            {.block = child,
             .size = kSector,
             .flags = IsoImage::kDirectory,
             .field = field + nm("child") + entry("RE", "")});
  image.add(deep, "CHILD", {.field = px(kFileMode) + nm("child") + entry("CL", le_be(child))});
  image.add_file(child, "FILE.;1", "content", {.field = px(kFileMode)});
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.list(files.find("rr_moved")).names, Names{});
  EXPECT_EQ(files.list(files.find("deep")).names, Names{"child"});
  EXPECT_EQ(files.list(files.find("deep")).types["child"], mode_t{S_IFDIR});
  EXPECT_EQ(files.content("deep/child/file"), "content");
  EXPECT_EQ(files.list(files.find("deep/child")).numbers.at(".."), files.find("deep"));
}

TEST(RockRidge, ALinkToAChildThatLeadsAstrayIsAnErrorOfItsOwn) {
  RockRidgeImage image;
  const auto cl = [](std::uint32_t block) { return px(kFileMode) + entry("CL", le_be(block)); };
  image.add_with("A.;1", cl(0xffffffff));
  image.add_with("B.;1", cl(0));
  image.add_with("C.;1", cl(IsoImage::kPrimary));
  image.add_with("D.;1", cl(image.root()));
  image.add_with("E.;1", px(kFileMode) + entry("CL", "xx"));
  image.add_with("F.;1", px(kFileMode));
  IsoFiles files(image.bytes);
  for (const char* name : {"a", "b", "c", "e"}) EXPECT_EQ(files.error_of(name), EIO) << name;
  EXPECT_EQ(files.find("d"), IsoFiles::kRoot);
  EXPECT_EQ(files.content("f"), "content");
}

TEST(RockRidge, EntriesContinueElsewhere) {
  RockRidgeImage image;
  const auto name = nm("far away");
  const auto third = image.take_for(std::string(100, 'x') + name);
  const auto second = image.take_for(px(kFileMode | 0111) +
                                     ce(third, 100, static_cast<std::uint32_t>(name.size())) +
                                     "ST\4\1" + nm("behind the end"));
  image.add_with("A.;1", ce(second, 0, 200));
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.list().names, Names{"far away"});
  EXPECT_EQ(files.stat("far away").st_mode, mode_t{S_IFREG | 0755});
}

TEST(RockRidge, EntriesThatContinueAstrayAreAnErrorOfThatFileOnly) {
  RockRidgeImage image;
  const auto loop = image.take();
  image.put(image.at_block(loop), ce(loop, 0, 28));
  std::string chain;
  const auto first = image.take(2);
  for (std::uint32_t i = 0; i < 40; ++i) chain += ce(first, (i + 1) * 28, 28);
  image.put(image.at_block(first), chain);
  image.add_with("A.;1", ce(loop, 0, 28));
  image.add_with("B.;1", ce(first, 0, 28));
  image.add_with("C.;1", ce(0xffffffff, 0xffffffff, 28));
  image.add_with("D.;1", ce(loop, 0, 0xffffffff));
  image.add_with("E.;1", ce(loop, 0, 70'000));
  image.add_with("F.;1", entry("CE", le_be(loop)));
  image.add_with("G.;1", "NM\x50\1");
  image.add_with("H.;1", px(kFileMode) + "NM\3\1" + nm("not reached"));
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.list().names, (Names{"a", "b", "c", "d", "e", "f", "g", "h"}));
  for (const char* name : {"a", "b", "c", "d", "e", "f", "g"})
    EXPECT_EQ(files.error_of(name), EIO) << name;
  EXPECT_EQ(files.content("h"), "content");
  // The control: so many steps lead to an end.
  image.put(image.at_block(first) + 31 * 28, std::string(28, '\0'));
  EXPECT_EQ(IsoFiles(image.bytes).content("b"), "content");
}

TEST(RockRidge, FieldsMayBeginBehindThoseOfAnotherExtension) {
  const std::string xa(14, 'x');
  RockRidgeImage behind(xa + sp(14) + px(S_IFDIR | 0755));
  behind.add_with("A.;1", xa + nm("behind"));
  EXPECT_EQ(IsoFiles(behind.bytes).list().names, Names{"behind"});
  RockRidgeImage skipping(sp(5) + px(S_IFDIR | 0755));
  skipping.add_with("A.;1", "12345" + nm("name"));
  skipping.add_with("B.;1", "123");
  EXPECT_EQ(IsoFiles(skipping.bytes).list().names, (Names{"name", "b"}));
}

TEST(RockRidge, IsOnlyWhereTheRootSaysSo) {
  const auto shown = [](const std::string& root) {
    RockRidgeImage image(root);
    image.add_with("A.;1", nm("long name"));
    return IsoFiles(image.bytes).list().names.front();
  };
  EXPECT_EQ(shown(sp() + er("RRIP_1991A")), "long name");
  EXPECT_EQ(shown(sp() + er("IEEE_P1282")), "long name");
  EXPECT_EQ(shown(sp() + entry("RR", "\x81")), "long name");
  EXPECT_EQ(shown(sp() + px(S_IFDIR | 0755)), "long name");
  EXPECT_EQ(shown(sp()), "a");
  EXPECT_EQ(shown(sp() + er("AAIP")), "a");
  EXPECT_EQ(shown(px(S_IFDIR | 0755)), "a");
  EXPECT_EQ(shown(entry("SP", "no mark") + px(S_IFDIR | 0755)), "a");
  EXPECT_EQ(shown(""), "a");
}

}  // namespace
}  // namespace airlock::iso
