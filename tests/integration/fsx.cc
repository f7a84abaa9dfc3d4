// SPDX-License-Identifier: GPL-2.0-or-later
// fsx FILE: performs random overlapping operations on one file and checks every byte against a
// model in memory. The first wrong byte ends it, with the operations that led there.
//
//   --seed=N --ops=N --size=N   the sequence, its length, the largest file
//   --model=PATH                continue from the model saved there, and save it again at the end
//   --readers=N                 instead: check FILE against the model N times, changing nothing
#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <fstream>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include "lib/base/unique_fd.h"
#include "oprunner/content.h"

namespace airlock::test {
namespace {

constexpr std::size_t kPage = 4096;
constexpr std::size_t kLargestOperation = 200000;
constexpr std::size_t kRememberedOperations = 40;

struct Options {
  std::string file;
  std::string model;
  std::uint64_t seed = 1;
  std::size_t operations = 1000;
  std::size_t size = std::size_t{1} << 20U;
  std::size_t readers = 0;
};

struct Range {
  std::size_t begin;
  std::size_t length;
  [[nodiscard]] std::size_t end() const { return begin + length; }
  [[nodiscard]] off_t offset() const { return static_cast<off_t>(begin); }
};

// The file as the model has it, and the real file.
class Exerciser {
 public:
  explicit Exerciser(const Options& options) : options_(options), random_(options.seed) {
    load_model();
    reopen();
    verify("the start");
  }

  int run() {
    for (std::size_t done = 0; done < options_.operations; ++done) step();
    verify("the end");
    reopen();
    verify("the end, reopened");
    save_model();
    return 0;
  }

  int check_only() {
    for (std::size_t done = 0; done < options_.readers; ++done) {
      const Range range = existing_range();
      done % 2 == 0 ? read(range) : map_read(range);
    }
    return 0;
  }

 private:
  using Action = void (Exerciser::*)(Range);

  void step() {
    static constexpr Action kActions[] = {
        &Exerciser::write,     &Exerciser::write,    &Exerciser::write,      &Exerciser::read,
        &Exerciser::read,      &Exerciser::map_read, &Exerciser::map_write,  &Exerciser::map_write,
        &Exerciser::cut,       &Exerciser::cut,      &Exerciser::punch,      &Exerciser::zero,
        &Exerciser::allocate,  &Exerciser::keep,     &Exerciser::copy_range, &Exerciser::append,
        &Exerciser::sync_some,
    };
    const Action action = kActions[pick(std::size(kActions))];
    (this->*action)(any_range());
    if (pick(50) == 0) reopen();
    if (pick(100) == 0) verify("a check in between");
  }

  std::size_t pick(std::size_t limit) {
    return static_cast<std::size_t>(random_() % std::max<std::size_t>(limit, 1));
  }

  // Any place up to the largest size; often at a page border, where most mistakes are.
  Range any_range() {
    std::size_t begin = pick(options_.size);
    if (pick(3) == 0) begin = begin / kPage * kPage;
    std::size_t length = 1 + pick(pick(4) == 0 ? kLargestOperation : 3 * kPage);
    if (pick(4) == 0) length = (length + kPage - 1) / kPage * kPage;
    return {begin, std::min(length, options_.size - begin)};
  }

  Range existing_range() {
    const Range range = any_range();
    const std::size_t begin = std::min(range.begin, model_.size() / 2);
    return {begin, std::min(range.length, model_.size() - begin)};
  }

  void write(Range range) {
    note("write", range);
    const auto bytes = make_content(random_(), range.length);
    for (std::size_t done = 0; done < range.length;) {
      const ssize_t now = pwrite(file_.get(), bytes.data() + done, range.length - done,
                                 static_cast<off_t>(range.begin + done));
      if (now <= 0) fail_call("pwrite");
      done += static_cast<std::size_t>(now);
    }
    grow(range.end());
    std::ranges::copy(bytes, model_.begin() + range.offset());
  }

