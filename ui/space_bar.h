// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QWidget>

#include "ui/volume.h"

class QLabel;

namespace airlock::ui {

// The used space of a mount, as a bar and in words.
class SpaceBar final : public QWidget {
  Q_OBJECT

 public:
  explicit SpaceBar(QWidget* parent = nullptr);

  // Hides itself if it is unknown.
  void show(const Volume& volume);

 protected:
  void paintEvent(QPaintEvent* event) override;

 private:
  QLabel* m_words;
  double m_used = 0;
};

}  // namespace airlock::ui
