// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/settings_dialog.h"

#include <QCheckBox>
#include <QComboBox>
#include <QDialogButtonBox>
#include <QFormLayout>
#include <QLabel>

#include "ui/notice.h"
#include "ui/preferences.h"
#include "ui/visible_text.h"

namespace airlock::ui {
namespace {

constexpr int kWidth = 460;
constexpr qsizetype kLongestRefusal = 300;

}  // namespace

SettingsDialog::SettingsDialog(Client& client, Preferences& preferences, QWidget* parent)
    : QDialog(parent),
      m_client(client),
      m_preferences(preferences),
      m_automount(new QComboBox(this)),
      m_remark(plainLabel(this)) {
  setWindowTitle(tr("Airlock settings"));
  setObjectName(QStringLiteral("settings"));
  setMinimumWidth(kWidth);
  auto* lines = new QFormLayout(this);
  m_automount->addItem(tr("Mount them automatically"), QStringLiteral("on"));
  m_automount->addItem(tr("Ask me"), QStringLiteral("ask"));
  m_automount->addItem(tr("Do nothing"), QStringLiteral("off"));
  m_automount->setObjectName(QStringLiteral("automount"));
  lines->addRow(tr("&When a medium is plugged in:"), m_automount);
  m_automount->setAccessibleName(tr("When a medium is plugged in"));
  lines->addRow(m_remark);
  auto* open =
      addSwitch(tr("&Open newly mounted media"), "open-after-mount", preferences.openAfterMount());
  auto* notify = addSwitch(tr("Show &notifications"), "notifications", preferences.notifications());
  m_autostart = addSwitch(tr("&Start with the session"), "autostart", preferences.autostart());
  lines->addRow(open);
  lines->addRow(notify);
  lines->addRow(m_autostart);
  auto* buttons = new QDialogButtonBox(QDialogButtonBox::Close, this);
  lines->addRow(buttons);
  connect(buttons, &QDialogButtonBox::rejected, this, &QDialog::reject);
  connect(m_automount, &QComboBox::activated, this, &SettingsDialog::sendAutomount);
  connect(open, &QCheckBox::toggled, this,
          [this](bool on) { m_preferences.setOpenAfterMount(on); });
  connect(notify, &QCheckBox::toggled, this,
          [this](bool on) { m_preferences.setNotifications(on); });
  connect(m_autostart, &QCheckBox::toggled, this, &SettingsDialog::setAutostart);
  setAutomount({});
}

QCheckBox* SettingsDialog::addSwitch(const QString& text, const char* name, bool on) {
  auto* box = new QCheckBox(text, this);
  box->setObjectName(QLatin1String(name));
  box->setChecked(on);
  return box;
}

void SettingsDialog::setAutomount(const QString& mode) {
  m_mode = mode;
  const int row = m_automount->findData(mode);
  m_automount->setCurrentIndex(row);
  m_automount->setEnabled(row >= 0);
  m_remark->setText(row < 0 ? tr("Airlock's service is not running, so this cannot be changed now.")
                            : tr("For everybody on this machine, until its next start. Then "
                                 "airlock.toml decides again."));
}

void SettingsDialog::sendAutomount() {
  const QString wanted = m_automount->currentData().toString();
  m_client.call(
      QLatin1String(kManagerPath), kManager, QStringLiteral("SetAutomount"),
      {wanted, QVariantMap()}, [this](const Answer& answer) {
        if (answer.ok()) return;
        setAutomount(m_mode);
        m_remark->setText(
            tr("That could not be changed: %1").arg(visible(answer.message, kLongestRefusal)));
      });
}

void SettingsDialog::setAutostart(bool on) {
  if (!m_preferences.setAutostart(on))
    m_remark->setText(tr("The autostart file could not be written."));
}

}  // namespace airlock::ui
