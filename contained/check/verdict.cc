// SPDX-License-Identifier: GPL-2.0-or-later
#include "contained/check/verdict.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <iterator>
#include <span>
#include <vector>

namespace airlock::check {
namespace {

using Lines = std::vector<std::string_view>;

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

bool has(std::string_view text, std::string_view words) {
  return text.find(words) != std::string_view::npos;
}

bool has_any(std::string_view text, std::span<const std::string_view> all) {
  return std::ranges::any_of(all, [&](std::string_view words) { return has(text, words); });
}

std::string_view trimmed(std::string_view line) {
  const auto first = line.find_first_not_of(' ');
  if (first == std::string_view::npos) return {};
  return line.substr(first, line.find_last_not_of(' ') - first + 1);
}

// '#' in a form stands for digits, including hexadecimal ones; other characters for themselves.
bool fits(std::string_view line, std::string_view form) {
  for (const char c : form) {
    const std::size_t digits = std::min(line.find_first_not_of("0123456789abcdef"), line.size());
    const std::size_t length = c == '#' ? digits : static_cast<std::size_t>(line.starts_with(c));
    if (length == 0) return false;
    line.remove_prefix(length);
  }
  return line.empty();
}

bool fits_any(std::string_view line, std::span<const std::string_view> forms) {
  return std::ranges::any_of(forms, [&](std::string_view form) { return fits(line, form); });
}

// The meaning of one checker's output. Names from the medium are part of it, perhaps with line
// breaks, so any line may be forged; but no line of the checker can be removed.
struct Reading {
  std::string checker;
  bool was_dirty = false;
  bool skipped_replay = false;
  bool failed_replay = false;
  bool replayed = false;
  bool unreadable = false;
  bool unsupported = false;
  bool hopeless = false;  // it found nothing to begin with
  bool grave = false;     // it wrote something that may be harmful
  std::uint32_t findings = 0;
  std::string first_finding;
};

void add_harmless(Reading& reading, std::string_view line) {
  ++reading.findings;
  if (reading.first_finding.empty()) reading.first_finding = trimmed(line).substr(0, 200);
}

void add_finding(Reading& reading, std::string_view line) {
  reading.grave = true;
  add_harmless(reading, line);
}

constexpr auto kReadErrors = std::to_array<std::string_view>(
    {"Input/output error", "Attempt to read block from filesystem resulted in short read",
     "Error reading block", "failed to read", "Read error", " bytes instead of "});

// e2fsck asks about every fault, and answers itself: "Fix? no".
bool is_ext_question(std::string_view line) {
  const std::string_view end = trimmed(line);
  return end.ends_with("? no") || end.ends_with("? yes");
}

bool is_ext_remark(std::string_view line) {
  constexpr auto kRemarks = std::to_array<std::string_view>(
      {"e2fsck 1.", "Pass ", "WARNING: Filesystem still has errors", "FILE SYSTEM WAS MODIFIED",
       "was not cleanly unmounted", "recovering journal", "skipping journal recovery",
       "Cannot proceed with file system check", " files (", ": clean, ",
       "Found invalid V2 journal superblock fields", "Clearing fields beyond"});
  return trimmed(line).empty() || has_any(line, kRemarks);
}

// e2fsck does not ask about an error that stops it. It names that one last.
void add_unasked(Reading& reading, const Lines& lines) {
  const auto last = std::find_if_not(lines.rbegin(), lines.rend(), is_ext_remark);
  if (last != lines.rend()) add_finding(reading, *last);
}

Reading read_ext(const Lines& lines, std::string_view text) {
  Reading reading;
  std::string_view before;
  for (const std::string_view line : lines) {
    if (line.starts_with("e2fsck 1.")) reading.checker = trimmed(line.substr(0, line.find('(')));
    if (is_ext_question(line)) {
      const std::string_view what = line.substr(0, line.rfind('?'));
      const bool alone = !what.ends_with(' ') && what.rfind(". ") == std::string_view::npos;
      add_finding(reading, alone && !trimmed(before).empty() ? before : line);
    }
    before = line;
  }
  reading.was_dirty = has(text, "was not cleanly unmounted");
  reading.failed_replay = has(text, "while recovering journal");
  reading.replayed = has(text, ": recovering journal") && !reading.failed_replay;
  reading.skipped_replay = has(text, "skipping journal recovery");
  reading.unsupported = has(text, "unsupported feature") || has(text, "revision level too high");
  // With -n it continues on a medium that ends too early, and calls the readable part clean.
  constexpr auto kHopeless = std::to_array<std::string_view>(
      {"Bad magic number in super-block", "superblock could not be read",
       "The physical size of the device is"});
  reading.hopeless = has_any(text, kHopeless);
  return reading;
}

constexpr std::string_view kLongerThanItsFile =
    "  File size is # bytes, cluster chain length is > # bytes.";

// Whole lines: its last words when it gives up are not buffered like the rest, so they may follow
// the first half of any line.
bool is_fat_remark(std::string_view line) {
  constexpr auto kRemarks = std::to_array<std::string_view>(
      {"Dirty bit is set. Fs was not properly unmounted and some data may be corrupt.",
       " Automatically removing dirty bit.", "Leaving filesystem unchanged.",
       "*** Filesystem was changed ***", "Writing changes.", "  Using first FAT.",
       "  Auto-correcting.", "  Auto-deleting.", "  Truncating file to # bytes.",
       kLongerThanItsFile, "/dev/medium: # files, #/# clusters"});
  return trimmed(line).empty() || fits_any(line, kRemarks);
}

bool is_the_mark(std::string_view difference) {
  return difference == "  65:01/00" || difference == "  65:03/02";
}

constexpr std::string_view kDifferences =
    "This is mostly harmless. Differences: (offset:original/backup)";

// FAT32 has a copy of its boot sector, and no system sets the mark in the copy, too. The next line
// lists every byte that differs: its place, its value, and the value in the copy. No name comes
// before the first of these headings.
bool only_the_mark_differs(const Lines& lines) {
  const auto heading = std::ranges::find(lines, kDifferences);
  return heading != lines.end() && std::next(heading) != lines.end() &&
         is_the_mark(*std::next(heading));
}

bool is_about_the_copy(std::string_view line) {
  return line == "There are differences between boot sector and its backup." ||
         line == kDifferences || is_the_mark(line) || line == "  Not automatically fixing this.";
}

bool is_the_front_of_a_name(std::string_view line) {
  return line.starts_with("Orphaned long file name part \"") && line.ends_with('"');
}

// An interrupted write leaves clusters in use without a file, a wrong number of free clusters, one
// copy of the table behind the other, or the front of a long name. Further writing makes none of
// these worse.
bool is_fat_trace(std::string_view line, std::string_view next) {
  constexpr auto kTraces = std::to_array<std::string_view>(
      {"Reclaimed # unused cluster (# bytes).", "Reclaimed # unused clusters (# bytes).",
       "Free cluster summary wrong (# vs. really #)",
       "Free cluster summary uninitialized (should be #)", "FATs differ but appear to be intact."});
  const bool longer_than_its_file = line.starts_with('/') && fits(next, kLongerThanItsFile);
  return longer_than_its_file || is_the_front_of_a_name(line) || fits_any(line, kTraces);
}

void add_fat_trace(Reading& reading, std::string_view line, std::string_view next) {
  constexpr std::string_view kReclaimed = "Reclaimed ";
  // With -n it changes nothing in spite of these words.
  if (line.starts_with(kReclaimed))
    add_harmless(reading, fmt::format("no file has {}", line.substr(kReclaimed.size())));
  else if (line.starts_with('/'))
    add_harmless(reading, fmt::format("{}: {}", trimmed(line), trimmed(next)));
  else
    add_harmless(reading, line);
}

void read_fat_line(Reading& reading, std::string_view line, std::string_view next) {
  if (reading.checker.empty() && line.starts_with("fsck.fat "))
    reading.checker = trimmed(line.substr(0, line.find('(')));
  else if (is_fat_remark(line))
    return;
  else if (is_fat_trace(line, next))
    add_fat_trace(reading, line, next);
  else if (line.starts_with(' '))
    reading.grave = true;  // the details of a finding, or made to look like them
  else
    add_finding(reading, line);
}

Reading read_fat(const Lines& lines, std::string_view text) {
  Reading reading;
  const bool copy_is_right = only_the_mark_differs(lines);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    const std::string_view next = i + 1 < lines.size() ? lines[i + 1] : std::string_view();
    if (!copy_is_right || !is_about_the_copy(lines[i])) read_fat_line(reading, lines[i], next);
  }
  reading.was_dirty = has(text, "Dirty bit is set");
  constexpr auto kNoFat = std::to_array<std::string_view>(
      {"Logical sector size is zero", "Logical sector size (", "Cluster size is zero",
       "Number of FATs", "not FAT", "FAT size is zero", "Only 1 or 2 FATs"});
  reading.hopeless = has_any(text, kNoFat);
  return reading;
}

// Clusters reserved for a file and not used. A file may have such a name, too, but then the finding
// follows its name.
bool is_exfat_trace(std::string_view line) {
  constexpr std::string_view kWords = ": more clusters are allocated.";
  const std::size_t place = line.rfind(kWords);
  return line.starts_with("ERROR: ") && place != std::string_view::npos &&
         fits(line.substr(place + kWords.size()), " truncate to # bytes at 0x#. Truncate (y/N)? n");
}

bool is_exfat_remark(std::string_view line) {
  constexpr auto kRemarks =
      std::to_array<std::string_view>({"/dev/medium: clean. directories #, files #",
                                       "/dev/medium: corrupted. directories #, files #",
                                       "/dev/medium: files corrupted #, files fixed #"});
  return trimmed(line).empty() || fits_any(line, kRemarks);
}

void read_exfat_line(Reading& reading, std::string_view line) {
  constexpr std::string_view kVersion = "exfatprogs version : ";
  if (reading.checker.empty() && line.starts_with(kVersion))
    reading.checker = fmt::format("fsck.exfat {}", trimmed(line.substr(kVersion.size())));
  else if (is_exfat_trace(line))
    add_harmless(reading, line);
  else if (line.starts_with("ERROR: ") || has(line, "(y/N)"))
    add_finding(reading, line);  // it too asks and answers itself: "Fix (y/N)? n"
  else if (!is_exfat_remark(line))
    reading.grave = true;
}

Reading read_exfat(const Lines& lines, std::string_view text) {
  Reading reading;
  for (const std::string_view line : lines) read_exfat_line(reading, line);
  if (reading.findings == 0 && has(text, ": corrupted")) {
    reading.findings = 1;
    reading.grave = true;
  }
  reading.was_dirty = has(text, "dirty");
  reading.hopeless = has(text, "Bad fs_name") || has(text, "invalid sector size") ||
                     has(text, "invalid cluster size");
  return reading;
}

// ntfsfix reports each step; these are the informative ends of steps.
struct NtfsSign {
  std::string_view words;
  std::string_view meaning;
};
constexpr auto kNtfsSigns = std::to_array<NtfsSign>(
    {{"The alternate bootsector is usable",
      "its boot sector is damaged, and the copy of it is not"},
     {"Comparing $MFTMirr to $MFT... FAILED", "its file table and the copy of it differ"},
     {"Checking file system overflow... FAILED", "it is larger than its medium"},
     {"Checking the alternate boot sector... BAD", "the copy of its boot sector is damaged"}});

Reading read_ntfs(std::string_view text) {
  Reading reading{.checker = "ntfsfix"};
  for (const NtfsSign& sign : kNtfsSigns)
    if (has(text, sign.words)) add_finding(reading, sign.meaning);
  reading.was_dirty = has(text, "Windows is hibernated");
  constexpr auto kHopeless = std::to_array<std::string_view>(
      {"Volume is corrupt", "Failed to load $MFT", "Checking file system overflow... FAILED"});
  reading.hopeless = !has(text, "The alternate bootsector is usable") && has_any(text, kHopeless);
  return reading;
}

Reading read(CheckerFamily family, std::string_view text) {
  const Lines lines = lines_of(text);
  Reading reading;
  switch (family) {
    case CheckerFamily::kExt:
      reading = read_ext(lines, text);
      break;
    case CheckerFamily::kFat:
      reading = read_fat(lines, text);
      break;
    case CheckerFamily::kExfat:
      reading = read_exfat(lines, text);
      break;
    case CheckerFamily::kNtfs:
      // It uses "Input/output error" for nonsense on the medium, too.
      return read_ntfs(text);
  }
  // It uses "Input/output error" for a failed replay of a journal, too: the target of a write may
  // lie behind the end.
  reading.unreadable = reading.failed_replay
                           ? has(text, "Error reading block") || has(text, "short read")
                           : has_any(text, kReadErrors);
  return reading;
}

// The meaning of an exit code alone, before the output is read.
enum class Said { kFine, kCorrected, kErrors, kFailed, kNonsense };

Said said_by_e2fsck_code(int code) {
  switch (code) {
    case 0:
      return Said::kFine;
    case 1:
    case 2:
    case 3:
      return Said::kCorrected;
    case 4:
    case 12:  // uncorrected errors, and an operational error as well
      return Said::kErrors;
    case 8:
      return Said::kFailed;
    default:
      return Said::kNonsense;
  }
}

Said said_by_fat_code(int code, CheckOperation operation) {
  if (code == 0) return Said::kFine;
  if (code != 1) return Said::kNonsense;
  return only_reads(operation) ? Said::kErrors : Said::kCorrected;
}

Said said_by(CheckerFamily family, CheckOperation operation, int code) {
  const bool zero_or_one = family == CheckerFamily::kFat || family == CheckerFamily::kNtfs;
  const Said said = zero_or_one ? said_by_fat_code(code, operation) : said_by_e2fsck_code(code);
  // It could not have corrected anything.
  if (said == Said::kCorrected && only_reads(operation)) return Said::kNonsense;
  return said;
}

std::string count(std::uint32_t findings) {
  return fmt::format("{} problem{}", findings, findings == 1 ? "" : "s");
}

std::string harmless(std::uint32_t findings) {
  return fmt::format("{} harmless finding{}", findings, findings == 1 ? "" : "s");
}

std::string with_example(const Reading& reading) {
  if (reading.first_finding.empty()) return "";
  return fmt::format("; the first: {}", reading.first_finding);
}

CheckVerdict verdict_of(const Reading& reading, Said said, CheckOperation operation) {
  if (reading.unsupported) return CheckVerdict::kUnsupported;
  if (reading.unreadable) return CheckVerdict::kUnreadable;
  if (said == Said::kNonsense) return CheckVerdict::kDied;
  if (reading.hopeless) return CheckVerdict::kUncorrectable;
  if (said == Said::kFailed) return CheckVerdict::kUncorrectable;
  // Faults found while it must leave the journal alone may be gone after the replay.
  if (reading.skipped_replay) return CheckVerdict::kNeedsReplay;
  // The exit code does not show this.
  if (operation == CheckOperation::kReplay && reading.failed_replay) return CheckVerdict::kErrors;
  if (!only_reads(operation))
    return said == Said::kErrors ? CheckVerdict::kUncorrectable : CheckVerdict::kClean;
  const bool was_interrupted = reading.was_dirty || reading.findings > 0;
  if (said == Said::kErrors && !reading.grave && was_interrupted) return CheckVerdict::kDirty;
  if (said == Said::kErrors) return CheckVerdict::kErrors;
  return reading.was_dirty ? CheckVerdict::kDirty : CheckVerdict::kClean;
}

std::string summary_of(CheckVerdict verdict, const Reading& reading, bool changed) {
  switch (verdict) {
    case CheckVerdict::kClean:
      if (changed && reading.findings > 0)
        return fmt::format("{} corrected{}", count(reading.findings), with_example(reading));
      if (reading.findings > 0)
        return fmt::format("clean; {}{}", harmless(reading.findings), with_example(reading));
      return changed ? "clean now" : "clean";
    case CheckVerdict::kDirty:
      if (reading.findings > 0)
        return fmt::format("consistent; {}{}", harmless(reading.findings), with_example(reading));
      return "it was not unmounted, and is consistent";
    case CheckVerdict::kNeedsReplay:
      return "its journal must be replayed before anything else is known";
    case CheckVerdict::kErrors:
      if (reading.failed_replay)
        return fmt::format("its journal can't be replayed{}", with_example(reading));
      if (reading.findings == 0) return "the checker found errors and does not say which";
      return fmt::format("{} found{}", count(reading.findings), with_example(reading));
    case CheckVerdict::kUncorrectable:
      return fmt::format("it is damaged beyond what the checker can fix{}", with_example(reading));
    case CheckVerdict::kUnsupported:
      return "the checker does not support all of its features";
    case CheckVerdict::kUnreadable:
      return "parts of the medium can't be read";
    case CheckVerdict::kDied:
      break;
  }
  return "";
}

std::string cause_of_death(const Ending& ending) {
  if (ending.wrote_too_much) return "the checker wrote too much and was stopped";
  if (ending.code) return fmt::format("the checker ended with the unknown code {}", *ending.code);
  if (ending.signal_number == SIGXCPU || ending.signal_number == SIGKILL)
    return "the checker used up its processor time and was stopped";
  const char* const name = ::sigabbrev_np(ending.signal_number);
  return name != nullptr ? fmt::format("the checker was killed by SIG{}", name)
                         : fmt::format("the checker was killed by signal {}", ending.signal_number);
}

CheckReply died(std::string why, std::string_view output) {
  return {.verdict = CheckVerdict::kDied,
          .changed = false,
          .findings = 0,
          .checker = {},
          .summary = std::move(why),
          .log = std::string(output.substr(0, CheckReply::kMostLog))};
}

// The programs that write labels report only success or failure.
CheckReply judge_label(int code, std::string_view output) {
  CheckReply reply{.verdict = code == 0 ? CheckVerdict::kClean : CheckVerdict::kErrors,
                   .changed = code == 0,
                   .findings = code == 0 ? 0U : 1U,
                   .checker = {},
                   .summary = "it has its new label",
                   .log = std::string(output.substr(0, CheckReply::kMostLog))};
  if (code == 0) return reply;
  const Lines lines = lines_of(output);
  reply.summary = "the label could not be written";
  if (!lines.empty()) reply.summary += fmt::format(": {}", trimmed(lines.back()).substr(0, 200));
  return reply;
}

CheckReply judge_format(int code, std::string_view output) {
  CheckReply reply{.verdict = code == 0 ? CheckVerdict::kClean : CheckVerdict::kErrors,
                   .changed = true,
                   .findings = code == 0 ? 0U : 1U,
                   .checker = {},
                   .summary = "formatted",
                   .log = std::string(output.substr(0, CheckReply::kMostLog))};
  if (code == 0) return reply;
  const Lines lines = lines_of(output);
  reply.summary = "it could not be formatted";
  if (!lines.empty()) reply.summary += fmt::format(": {}", trimmed(lines.back()).substr(0, 200));
  return reply;
}

// ntfsfix examines the boot sector, its copy, and the first records of two tables; the summary must
// not promise more.
std::string summary_for(CheckerFamily family, CheckVerdict verdict, const Reading& reading,
                        bool changed) {
  if (family == CheckerFamily::kNtfs && verdict == CheckVerdict::kClean)
    return "the beginning of the volume is clean; ntfsfix checks nothing else";
  return summary_of(verdict, reading, changed).substr(0, CheckReply::kMostSummary);
}

}  // namespace

