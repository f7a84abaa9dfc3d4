// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/space_meter.h"

#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <QFile>
#include <array>
#include <string>
#include <system_error>
#include <thread>

#include "lib/base/unique_fd.h"

namespace airlock::ui {
namespace {

constexpr qsizetype kMostQuestions = 16;

// Written in one piece, so that the answers of several threads do not mix.
struct Measured {
  quint64 number = 0;
  quint64 total = 0;
  quint64 available = 0;
};

Measured ask(quint64 number, const std::string& mountPoint) {
  struct statvfs answer{};
  if (::statvfs(mountPoint.c_str(), &answer) != 0) return {.number = number};
  return {.number = number,
          .total = quint64{answer.f_blocks} * answer.f_frsize,
          .available = quint64{answer.f_bavail} * answer.f_frsize};
}

}  // namespace

struct SpaceMeter::Pipe {
  UniqueFd read;
  UniqueFd write;
};

SpaceMeter::SpaceMeter(QObject* parent) : QObject(parent), m_pipe(std::make_shared<Pipe>()) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK) != 0) return;
  m_pipe->read = UniqueFd(ends[0]);
  m_pipe->write = UniqueFd(ends[1]);
  m_readable = std::make_unique<QSocketNotifier>(m_pipe->read.get(), QSocketNotifier::Read);
  connect(m_readable.get(), &QSocketNotifier::activated, this, &SpaceMeter::readAnswers);
}

SpaceMeter::~SpaceMeter() = default;

void SpaceMeter::measure(const QString& path, const QString& mountPoint) {
  if (!m_readable || m_asked.size() >= kMostQuestions) return;
  for (const QString& asked : m_asked)
    if (asked == path) return;
  const quint64 number = ++m_numbers;
  try {
    std::thread([pipe = m_pipe, number, place = QFile::encodeName(mountPoint).toStdString()] {
      const Measured answer = ask(number, place);
      // If this fails, there is no one to tell.
      (void)!::write(pipe->write.get(), &answer, sizeof answer);
    }).detach();
    m_asked.insert(number, path);
  } catch (const std::system_error&) {
    // No thread available: the bar is not shown.
  }
}

void SpaceMeter::readAnswers() {
  Measured answer;
  while (::read(m_pipe->read.get(), &answer, sizeof answer) == sizeof answer) {
    const QString path = m_asked.take(answer.number);
    if (!path.isEmpty())
      emit measured(path, {.total = answer.total, .available = answer.available});
  }
}

}  // namespace airlock::ui
