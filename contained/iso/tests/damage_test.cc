// SPDX-License-Identifier: GPL-2.0-or-later
// Media that contradict themselves. Each error belongs to one file, and its neighbours are
// readable.
#include <cerrno>

#include "contained/iso/tests/iso_files.h"

namespace airlock::iso {
namespace {

using namespace std::string_view_literals;
using Names = std::vector<std::string>;

constexpr std::size_t kPrimaryAt = IsoImage::kPrimary * kSector;

std::string refusal_of(std::vector<std::byte> image) {
  IsoFiles files(std::move(image));
  return std::string(error_name(files.code)) + ": " + files.refusal;
}

TEST(IsoDamage, AnotherFormatIsRefused) {
  const std::string wrong = "org.airlock1.Error.WrongFormat: this is not an ISO 9660 filesystem";
  EXPECT_EQ(refusal_of({}), wrong);
  EXPECT_EQ(refusal_of(std::vector<std::byte>(10)), wrong);
  EXPECT_EQ(refusal_of(std::vector<std::byte>(kPrimaryAt)), wrong);
  EXPECT_EQ(refusal_of(std::vector<std::byte>(kPrimaryAt + 100)), wrong);
  EXPECT_EQ(refusal_of(std::vector<std::byte>(64 * kSector)), wrong);
}

TEST(IsoDamage, AVolumeThatCannotBeReadSaysWhy) {
  IsoImage image;
  image.put(kPrimaryAt + 128, "\0\1"sv);
  EXPECT_EQ(refusal_of(image.bytes),
            "org.airlock1.Error.Corrupted: its blocks have 256 bytes, which is impossible");
  image = IsoImage();
  image.bytes[kPrimaryAt + 156] = std::byte{20};
  EXPECT_EQ(refusal_of(image.bytes),
            "org.airlock1.Error.Corrupted: its volume descriptor names no root directory");
  image = IsoImage();
  image.bytes[kPrimaryAt] = std::byte{0};
  EXPECT_EQ(refusal_of(image.bytes),
            "org.airlock1.Error.Corrupted: it has no primary volume descriptor");
  image = IsoImage();
  image.put(kPrimaryAt, std::string(9, '\0') + "CDROM");
  EXPECT_EQ(refusal_of(image.bytes),
            "org.airlock1.Error.Unsupported: this is High Sierra, which preceded ISO 9660");
}

TEST(IsoDamage, DescriptorsWithoutAnEndEnd) {
  IsoImage image;
  image.bytes.resize(400 * kSector);
  for (std::uint32_t sector = 17; sector < 400; ++sector)
    image.put(sector * kSector, "\0CD001\1"sv);
  image.put(300 * kSector, "\1CD001\1");
  image.bytes[kPrimaryAt] = std::byte{0};
  EXPECT_EQ(refusal_of(image.bytes),
            "org.airlock1.Error.Corrupted: it has no primary volume descriptor");
}

// A folder with a good file in front of a bad record, and one in the sector behind it.
struct BadRecord {
  explicit BadRecord(std::string_view bad) {
    folder = image.add_directory(image.root(), "", 2);
    image.add(image.root(), "DIR",
              {.block = folder, .size = 2 * kSector, .flags = IsoImage::kDirectory});
    image.add_file(folder, "BEFORE.;1", "before");
    at = image.add(folder, "BAD.;1", {});
    image.put(at, bad);
    image.skip_to_next_sector(folder);
    image.add_file(folder, "AFTER.;1", "after");
    image.add_file(image.root(), "OTHER.;1", "other");
  }
  IsoImage image;
  std::uint32_t folder = 0;
  std::size_t at = 0;
};

TEST(IsoDamage, ARecordThatDoesNotSayWhereItEndsIsTheLast) {
  for (const char length : {'\1', '\x21', '\x22'}) {
    IsoFiles files(BadRecord(std::string_view(&length, 1)).image.bytes);
    const auto listing = files.list(files.find("dir"));
    EXPECT_EQ(listing.names, Names{"before"});
    EXPECT_EQ(listing.error, EIO);
    EXPECT_EQ(files.content("dir/before"), "before");
    EXPECT_EQ(files.files->lookup(files.find("dir"), "after"), refuse(EIO));
    EXPECT_EQ(files.content("other"), "other");
  }
}

TEST(IsoDamage, ARecordAcrossTwoSectorsIsTheLast) {
  BadRecord made("");
  const std::size_t position = made.at - made.image.at_block(made.folder);
  // Records up to the end of the sector, the last of them too long by two bytes.
  std::size_t left = kSector - position;
  std::size_t at = made.at;
  while (left > 200) {
    const auto filler = IsoImage::record(std::string(60, 'F'), {});
    made.image.put(at, filler);
    at += filler.size();
    left -= filler.size();
  }
  const auto crossing = IsoImage::record(std::string(left - 32, 'C'), {});
  ASSERT_EQ(crossing.size(), left + 2);
  const auto after = std::vector(made.image.bytes.begin() + static_cast<std::ptrdiff_t>(at + left),
                                 made.image.bytes.end());
  made.image.put(at, crossing);
  std::ranges::copy(after, made.image.bytes.begin() + static_cast<std::ptrdiff_t>(at + left));
  IsoFiles files(made.image.bytes);
  EXPECT_EQ(files.list(files.find("dir")).error, EIO);
  EXPECT_EQ(files.content("dir/before"), "before");
}

TEST(IsoDamage, ADirectoryThatIsNoneIsAnErrorOfItsOwn) {
  IsoImage image;
  const auto text = image.take_for("this is no directory, and never was one. It is a text.");
  image.add(image.root(), "A", {.block = text, .size = kSector, .flags = IsoImage::kDirectory});
  image.add(image.root(), "B", {.block = 0xfffffff0, .size = 1, .flags = IsoImage::kDirectory});
  image.add(image.root(), "C", {.block = 0, .size = 1, .flags = IsoImage::kDirectory});
  image.add_file(image.root(), "D.;1", "content");
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.list().names, (Names{"a", "b", "c", "d"}));
  for (const char* name : {"a", "b", "c"}) EXPECT_EQ(files.error_of(name), EIO) << name;
  EXPECT_EQ(files.content("d"), "content");
}

TEST(IsoDamage, AFileNamedLikeADirectoryItselfIsRefused) {
  IsoImage image;
  const auto at = image.add_file(image.root(), "\2", "content");
  for (const char name : {'\0', '\1'}) {
    image.bytes[at + 33] = std::byte(name);
    IsoFiles files(image.bytes);
    EXPECT_EQ(files.files->attributes(at), refuse(EIO));
  }
  // As one with the mark of a directory, whose own record is elsewhere.
  image.bytes[at + 33] = std::byte{'A'};
  image.bytes[at + 25] = std::byte{IsoImage::kDirectory};
  EXPECT_EQ(IsoFiles(image.bytes).files->attributes(at), refuse(EIO));
}

TEST(IsoDamage, ADirectoryInsideItselfHasOneNumber) {
  IsoImage image;
  const auto folder = image.add_subdirectory(image.root(), "FOLDER");
  image.add(folder, "SELF", {.block = folder, .size = kSector, .flags = IsoImage::kDirectory});
  image.add(folder, "ABOVE",
            {.block = image.root(), .size = kSector, .flags = IsoImage::kDirectory});
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.find("folder/self"), files.find("folder"));
  EXPECT_EQ(files.find("folder/self/self/above/folder"), files.find("folder"));
  EXPECT_EQ(files.find("folder/above"), IsoFiles::kRoot);
}

