// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/verdict.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <csignal>
#include <string>
#include <string_view>

#include "lib/protocol/checkers.h"

namespace airlock::check {
namespace {

CheckReply ended(CheckerFamily family, int code, std::string_view output,
                 CheckOperation operation = CheckOperation::kCheck) {
  return judge(family, operation, {.code = code}, output);
}

std::string_view verdict(CheckerFamily family, int code, std::string_view output) {
  return verdict_name(ended(family, code, output).verdict);
}

// What stands before and behind everything else fsck.fat -n writes.
std::string fat_text(std::string_view found) {
  return fmt::format(
      "fsck.fat 4.2 (2021-01-31)\n{}"
      "\nLeaving filesystem unchanged.\n{}: 2 files, 3/8143 clusters\n",
      found, kMediumPath);
}

std::string_view fat(std::string_view found) {
  return verdict(CheckerFamily::kFat, 1, fat_text(found));
}

// The same for fsck.exfat -n.
std::string exfat_text(std::string_view found) {
  return fmt::format(
      "exfatprogs version : 1.2.0\n{}"
      "{}: corrupted. directories 1, files 1\n"
      "{}: files corrupted 1, files fixed 0\n",
      found, kMediumPath, kMediumPath);
}

std::string_view exfat(std::string_view found) {
  return verdict(CheckerFamily::kExfat, 4, exfat_text(found));
}

constexpr std::string_view kMarked =
    "Dirty bit is set. Fs was not properly unmounted and some data may be corrupt.\n"
    " Automatically removing dirty bit.\n";
constexpr std::string_view kLonger =
    "  File size is 800 bytes, cluster chain length is > 1024 bytes.\n"
    "  Truncating file to 800 bytes.\n";
constexpr std::string_view kMoreClusters =
    ": more clusters are allocated. truncate to 4096 bytes at 0x2030c0. Truncate (y/N)? n";

TEST(ExtVerdict, IsWhatTheCodeAndTheWordsSay) {
  const auto ext = [](int code, std::string_view words) {
    return verdict(CheckerFamily::kExt, code, words);
  };
  EXPECT_EQ(ext(0, "e2fsck 1.47.0 (5-Feb-2023)\nPass 1: Checking inodes\n"), "clean");
  EXPECT_EQ(ext(0, "/dev/medium was not cleanly unmounted, check forced.\n"), "dirty");
  EXPECT_EQ(ext(4, "/dev/medium was not cleanly unmounted, check forced.\n"), "dirty");
  EXPECT_EQ(ext(4, "Free blocks count wrong (1, counted=2).\nFix? no\n"), "errors");
  EXPECT_EQ(ext(4, "/dev/medium was not cleanly unmounted, check forced.\nFix? no\n"), "errors");
  EXPECT_EQ(ext(4, ""), "errors");
  EXPECT_EQ(ext(4, "Warning: skipping journal recovery\nFix? no\n"), "needs-replay");
  EXPECT_EQ(ext(8, "Bad magic number in super-block\n"), "uncorrectable");
  EXPECT_EQ(ext(1, "/dev/medium: clean\n"), "checker-died") << "it could not correct anything";
}

// e2fsck 1.47 does not ask about these.
TEST(ExtVerdict, NamesWhatNobodyWasAskedAbout) {
  constexpr std::string_view kUsers =
      "e2fsck 1.47.0 (5-Feb-2023)\n"
      "Found invalid V2 journal superblock fields (from V1 journal).\n"
      "Clearing fields beyond the V1 journal superblock...\n\n"
      "External journal has multiple filesystem users (unsupported).\n\n"
      "/dev/medium: ********** WARNING: Filesystem still has errors **********\n\n";
  const CheckReply users = ended(CheckerFamily::kExt, 12, kUsers);
  EXPECT_EQ(verdict_name(users.verdict), "errors");
  EXPECT_EQ(users.findings, 1u);
  EXPECT_EQ(users.summary,
            "1 problem found; the first: External journal has multiple filesystem users "
            "(unsupported).");
  const CheckReply journal =
      ended(CheckerFamily::kExt, 12,
            "e2fsck 1.47.0 (5-Feb-2023)\n"
            "e2fsck: The journal superblock is corrupt while checking journal for /dev/medium\n"
            "e2fsck: Cannot proceed with file system check\n\n"
            "/dev/medium: ********** WARNING: Filesystem still has errors **********\n\n");
  EXPECT_EQ(journal.findings, 1u);
  EXPECT_NE(journal.summary.find("The journal superblock is corrupt"), std::string::npos);
  const CheckReply silent = ended(CheckerFamily::kExt, 4, "e2fsck 1.47.0 (5-Feb-2023)\n");
  EXPECT_EQ(verdict_name(silent.verdict), "errors");
  EXPECT_EQ(silent.summary, "the checker found errors and does not say which");
}

TEST(FatVerdict, IsCleanOrDirtyWhereNothingIsFound) {
  EXPECT_EQ(verdict(CheckerFamily::kFat, 0, fat_text("")), "clean");
  EXPECT_EQ(fat(kMarked), "dirty");
  EXPECT_EQ(fat(""), "errors") << "it does not say of what";
  EXPECT_EQ(verdict(CheckerFamily::kFat, 1, ""), "errors");
  EXPECT_EQ(verdict(CheckerFamily::kFat, 2, fat_text("")), "checker-died");
}

TEST(FatVerdict, IsDirtyWhereAWriteWasInterrupted) {
  for (const std::string& trace : {
           std::string("Reclaimed 1 unused cluster (1024 bytes).\n"),
           std::string("Reclaimed 3 unused clusters (3072 bytes).\n"),
           std::string("FATs differ but appear to be intact.\n  Using first FAT.\n"),
           std::string("Free cluster summary wrong (77 vs. really 129021)\n  Auto-correcting.\n"),
           std::string("Free cluster summary uninitialized (should be 129021)\n"),
           std::string("Orphaned long file name part \"half a name\"\n  Auto-deleting.\n"),
           fmt::format("/KEPT.TXT\n{}", kLonger),
       }) {
    EXPECT_EQ(fat(trace), "dirty") << trace;
    EXPECT_EQ(fat(fmt::format("{}{}", kMarked, trace)), "dirty") << trace;
    EXPECT_EQ(ended(CheckerFamily::kFat, 1, fat_text(trace)).findings, 1u) << trace;
  }
}

// What fsck.fat says of the boot sector of a FAT32 and its copy.
std::string differences(std::string_view places) {
  return fmt::format(
      "There are differences between boot sector and its backup.\n"
      "This is mostly harmless. Differences: (offset:original/backup)\n"
      "  {}\n  Not automatically fixing this.\n",
      places);
}

TEST(FatVerdict, IsDirtyWhereTheCopyOfTheBootSectorLacksOnlyTheMark) {
  EXPECT_EQ(fat(differences("65:01/00") + std::string(kMarked)), "dirty");
  EXPECT_EQ(fat(differences("65:03/02") + std::string(kMarked)), "dirty");
  EXPECT_EQ(fat(differences("65:01/00, 100:03/56") + std::string(kMarked)), "errors");
  EXPECT_EQ(fat(differences("100:03/56") + differences("65:01/00") + std::string(kMarked)),
            "errors");
}

TEST(FatVerdict, IsErrorsWhereAnythingElseIsFound) {
  for (const std::string_view damage : {
           "/OTHER.TXT\n  Circular cluster chain. Truncating to 2 clusters.\n",
           "/KEPT.TXT  and\n/OTHER.TXT\n  share clusters.\n  Truncating second to 0 bytes.\n",
           "/OTHER.TXT\n  File size is 1500 bytes, cluster chain length is 1024 bytes.\n"
           "  Truncating file to 1024 bytes.\n",
           "/OTHER.TXT\n  Contains a free cluster (3). Assuming EOF.\n",
           "/OTHER.TXT\n Start does point to root directory. Deleting dir. \n",
           "Cluster 1 out of range (65520 > 8144). Setting to EOF.\n",
       }) {
    EXPECT_EQ(fat(damage), "errors") << damage;
    EXPECT_EQ(fat(fmt::format("{}{}", kMarked, damage)), "errors") << damage;
    EXPECT_EQ(fat(fmt::format("{}Reclaimed 1 unused cluster (1024 bytes).\n", damage)), "errors");
  }
}

// fsck.fat writes a long name as it is, with every line break in it.
TEST(FatVerdict, IsErrorsWhateverTheDamagedFileIsCalled) {
  constexpr std::string_view kRest = "  Circular cluster chain. Truncating to 2 clusters.\n";
  for (const std::string_view name : {
           "x\n  File size is 1 bytes, cluster chain length is > 0 bytes.\nReclaimed 1",
           "x\n  File size is 1 bytes, cluster chain length is > 0 bytes.\n"
           "Reclaimed 1 unused cluster (1 bytes).",
           "x\n  File size is 1 bytes, cluster chain length is > 0 bytes.\nDirty bit is set",
           "x\n  File size is 1 bytes, cluster chain length is > 0 bytes.\n  Auto-deleting.",
           "x\n  File size is 1 bytes, cluster chain length is > 0 bytes.\n"
           "This is mostly harmless. Differences: (offset:original/backup)\n  65:01/00",
           "x\n  File size is 1 bytes, cluster chain length is > 0 bytes.\n"
           "y files, 2/3 clusters",
       })
    EXPECT_EQ(fat(fmt::format("/{}\n{}", name, kRest)), "errors") << name;
}

TEST(FatVerdict, IsErrorsWhereTheMiddleOfTheWordsIsMissing) {
  EXPECT_EQ(fat(fmt::format("/KEPT.TXT\n{}\n[...]\n{}", kLonger, kLonger)), "errors");
}

// Its last words go past the others, and may end up behind half a line that a medium chose.
TEST(FatVerdict, IsErrorsWhereItsLastWordsAreBehindOthers) {
  for (const std::string_view before : {
           "Reclaimed ",
           "Dirty bit is set",
           "Leaving filesystem unchanged",
           "FATs differ but appear to be intact",
           "Free cluster summary ",
           "Orphaned long file name part ",
           "fsck.fat ",
       })
    EXPECT_EQ(fat(fmt::format("/KEPT.TXT\n{}{}Internal error: next_cluster on bad cluster\n",
                              kLonger, before)),
              "errors")
        << before;
}

TEST(FatVerdict, OfARepairCountsWhatWasFoundAndNotWhatBelongsToIt) {
  const CheckReply reply = ended(
      CheckerFamily::kFat, 1,
      "fsck.fat 4.2 (2021-01-31)\n/OTHER.TXT\n  Circular cluster chain. Truncating to 2 clusters.\n"
      "Reclaimed 1 unused cluster (1024 bytes) in 1 chain.\n\n*** Filesystem was changed ***\n"
      "Writing changes.\n/dev/medium: 2 files, 3/8143 clusters\n",
      CheckOperation::kRepair);
  EXPECT_EQ(reply.verdict, CheckVerdict::kClean);
  EXPECT_TRUE(reply.changed);
  EXPECT_EQ(reply.findings, 2u);
  EXPECT_EQ(reply.checker, "fsck.fat 4.2");
}

TEST(ExfatVerdict, IsCleanWhereNothingIsFound) {
  EXPECT_EQ(verdict(CheckerFamily::kExfat, 0,
                    "exfatprogs version : 1.2.0\n/dev/medium: clean. directories 1, files 2\n"),
            "clean");
}

TEST(ExfatVerdict, IsDirtyWhereAWriteWasInterrupted) {
  const CheckReply reply =
      ended(CheckerFamily::kExfat, 4, exfat_text(fmt::format("ERROR: /other{}\n", kMoreClusters)));
  EXPECT_EQ(reply.verdict, CheckVerdict::kDirty);
  EXPECT_EQ(reply.findings, 1u);
  EXPECT_EQ(reply.checker, "fsck.exfat 1.2.0");
}

TEST(ExfatVerdict, IsErrorsWhereAnythingElseIsFound) {
  for (const std::string_view damage : {
           "ERROR: /: the checksum of a file is wrong at 0x2030c0. Delete (y/N)? n\n",
           "ERROR: /other: cluster 0x7 is marked as free at 0x2030c0. Truncate (y/N)? n\n",
           "boot region is corrupted. try to restore the region from backup. Fix (y/N)? n\n",
           "ERROR: /other: more clusters are allocated. truncate\n",
           "failed to verify root directory.\n",
       }) {
    EXPECT_EQ(exfat(damage), "errors") << damage;
    EXPECT_EQ(exfat(fmt::format("ERROR: /kept{}\n{}", kMoreClusters, damage)), "errors") << damage;
  }
}

TEST(ExfatVerdict, IsErrorsWhereOnlyTheSumSaysSo) {
  EXPECT_EQ(exfat(""), "errors");
  EXPECT_EQ(verdict(CheckerFamily::kExfat, 4, "the volume is dirty\n/dev/medium: corrupted.\n"),
            "errors");
}

// fsck.exfat writes names as they are, too.
TEST(ExfatVerdict, IsErrorsWhateverTheDamagedFileIsCalled) {
  for (const std::string& name : {
           std::string("x: more clusters are allocated."),
           fmt::format("x{}", kMoreClusters),
           fmt::format("x{}\ny", kMoreClusters),
           fmt::format("x{}\nexfatprogs version : ", kMoreClusters),
           fmt::format("x{}\nERROR: /y{}", kMoreClusters, kMoreClusters),
           fmt::format("x{}\n/dev/medium: clean. directories 1, files 2", kMoreClusters),
       })
    for (const std::string_view damage : {
             ": size 0x5dc, but the first cluster 0x7ffffff0 at 0x2030c0. Truncate (y/N)? n",
             ": valid size 9 greater than size 4 at 0x203120. Fix (y/N)? n",
             ": failed to get a dentry. -5",
         })
      EXPECT_EQ(exfat(fmt::format("ERROR: /{}{}\n", name, damage)), "errors") << name << damage;
}

TEST(ExfatVerdict, IsErrorsWhereTheMiddleOfTheWordsIsMissing) {
  EXPECT_EQ(exfat(fmt::format("ERROR: /a{}\n\n[...]\nERROR: /b{}\n", kMoreClusters, kMoreClusters)),
            "errors");
}

TEST(Verdict, OfWhatDidNotEndByItselfIsThatItDied) {
  const std::string clean = fat_text("");
  for (const Ending& ending : {Ending{.signal_number = SIGSEGV}, Ending{.signal_number = SIGXCPU},
                               Ending{.code = 0, .wrote_too_much = true}})
    EXPECT_EQ(judge(CheckerFamily::kFat, CheckOperation::kCheck, ending, clean).verdict,
              CheckVerdict::kDied);
}

}  // namespace
}  // namespace airlock::check