  void append(Range range) {
    const std::size_t room = options_.size - std::min(options_.size, model_.size());
    const std::size_t length = std::min(range.length, room);
    if (length > 0) write({model_.size(), length});
  }

  void read(Range range) {
    note("read", range);
    std::vector<std::byte> bytes(range.length);
    const std::size_t expected = available(range);
    std::size_t done = 0;
    while (done < range.length) {
      const ssize_t now = pread(file_.get(), bytes.data() + done, range.length - done,
                                static_cast<off_t>(range.begin + done));
      if (now < 0) fail_call("pread");
      if (now == 0) break;
      done += static_cast<std::size_t>(now);
    }
    if (done != expected) fail_check(fmt::format("read {} bytes, not {}", done, expected));
    compare(std::span(bytes).first(done), range.begin);
  }

  void map_read(Range range) {
    range.length = available(range);
    if (range.length == 0) return;
    note("map_read", range);
    with_mapping(range, PROT_READ,
                 [&](std::span<std::byte> bytes) { compare(bytes, range.begin); });
  }

  void map_write(Range range) {
    range.length = available(range);
    if (range.length == 0) return;
    note("map_write", range);
    const auto content = make_content(random_(), range.length);
    with_mapping(range, PROT_READ | PROT_WRITE, [&](std::span<std::byte> bytes) {
      std::memcpy(bytes.data(), content.data(), content.size());
    });
    std::ranges::copy(content, model_.begin() + range.offset());
  }

  template <typename Use>
  void with_mapping(Range range, int protection, Use use) {
    const std::size_t inner = range.begin % kPage;
    const std::size_t size = range.length + inner;
    void* address = mmap(nullptr, size, protection, MAP_SHARED, file_.get(),
                         static_cast<off_t>(range.begin - inner));
    if (address == MAP_FAILED) fail_call("mmap");
    use(std::span(static_cast<std::byte*>(address), size).subspan(inner));
    if ((protection & PROT_WRITE) != 0 && pick(2) == 0 && msync(address, size, MS_SYNC) != 0)
      fail_call("msync");
    munmap(address, size);
  }

  void cut(Range range) {
    note("truncate", range);
    if (ftruncate(file_.get(), range.offset()) != 0) fail_call("ftruncate");
    model_.resize(range.begin);
  }

  void punch(Range range) {
    if (!try_fallocate("punch", FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, range)) return;
    clear({range.begin, available(range)});
  }

  void zero(Range range) {
    if (!try_fallocate("zero", FALLOC_FL_ZERO_RANGE, range)) return;
    grow(range.end());
    clear(range);
  }

  void allocate(Range range) {
    if (try_fallocate("allocate", 0, range)) grow(range.end());
  }

  void keep(Range range) { (void)try_fallocate("keep size", FALLOC_FL_KEEP_SIZE, range); }

  // Block-mapped files cannot preallocate, not even in the kernel; that is not a failure.
  bool try_fallocate(std::string_view what, int mode, Range range) {
    note(what, range);
    if (range.length == 0) return false;
    if (fallocate(file_.get(), mode, range.offset(), static_cast<off_t>(range.length)) == 0)
      return true;
    if (errno != EOPNOTSUPP) fail_call("fallocate");
    return false;
  }

  void copy_range(Range target) {
    Range source = existing_range();
    source.length = std::min(source.length, target.length);
    target.length = source.length;
    if (source.length == 0 || (source.begin < target.end() && target.begin < source.end())) return;
    note("copy from", source);
    note("copy to", target);
    off_t from = source.offset();
    off_t to = target.offset();
    while (from < static_cast<off_t>(source.end())) {
      const auto rest = source.end() - static_cast<std::size_t>(from);
      if (copy_file_range(file_.get(), &from, file_.get(), &to, rest, 0) <= 0)
        fail_call("copy_file_range");
    }
    grow(target.end());
    std::copy_n(model_.begin() + source.offset(), source.length, model_.begin() + target.offset());
  }

  void sync_some(Range range) {
    note("fsync", range);
    if ((pick(2) == 0 ? fsync(file_.get()) : fdatasync(file_.get())) != 0) fail_call("fsync");
  }

