// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QDialog>

#include "ui/client.h"

class QCheckBox;
class QComboBox;
class QLabel;

namespace airlock::ui {

class Preferences;

// The choices of a person. Each takes effect at once; there is nothing to confirm.
class SettingsDialog final : public QDialog {
  Q_OBJECT

 public:
  SettingsDialog(Client& client, Preferences& preferences, QWidget* parent = nullptr);

  // The mode in airlockd; empty until it is known.
  void setAutomount(const QString& mode);

 private:
  QCheckBox* addSwitch(const QString& text, const char* name, bool on);
  void sendAutomount();
  void setAutostart(bool on);

  Client& m_client;
  Preferences& m_preferences;
  QComboBox* m_automount;
  QLabel* m_remark;
  QCheckBox* m_autostart;
  QString m_mode;
};

}  // namespace airlock::ui
