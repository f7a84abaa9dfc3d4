// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/iso/iso.h"

#include <cerrno>

#include "contained/iso/tests/iso_files.h"

namespace airlock::iso {
namespace {

using namespace std::string_view_literals;
using Names = std::vector<std::string>;
using File = IsoImage::File;

std::string pattern(std::size_t length, char first = 'a') {
  std::string text(length, '\0');
  for (std::size_t i = 0; i < length; ++i) text[i] = static_cast<char>(first + (i / 7 + i) % 23);
  return text;
}

// The name of a file in Joliet.
std::string wide(std::string_view name) {
  std::string text;
  for (const char c : name) text += {'\0', c};
  return text;
}

TEST(Iso, FilesAndFoldersAreWhatTheirRecordsSay) {
  IsoImage image;
  image.add_file(image.root(), "SMALL.TXT;1", "hello", {.recorded = {124, 2, 29, 12, 34, 56, 8}});
  image.add_file(image.root(), "EMPTY.;1", "");
  const auto folder = image.add_subdirectory(image.root(), "FOLDER");
  image.add_file(folder, "LARGE.BIN;1", pattern(50'000));
  IsoFiles files(image.bytes, {.user = 1000, .group = 1001});
  EXPECT_EQ(files.list().names, (Names{"small.txt", "empty", "folder"}));
  EXPECT_EQ(files.list().types["folder"], mode_t{S_IFDIR});
  EXPECT_EQ(files.content("small.txt"), "hello");
  EXPECT_EQ(files.content("empty"), "");
  EXPECT_EQ(files.part("folder/large.bin", 4095, 5000), pattern(50'000).substr(4095, 5000));
  EXPECT_EQ(files.part("folder/large.bin", 49'999, 5000).size(), 1U);
  const auto small = files.stat("small.txt");
  EXPECT_EQ(small.st_mode, mode_t{S_IFREG | 0444});
  EXPECT_EQ(small.st_uid, 1000U);
  EXPECT_EQ(small.st_gid, 1001U);
  EXPECT_EQ(small.st_mtim.tv_sec, 1'709'202'896);
  EXPECT_EQ(files.stat("folder").st_mode, mode_t{S_IFDIR | 0555});
  EXPECT_EQ(files.files->statistics()->f_blocks, 64U);
}

TEST(Iso, ManyRecordsTakeSeveralSectors) {
  IsoImage image;
  const auto folder = image.add_directory(image.root(), "", 10);
  image.add(image.root(), "MANY",
            {.block = folder, .size = 10 * kSector, .flags = IsoImage::kDirectory});
  Names names;
  for (int i = 100; i < 400; ++i) {
    image.add_file(folder, "FILE" + std::to_string(i) + ".TXT;1", "");
    names.push_back("file" + std::to_string(i) + ".txt");
  }
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.list(files.find("many")).names, names);
  for (const auto& name : names) EXPECT_NE(files.find("many/" + name), 0U);
  EXPECT_EQ(files.find("many/other"), 0U);
}

// Reads of the medium, but those that its pages answer, while every name of a listing is looked up.
TEST(Iso, ANameThatWasListedIsFoundWhereItWasSeen) {
  constexpr std::uint32_t kSectors = 1500;
  IsoImage image;
  const auto folder = image.add_directory(image.root(), "", kSectors);
  image.add(image.root(), "LARGE",
            {.block = folder, .size = kSectors * kSector, .flags = IsoImage::kDirectory});
  Names names;
  for (std::uint32_t i = 0; i < kSectors - 2; ++i) {
    image.skip_to_next_sector(folder);
    names.push_back("f" + std::to_string(i));
    image.add(folder, names.back(), {});
  }
  const auto reads_for_names = [&](bool lists_first) {
    IsoFiles files(image.bytes);
    const NodeId large = files.find("large");
    if (lists_first) {
      EXPECT_EQ(files.list(large).names, names);
    }
    int reads = 0;
    files.medium.judge_with([&](MemoryMedium::Access, std::uint64_t, std::uint64_t) {
      ++reads;
      return 0;
    });
    for (std::size_t i = 0; i < names.size(); i += 300)
      EXPECT_TRUE(files.files->lookup(large, names[i])) << names[i];
    return reads;
  };
  // The control: without a listing every one of the five is a walk along more pages than are kept.
  EXPECT_GT(reads_for_names(false), 1000);
  EXPECT_LT(reads_for_names(true), 50);
}

TEST(Iso, OfTwoEntriesOfOneNameTheFirstCounts) {
  IsoImage image;
  image.add_file(image.root(), "A.;1", "first");
  image.add_file(image.root(), "A.;1", "second");
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.content("a"), "first");
  files.list();
  EXPECT_EQ(files.content("a"), "first");
}

// The addresses show which size it is.
TEST(Iso, BlocksMayBeSmallerThanSectors) {
  for (const std::uint32_t size : {512U, 1024U}) {
    IsoImage image("", size);
    const auto folder = image.add_subdirectory(image.root(), "FOLDER");
    image.add_file(folder, "FILE.TXT;1", pattern(3000));
    IsoFiles files(image.bytes);
    EXPECT_EQ(files.content("folder/file.txt"), pattern(3000));
    EXPECT_EQ(files.files->statistics()->f_bsize, size);
  }
}

TEST(Iso, DataBeginsBehindTheExtendedAttributeRecord) {
  IsoImage image;
  const auto padded = image.take_for(std::string(2 * kSector, 'x') + "content");
  image.add(image.root(), "FILE.TXT;1", {.block = padded, .size = 7, .attribute_blocks = 2});
  const auto first = image.take();
  const auto folder = image.add_directory(image.root());
  ASSERT_EQ(folder, first + 1);
  image.add_file(folder, "INNER.TXT;1", "inner");
  image.add(
      image.root(), "FOLDER",
      {.block = first, .size = kSector, .flags = IsoImage::kDirectory, .attribute_blocks = 1});
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.content("file.txt"), "content");
  EXPECT_EQ(files.content("folder/inner.txt"), "inner");
}

TEST(Iso, InterleavedDataIsNotRead) {
  IsoImage image;
  image.add_file(image.root(), "MOVIE.;1", "content", {.unit_size = 1, .gap_size = 1});
  image.add_file(image.root(), "OTHER.;1", "other");
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.stat("movie").st_size, 7);
  EXPECT_EQ(files.read_error("movie"), EOPNOTSUPP);
  EXPECT_EQ(files.content("other"), "other");
}

TEST(Iso, AssociatedFilesAreNotShown) {
  IsoImage image;
  image.add_file(image.root(), "A.;1", "resource fork", {.flags = IsoImage::kAssociated});
  image.add_file(image.root(), "A.;1", "data");
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.list().names, Names{"a"});
  EXPECT_EQ(files.content("a"), "data");
}

// A file of five sections in a folder that has room for about 50 records in a sector.
struct SectionedFile {
  SectionedFile() {
    folder = image.add_directory(image.root(), "", 2);
    image.add(image.root(), "DIR",
              {.block = folder, .size = 2 * kSector, .flags = IsoImage::kDirectory});
    for (int i = 0; i < 46; ++i) image.add_file(folder, "F" + std::to_string(10 + i), "");
    for (int i = 0; i < kSections; ++i) {
      const auto part = pattern(kSector, static_cast<char>('a' + i));
      const bool is_last = i == kSections - 1;
      records.push_back(image.add_file(
          folder, "LARGE.BIN;1", is_last ? part.substr(0, 100) : part,
          {.flags = is_last ? std::uint8_t{} : IsoImage::kMore, .field = std::string(40, 'x')}));
      content += is_last ? part.substr(0, 100) : part;
    }
    image.add_file(folder, "LAST.TXT;1", "last");
  }
  static constexpr int kSections = 5;
  IsoImage image;
  std::uint32_t folder = 0;
  std::vector<std::size_t> records;
  std::string content;
};

TEST(Iso, ALargeFileHasSeveralRecords) {
  SectionedFile made;
  // They are in two sectors, or this would not show that the gap between them is skipped.
  ASSERT_NE(made.records.front() / kSector, made.records.back() / kSector);
  IsoFiles files(made.image.bytes);
  const auto listing = files.list(files.find("dir"));
  EXPECT_EQ(listing.error, 0);
  EXPECT_EQ(std::ranges::count(listing.names, "large.bin"), 1);
  EXPECT_EQ(listing.names.size(), 48U);
  EXPECT_EQ(listing.numbers.at("large.bin"), made.records.front());
  EXPECT_EQ(files.content("dir/large.bin"), made.content);
  EXPECT_EQ(files.part("dir/large.bin", 2000, 4200), made.content.substr(2000, 4200));
  EXPECT_EQ(files.content("dir/last.txt"), "last");
}

TEST(Iso, ALargeFileWithoutItsLastRecordIsAnErrorOfThatFileOnly) {
  for (const bool is_other : {false, true}) {
    SectionedFile made;
    // Either all say that there is more, or the last belongs to another name.
    auto& bytes = made.image.bytes;
    if (is_other) {
      bytes[made.records.back() + 33] = std::byte{'X'};
    } else {
      bytes[made.records.back() + 25] = std::byte{IsoImage::kMore};
    }
    IsoFiles files(bytes);
    EXPECT_EQ(files.list(files.find("dir")).error, 0);
    EXPECT_EQ(files.files->attributes(made.records.front()), refuse(EIO));
    EXPECT_EQ(files.content("dir/last.txt"), "last");
    EXPECT_EQ(files.content("dir/f10"), "");
  }
}

TEST(Iso, AFileOfTooManyRecordsIsAnErrorOfThatFileOnly) {
  IsoImage image;
  const auto folder = image.add_directory(image.root(), "", 60);
  image.add(image.root(), "DIR",
            {.block = folder, .size = 60 * kSector, .flags = IsoImage::kDirectory});
  for (int i = 0; i < 1500; ++i) image.add(folder, "L", {.size = 1, .flags = IsoImage::kMore});
  image.add_file(folder, "LAST.TXT;1", "last");
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.list(files.find("dir")).error, 0);
  EXPECT_EQ(files.find("dir/l"), 0U);
  EXPECT_EQ(files.content("dir/last.txt"), "last");
}

TEST(Iso, ANumberMeansTheSameFileInAnotherProcess) {
  IsoImage image;
  const auto folder = image.add_subdirectory(image.root(), "FOLDER");
  image.add_subdirectory(folder, "INNER");
  image.add_file(folder, "FILE.;1", "content");
  IsoFiles one(image.bytes), other(image.bytes);
  const NodeId file = one.find("folder/file");
  EXPECT_EQ(other.files->attributes(file)->stat.st_size, 7);
  const NodeId inner = one.find("folder/inner");
  EXPECT_EQ(other.list(inner).numbers.at("."), inner);
  EXPECT_EQ(other.list(inner).numbers.at(".."), one.find("folder"));
  EXPECT_EQ(one.list(one.find("folder")).numbers.at(".."), IsoFiles::kRoot);
}

TEST(Iso, JolietIsShownInsteadOfPlainNames) {
  IsoImage image;
  image.add_file(image.root(), "LONGNA~1.TXT;1", "same");
  const auto joliet = image.add_directory(0);
  image.add_joliet(joliet);
  image.add_file(joliet, wide("Long name.txt;1"), "same");
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.list().names, Names{"Long name.txt"});
  EXPECT_EQ(files.content("Long name.txt"), "same");
}

TEST(Iso, RockRidgeIsShownInsteadOfJoliet) {
  IsoImage image(sp() + px(S_IFDIR | 0755));
  image.add_file(image.root(), "A.;1", "same", {.field = px(S_IFREG | 0640) + nm("from Unix")});
  const auto joliet = image.add_directory(0);
  image.add_joliet(joliet);
  image.add_file(joliet, wide("from Windows"), "same");
  IsoFiles files(image.bytes);
  EXPECT_EQ(files.list().names, Names{"from Unix"});
}

TEST(Iso, AnEmptyFirstTreeIsNotShownWhereThereIsAnother) {
  IsoImage image(sp() + px(S_IFDIR | 0755));
  const auto joliet = image.add_directory(0);
  image.add_joliet(joliet);
  image.add_file(joliet, wide("file"), "content");
  EXPECT_EQ(IsoFiles(image.bytes).list().names, Names{"file"});
  IsoImage alone(sp() + px(S_IFDIR | 0755));
  EXPECT_EQ(IsoFiles(alone.bytes).list().names, Names{});
}

TEST(Iso, ABrokenSecondTreeDoesNotHideTheFirst) {
  IsoImage image;
  image.add_file(image.root(), "A.;1", "content");
  image.add_joliet(image.root());
  image.put(IsoImage::kSecond * kSector + 128, "\7\7");
  EXPECT_EQ(IsoFiles(image.bytes).list().names, Names{"a"});
}

TEST(Iso, AVolumeOfUdfTooIsReadAsIso) {
  IsoImage image;
  image.add_file(image.root(), "A.;1", "content");
  image.put(18 * kSector, "\0BEA01\1"sv);
  image.put(19 * kSector, "\0NSR02\1"sv);
  EXPECT_EQ(IsoFiles(image.bytes).content("a"), "content");
}

}  // namespace
}  // namespace airlock::iso