  void reopen() {
    file_.reset();
    file_ = UniqueFd(open(options_.file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!file_.valid()) fail_call("open");
  }

  void verify(std::string_view when) {
    note(when, {0, model_.size()});
    struct stat status{};
    if (fstat(file_.get(), &status) != 0) fail_call("fstat");
    if (status.st_size != static_cast<off_t>(model_.size()))
      fail_check(fmt::format("size is {}, not {}", status.st_size, model_.size()));
    read({0, model_.size()});
  }

  [[nodiscard]] std::size_t available(Range range) const {
    if (range.begin >= model_.size()) return 0;
    return std::min(range.length, model_.size() - range.begin);
  }

  void grow(std::size_t size) { model_.resize(std::max(size, model_.size())); }

  void clear(Range range) {
    if (range.length == 0) return;
    std::fill_n(model_.begin() + range.offset(), range.length, std::byte{0});
  }

  void compare(std::span<const std::byte> bytes, std::size_t begin) {
    if (bytes.empty()) return;  // a read behind the end
    const auto expected = std::span<const std::byte>(model_).subspan(begin, bytes.size());
    const auto [got, wanted] = std::ranges::mismatch(bytes, expected);
    if (got == bytes.end()) return;
    fail_check(fmt::format("byte {} is {:#x}, not {:#x}",
                           begin + static_cast<std::size_t>(got - bytes.begin()),
                           std::to_integer<int>(*got), std::to_integer<int>(*wanted)));
  }

  void note(std::string_view what, Range range) {
    history_.push_back(
        fmt::format("{:<12} {} + {} (size {})", what, range.begin, range.length, model_.size()));
    if (history_.size() > kRememberedOperations) history_.pop_front();
  }

  [[noreturn]] void fail_call(std::string_view call) {
    fail_check(fmt::format("{}: {}", call, std::strerror(errno)));
  }

  [[noreturn]] void fail_check(const std::string& why) const {
    fmt::print("fsx: {} (seed {}): {}\nthe last operations, newest last:\n", options_.file,
               options_.seed, why);
    for (const std::string& line : history_) fmt::print("  {}\n", line);
    std::fflush(stdout);
    std::_Exit(1);
  }

  void load_model() {
    std::ifstream saved(options_.model, std::ios::binary);
    const std::string text{std::istreambuf_iterator<char>(saved), {}};
    const auto bytes = std::as_bytes(std::span(text));
    model_.assign(bytes.begin(), bytes.end());
  }

  void save_model() const {
    if (options_.model.empty()) return;
    std::ofstream saved(options_.model, std::ios::binary | std::ios::trunc);
    for (const std::byte byte : model_) saved.put(std::to_integer<char>(byte));
  }

  const Options& options_;
  std::mt19937_64 random_;
  std::vector<std::byte> model_;
  std::deque<std::string> history_;
  UniqueFd file_;
};

bool read_option(std::string_view word, std::string_view name, std::string& value) {
  if (!word.starts_with(name)) return false;
  value = word.substr(name.size());
  return true;
}

Options parse(int count, char** arguments) {
  Options options;
  for (const std::string_view word :
       std::span(arguments, static_cast<std::size_t>(count)).subspan(1)) {
    std::string value;
    if (read_option(word, "--seed=", value))
      options.seed = std::stoull(value);
    else if (read_option(word, "--ops=", value))
      options.operations = std::stoull(value);
    else if (read_option(word, "--size=", value))
      options.size = std::stoull(value);
    else if (read_option(word, "--readers=", value))
      options.readers = std::stoull(value);
    else if (!read_option(word, "--model=", options.model))
      options.file = word;
  }
  return options;
}

}  // namespace
}  // namespace airlock::test

int main(int count, char** arguments) {
  const airlock::test::Options options = airlock::test::parse(count, arguments);
  airlock::test::Exerciser exerciser(options);
  return options.readers > 0 ? exerciser.check_only() : exerciser.run();
}
