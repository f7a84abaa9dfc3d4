// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/verb_bar.h"

#include <QHBoxLayout>
#include <QPushButton>
#include <algorithm>
#include <utility>

namespace airlock::ui {

VerbBar::VerbBar(std::vector<Verb> all, QWidget* parent) : QWidget(parent) {
  auto* row = new QHBoxLayout(this);
  row->setContentsMargins(0, 0, 0, 0);
  for (const Verb verb : all) {
    auto* button = new QPushButton(verbIcon(verb), verbText(verb), this);
    button->setObjectName(verbName(verb));
    button->setAutoDefault(true);
    button->hide();
    connect(button, &QPushButton::clicked, this, [this, verb] { emit wanted(verb); });
    row->addWidget(button);
    m_buttons.insert(std::to_underlying(verb), button);
  }
  row->addStretch();
}

void VerbBar::show(const std::vector<Verb>& verbs, const QString& about) {
  for (auto button = m_buttons.begin(); button != m_buttons.end(); ++button) {
    const auto verb = static_cast<Verb>(button.key());
    button.value()->setVisible(std::ranges::find(verbs, verb) != verbs.end());
    button.value()->setAccessibleName(
        QStringLiteral("%1: %2").arg(verbText(verb).remove(u'&'), about));
  }
}

}  // namespace airlock::ui
