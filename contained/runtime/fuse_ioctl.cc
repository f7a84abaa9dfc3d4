// SPDX-License-Identifier: GPL-2.0-or-later
// Answers ioctls. The kernel passes on those whose size is in their number. For the flags of a file
// it has checked already whether the caller owns it and, for those that guard it,
// whether the caller has CAP_LINUX_IMMUTABLE (Linux 5.14). It is asked here again, as far as one
// can tell by the user.
#include <linux/fs.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>

#include "contained/runtime/fuse_session.h"

namespace airlock {
namespace {

constexpr std::uint32_t kGuarding = FS_IMMUTABLE_FL | FS_APPEND_FL;

struct FlagPair {
  std::uint32_t flag;
  std::uint32_t extended;
};
// The flags that struct fsxattr has too.
constexpr std::array kFlagPairs = {FlagPair{FS_SYNC_FL, FS_XFLAG_SYNC},
                                   FlagPair{FS_IMMUTABLE_FL, FS_XFLAG_IMMUTABLE},
                                   FlagPair{FS_APPEND_FL, FS_XFLAG_APPEND},
                                   FlagPair{FS_NODUMP_FL, FS_XFLAG_NODUMP},
                                   FlagPair{FS_NOATIME_FL, FS_XFLAG_NOATIME},
                                   FlagPair{FS_DAX_FL, FS_XFLAG_DAX},
                                   FlagPair{FS_PROJINHERIT_FL, FS_XFLAG_PROJINHERIT}};

std::uint32_t to_extended(std::uint32_t flags) {
  std::uint32_t extended = 0;
  for (const auto& pair : kFlagPairs)
    if ((flags & pair.flag) != 0) extended |= pair.extended;
  return extended;
}

// The flags as `extended` wants them; the others stay. EOPNOTSUPP for what has no flag.
Outcome<std::uint32_t> from_extended(std::uint32_t flags, std::uint32_t extended) {
  for (const auto& pair : kFlagPairs) {
    flags = (extended & pair.extended) != 0 ? flags | pair.flag : flags & ~pair.flag;
    extended &= ~pair.extended;
  }
  return extended == 0 ? Outcome<std::uint32_t>(flags) : refuse(EOPNOTSUPP);
}

struct Ioctl {
  fuse_req_t request;
  fuse_ino_t node;
  const void* in;
  std::size_t in_size;
  std::size_t out_size;

  [[nodiscard]] FuseServer::Impl& server() const {
    return *static_cast<FuseServer::Impl*>(fuse_req_userdata(request));
  }
  [[nodiscard]] FileSystem& files() const { return *server().files; }
  [[nodiscard]] uid_t user() const { return fuse_req_ctx(request)->uid; }

