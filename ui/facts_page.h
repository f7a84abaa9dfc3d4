// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QHash>
#include <QWidget>

#include "ui/volume.h"

class QGridLayout;
class QLabel;

namespace airlock::ui {

// The facts about a medium, line by line; empty lines are left out.
class FactsPage final : public QWidget {
  Q_OBJECT

 public:
  explicit FactsPage(QWidget* parent = nullptr);

  void show(const Volume& volume);

 private:
  QLabel* add(const QString& title);
  void set(QLabel* value, const QString& text);

  // Not a form: with hidden lines the one in Qt 6.4 writes beyond its memory.
  QGridLayout* m_lines;
  QHash<QLabel*, QLabel*> m_titles;  // by value
  QLabel* m_mount;
  QLabel* m_filesystem;
  QLabel* m_condition;
  QLabel* m_check;
  QLabel* m_driver;
  QLabel* m_since;
  QLabel* m_size;
  QLabel* m_device;
  QLabel* m_drive;
  QLabel* m_uuid;
  QLabel* m_reason;
  QLabel* m_rule;
};

}  // namespace airlock::ui