TEST(IsoDamage, AListingEndsWhereTheMediumDoes) {
  IsoImage image;
  image.add_file(image.root(), "A.;1", "content");
  const auto last = image.take_for("the last sector");
  const auto claim = le_be(0xffffffff);
  image.put(image.at_block(image.root()) + 10, claim);
  IsoFiles files(image.bytes);
  const auto listing = files.list();
  EXPECT_EQ(listing.error, EIO);
  EXPECT_EQ(listing.names.front(), "a");
  EXPECT_EQ(files.content("a"), "content");
  EXPECT_EQ(files.error_of("no such file"), EIO);
  EXPECT_GT(files.medium.size(), image.at_block(last));
}

TEST(IsoDamage, EmptySectorsOfADirectoryAreSkipped) {
  IsoImage image;
  const auto folder = image.add_directory(image.root(), "", 5);
  image.add(image.root(), "DIR",
            {.block = folder, .size = 5 * kSector, .flags = IsoImage::kDirectory});
  image.add_file(folder, "A.;1", "");
  image.skip_to_next_sector(folder);
  image.skip_to_next_sector(folder);
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.list(files.find("dir")).names, Names{"a"});
  EXPECT_EQ(files.list(files.find("dir")).error, 0);
  image.put(image.at_block(folder) + 4 * kSector, IsoImage::record("B.;1", {}));
  EXPECT_EQ(IsoFiles(image.bytes).list(files.find("dir")).names, (Names{"a", "b"}));
}