  void fail(int error_number) const { (void)fuse_reply_err(request, error_number); }
  void done() const { (void)fuse_reply_ioctl(request, 0, nullptr, 0); }
  template <typename Answer>
  void answer(const Answer& answer) const {
    if (out_size < sizeof answer) return fail(EINVAL);
    (void)fuse_reply_ioctl(request, 0, &answer, sizeof answer);
  }
  template <typename Wish>
  [[nodiscard]] Outcome<Wish> wish() const {
    Wish wish = {};
    if (in == nullptr || in_size < sizeof wish) return refuse(EINVAL);
    std::memcpy(&wish, in, sizeof wish);
    return wish;
  }
};

Outcome<fstrim_range> trim(const Ioctl& ioctl) {
  if (ioctl.user() != 0 && ioctl.user() != ioctl.server().options.owner) return refuse(EPERM);
  TRY(fstrim_range range, ioctl.wish<fstrim_range>());
  TRY(range.len, ioctl.files().trim(range.start, range.len, range.minlen));
  return range;
}

Outcome<fsxattr> extended_flags(const Ioctl& ioctl) {
  TRY(const FileFlags flags, ioctl.files().flags(ioctl.node));
  fsxattr extended = {};
  extended.fsx_xflags = to_extended(flags.flags);
  extended.fsx_projid = flags.project;
  return extended;
}

template <typename Answer>
void answer(const Ioctl& ioctl, const Outcome<Answer>& outcome) {
  outcome ? ioctl.answer(*outcome) : ioctl.fail(outcome.error().value);
}
void answer(const Ioctl& ioctl, const Outcome<void>& outcome) {
  outcome ? ioctl.done() : ioctl.fail(outcome.error().value);
}
void answer(const Ioctl& ioctl, const Outcome<FileFlags>& outcome) {
  outcome ? ioctl.answer(outcome->flags) : ioctl.fail(outcome.error().value);
}

// How the flags of the file are to be: what SETFLAGS and FSSETXATTR come to.
struct FlagChange {
  std::uint32_t wanted = 0;
  bool guards = false;  // from now on
};

Outcome<FlagChange> allow_change(const Ioctl& ioctl, const FileFlags& now, std::uint32_t wanted) {
  TRY(const auto attributes, ioctl.files().attributes(ioctl.node));
  const std::uint32_t guarding = (now.flags ^ wanted) & kGuarding;
  if (ioctl.user() != 0 && (guarding != 0 || ioctl.user() != attributes.stat.st_uid))
    return refuse(EPERM);
  return FlagChange{.wanted = wanted,
                    .guards = (guarding & wanted) != 0 && S_ISREG(attributes.stat.st_mode)};
}

Outcome<FlagChange> flags_wanted(const Ioctl& ioctl) {
  TRY(const auto wanted, ioctl.wish<std::uint32_t>());
  TRY(const FileFlags now, ioctl.files().flags(ioctl.node));
  return allow_change(ioctl, now, wanted);
}

Outcome<FlagChange> extended_flags_wanted(const Ioctl& ioctl) {
  TRY(const auto wanted, ioctl.wish<fsxattr>());
  TRY(const FileFlags now, ioctl.files().flags(ioctl.node));
  if (wanted.fsx_projid != now.project || wanted.fsx_extsize != 0 || wanted.fsx_cowextsize != 0)
    return refuse(EOPNOTSUPP);
  TRY(const std::uint32_t flags, from_extended(now.flags, wanted.fsx_xflags));
  return allow_change(ioctl, now, flags);
}

void change_flags(const Ioctl& ioctl, const FlagChange& change) {
  const auto done = ioctl.files().change_flags(ioctl.node, change.wanted);
  // The kernel remembers the time of the last change.
  if (done) (void)fuse_lowlevel_notify_inval_inode(ioctl.server().session.get(), ioctl.node, -1, 0);
  answer(ioctl, done);
}

// The kernel may still hold data that programs wrote before. It must be in the file before the flag
// guards it.
void change_flags(const Ioctl& ioctl, const Outcome<FlagChange>& change) {
  if (!change) return ioctl.fail(change.error().value);
  if (!change->guards) return change_flags(ioctl, *change);
  ioctl.server().answer_later(ioctl.request, [ioctl, change = *change] {
    ioctl.server().write_back(ioctl.node, 0, refuse(ENXIO));
    change_flags(ioctl, change);
  });
}

using Label = std::array<char, FSLABEL_MAX>;

Outcome<Label> label(const Ioctl& ioctl) {
  TRY(const std::string text, ioctl.files().label());
  Label label = {};
  text.copy(label.data(), label.size() - 1);
  return label;
}

// Root's, as with the kernel: for anybody else there is `airlockctl label`, which polkit guards.
Outcome<void> set_label(const Ioctl& ioctl) {
  if (ioctl.user() != 0) return refuse(EPERM);
  TRY(const auto label, ioctl.wish<Label>());
  return ioctl.files().set_label({label.data(), ::strnlen(label.data(), label.size())});
}

}  // namespace

void answer_ioctl(fuse_req_t request, fuse_ino_t node, unsigned command, void*, fuse_file_info*,
                  unsigned, const void* in, std::size_t in_size, std::size_t out_size) {
  const Ioctl ioctl = {
      .request = request, .node = node, .in = in, .in_size = in_size, .out_size = out_size};
  current_request.handle = request;
  switch (command) {
    case FITRIM:
      return answer(ioctl, trim(ioctl));
    case FS_IOC_GETFLAGS:
      return answer(ioctl, ioctl.files().flags(node));
    case FS_IOC_SETFLAGS:
      return change_flags(ioctl, flags_wanted(ioctl));
    case FS_IOC_FSGETXATTR:
      return answer(ioctl, extended_flags(ioctl));
    case FS_IOC_FSSETXATTR:
      return change_flags(ioctl, extended_flags_wanted(ioctl));
    case FS_IOC_GETFSLABEL:
      return answer(ioctl, label(ioctl));
    case FS_IOC_SETFSLABEL:
      return answer(ioctl, set_label(ioctl));
    default:
      return ioctl.fail(ENOTTY);
  }
}

}  // namespace airlock