CheckReply judge(CheckerFamily family, CheckOperation operation, const Ending& ending,
                 std::string_view output) {
  if (!ending.code || ending.wrote_too_much) return died(cause_of_death(ending), output);
  if (operation == CheckOperation::kLabel) return judge_label(*ending.code, output);
  if (operation == CheckOperation::kFormat) return judge_format(*ending.code, output);
  Reading reading = read(family, output);
  const Said said = said_by(family, operation, *ending.code);
  const CheckVerdict verdict = verdict_of(reading, said, operation);
  const bool is_damaged =
      verdict == CheckVerdict::kErrors || verdict == CheckVerdict::kUncorrectable;
  const bool says_why = reading.findings > 0 || reading.hopeless || reading.failed_replay;
  if (family == CheckerFamily::kExt && is_damaged && !says_why)
    add_unasked(reading, lines_of(output));
  if (verdict == CheckVerdict::kDied) return died(cause_of_death(ending), output);
  // The exit code of e2fsck does not show a replay.
  const bool changed = !only_reads(operation) && (said == Said::kCorrected || reading.replayed);
  return {.verdict = verdict,
          .changed = changed,
          .findings = reading.findings,
          .checker = reading.checker.substr(0, CheckReply::kMostChecker),
          .summary = summary_for(family, verdict, reading, changed),
          .log = std::string(output.substr(0, CheckReply::kMostLog))};
}

// "ntfsfix v2022.10.3"
std::string version_told(const Ending& ending, std::string_view output) {
  constexpr std::string_view kBegin = "ntfsfix v";
  if (ending.code != 0 || !output.starts_with(kBegin)) return {};
  const std::string_view number = output.substr(kBegin.size(), output.find('\n') - kBegin.size());
  return fmt::format("ntfsfix {}", trimmed(number)).substr(0, CheckReply::kMostChecker);
}

}  // namespace airlock::check