TEST(IsoDamage, DataBehindTheMediumIsAnErrorOfThatFileOnly) {
  IsoImage image;
  const auto last = static_cast<std::uint32_t>(image.bytes.size() / kSector) - 1;
  image.add(image.root(), "A.;1", {.block = 0xffffffff, .size = 0xffffffff});
  image.add(image.root(), "B.;1", {.block = last, .size = kSector + 1});
  image.add(image.root(), "C.;1", {.block = last, .size = kSector});
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.stat("a").st_size, 0xffffffff);
  EXPECT_EQ(files.part("a", 0, 10), "error 5");
  EXPECT_EQ(files.part("a", 0xfffffff0, 10), "error 5");
  EXPECT_EQ(files.part("b", 0, 10), std::string(10, '\0'));
  EXPECT_EQ(files.read_error("b"), EIO);
  EXPECT_EQ(files.content("c"), std::string(kSector, '\0'));
}

TEST(IsoDamage, ANumberThatNobodyGaveIsRefused) {
  IsoImage image;
  image.add_file(image.root(), "A.;1", "content");
  IsoFiles files(image.bytes);
  for (const NodeId node : {NodeId{2}, NodeId{image.bytes.size() - 1}, NodeId{image.bytes.size()},
                            ~NodeId{0}, NodeId{1} << 63}) {
    EXPECT_EQ(files.files->attributes(node), refuse(EIO)) << node;
    EXPECT_EQ(files.list(node).error, EIO) << node;
  }
}

// An unreadable sector, of 2048 bytes as on an optical disc.
void spoil(IsoFiles& files, std::size_t sector) {
  files.medium.judge_with(
      [sector](MemoryMedium::Access, std::uint64_t offset, std::uint64_t length) {
        const std::uint64_t begin = sector * kSector;
        return offset < begin + kSector && offset + length > begin ? EIO : 0;
      });
}

TEST(IsoDamage, AnUnreadableSectorIsAnErrorOfWhatIsInItOnly) {
  IsoImage image(sp() + px(S_IFDIR | 0755));
  const auto folder = image.add_directory(image.root(), "", 2);
  image.add(image.root(), "DIR",
            {.block = folder, .size = 2 * kSector, .flags = IsoImage::kDirectory});
  image.add_file(folder, "FIRST.;1", "first");
  const auto elsewhere = nm("the name is elsewhere");
  const auto more = image.take_for(elsewhere);
  image.add_file(folder, "SECOND.;1", "second",
                 {.field = ce(more, 0, static_cast<std::uint32_t>(elsewhere.size()))});
  image.skip_to_next_sector(folder);
  image.add_file(folder, "THIRD.;1", "third");
  {
    IsoFiles files(image.bytes);
    spoil(files, more);
    EXPECT_EQ(files.list(files.find("dir")).names, (Names{"first", "second", "third"}));
    EXPECT_EQ(files.files->lookup(files.find("dir"), "second"), refuse(EIO));
    EXPECT_EQ(files.content("dir/third"), "third");
  }
  {
    IsoFiles files(image.bytes);
    spoil(files, folder + 1);
    const auto listing = files.list(files.find("dir"));
    EXPECT_EQ(listing.names, (Names{"first", "the name is elsewhere"}));
    EXPECT_EQ(listing.error, EIO);
    EXPECT_EQ(files.content("dir/first"), "first");
  }
  {
    IsoFiles files(image.bytes);
    const auto first = files.find("dir/first");
    EXPECT_EQ(files.content("dir/the name is elsewhere"), "second");
    spoil(files, folder + 1);
    EXPECT_TRUE(files.files->attributes(first));
  }
}

TEST(IsoDamage, AVolumeWhoseLaterDescriptorsAreUnreadableIsRead) {
  IsoImage image;
  image.add_file(image.root(), "A.;1", "content");
  MemoryMedium medium(image.bytes);
  medium.judge_with([](MemoryMedium::Access, std::uint64_t offset, std::uint64_t length) {
    const std::uint64_t begin = IsoImage::kSecond * kSector;
    return offset < begin + kSector && offset + length > begin ? EIO : 0;
  });
  const MediumReader reader(medium);
  EXPECT_TRUE(open(reader));
  medium.judge_with([](MemoryMedium::Access, std::uint64_t, std::uint64_t) { return EIO; });
  const MediumReader other(medium);
  EXPECT_EQ(open(other).error().code, Errc::kIo);
}

}  // namespace
}  // namespace airlock::iso
