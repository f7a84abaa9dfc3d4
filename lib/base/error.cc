// SPDX-License-Identifier: GPL-2.0-or-later
#include "lib/base/error.h"

#include <cerrno>
#include <cstdlib>

namespace airlock {

std::string_view error_name(Errc code) {
  switch (code) {
    case Errc::kInvalidArgument:
      return "org.airlock1.Error.InvalidArgument";
    case Errc::kNotFound:
      return "org.airlock1.Error.NotFound";
    case Errc::kNotPermitted:
      return "org.airlock1.Error.NotPermitted";
    case Errc::kBusy:
      return "org.airlock1.Error.Busy";
    case Errc::kAlreadyMounted:
      return "org.airlock1.Error.AlreadyMounted";
    case Errc::kWrongFormat:
      return "org.airlock1.Error.WrongFormat";
    case Errc::kUnsupported:
      return "org.airlock1.Error.Unsupported";
    case Errc::kCorrupted:
      return "org.airlock1.Error.Corrupted";
    case Errc::kReadOnly:
      return "org.airlock1.Error.ReadOnly";
    case Errc::kNoSpace:
      return "org.airlock1.Error.NoSpace";
    case Errc::kIo:
      return "org.airlock1.Error.Io";
    case Errc::kProtocol:
      return "org.airlock1.Error.Protocol";
    case Errc::kPeerGone:
      return "org.airlock1.Error.PeerGone";
    case Errc::kTimedOut:
      return "org.airlock1.Error.TimedOut";
    case Errc::kCancelled:
      return "org.airlock1.Error.Cancelled";
    case Errc::kWorkerDied:
      return "org.airlock1.Error.WorkerDied";
    case Errc::kLimitExceeded:
      return "org.airlock1.Error.LimitExceeded";
    case Errc::kOutOfMemory:
      return "org.airlock1.Error.OutOfMemory";
    case Errc::kSystem:
      return "org.airlock1.Error.System";
  }
  std::abort();  // an Errc outside the enumeration is a bug in the caller
}

std::string Error::message() const {
  if (!cause) return what;
  return what + ": " + cause.message();
}

Errc errc_from_errno(int error_number) {
  switch (error_number) {
    case EINVAL:
      return Errc::kInvalidArgument;
    case ENOENT:
    case ENOTDIR:
    case ENXIO:
    case ENODEV:
    case ENOMEDIUM:
      return Errc::kNotFound;
    case EACCES:
    case EPERM:
      return Errc::kNotPermitted;
    case EBUSY:
    case ETXTBSY:
      return Errc::kBusy;
    case EROFS:
      return Errc::kReadOnly;
    case ENOSPC:
    case EDQUOT:
      return Errc::kNoSpace;
    case EIO:
      return Errc::kIo;
    case EPIPE:
    case ECONNRESET:
      return Errc::kPeerGone;
    case ETIMEDOUT:
      return Errc::kTimedOut;
    case E2BIG:
    case EMSGSIZE:
    case EMFILE:
    case ENFILE:
      return Errc::kLimitExceeded;
    case ENOMEM:
      return Errc::kOutOfMemory;
    default:
      return Errc::kSystem;
  }
}

}  // namespace airlock
