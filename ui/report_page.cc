// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/report_page.h"

#include <QPlainTextEdit>
#include <QPushButton>
#include <QVBoxLayout>
#include <utility>

#include "ui/report_view.h"
#include "ui/visible_text.h"

namespace airlock::ui {

ReportPage::ReportPage(Client& client, Question question, QWidget* parent)
    : QWidget(parent),
      m_client(client),
      m_question(std::move(question)),
      m_text(reportView(m_question.title, this)),
      m_again(new QPushButton(tr("Loo&k again"), this)) {
  auto* column = new QVBoxLayout(this);
  column->addWidget(m_text);
  column->addWidget(m_again, 0, Qt::AlignRight);
  m_again->setObjectName(QStringLiteral("look-again"));
  connect(m_again, &QPushButton::clicked, this, &ReportPage::ask);
}

void ReportPage::show(const Volume& volume) {
  if (volume.path == std::exchange(m_path, volume.path) &&
      volume.state == std::exchange(m_state, volume.state))
    return;
  m_text->clear();
  if (isVisible()) ask();
}

void ReportPage::showEvent(QShowEvent* event) {
  QWidget::showEvent(event);
  if (m_text->toPlainText().isEmpty()) ask();
}

void ReportPage::ask() {
  if (m_path.isEmpty()) return;
  m_client.call(
      m_path, kVolume, m_question.method, {}, [this, path = m_path](const Answer& answer) {
        if (path != m_path) return;
        const QVariant value = answer.values.value(0);
        const QString report = value.metaType() == QMetaType::fromType<QStringList>()
                                   ? value.toStringList().join(u'\n')
                                   : value.toString();
        if (!answer.ok()) return m_text->setPlainText(visibleLines(answer.message));
        m_text->setPlainText(report.isEmpty() ? m_question.nothing : visibleLines(report));
      });
}

}  // namespace airlock::ui
