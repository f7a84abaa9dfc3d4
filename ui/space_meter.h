// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QHash>
#include <QObject>
#include <QSocketNotifier>
#include <QString>
#include <memory>

#include "ui/volume.h"

namespace airlock::ui {

// Measures the free space of a mount. The question goes to the driver, which may be slow or hang,
// so a detached thread asks it; while an answer is missing, its mount is not asked again.
class SpaceMeter final : public QObject {
  Q_OBJECT

 public:
  explicit SpaceMeter(QObject* parent = nullptr);
  ~SpaceMeter() override;

  void measure(const QString& path, const QString& mountPoint);

 signals:
  void measured(const QString& path, airlock::ui::Space space);

 private:
  struct Pipe;

  void readAnswers();

  std::shared_ptr<Pipe> m_pipe;  // shared with the threads, which may outlive this
  std::unique_ptr<QSocketNotifier> m_readable;
  QHash<quint64, QString> m_asked;  // number of the question, path
  quint64 m_numbers = 0;
};

}  // namespace airlock::ui
