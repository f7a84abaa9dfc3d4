// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/visible_text.h"

#include <QList>
#include <QStringList>

#include "cli/ctl/characters.h"

namespace airlock::ui {
namespace {

constexpr qsizetype kLongestLines = 200'000;

QString escaped(char32_t code) {
  if (code == U'\n') return QStringLiteral("\\n");
  if (code == U'\t') return QStringLiteral("\\t");
  return QStringLiteral("\\u{%1}").arg(static_cast<uint>(code), 0, 16);
}

// Other separators than the plain space look like one, and may be as wide as a line.
bool hasOwnForm(char32_t code) {
  if (!ctl::is_harmless(code)) return false;
  return code == U' ' || !QChar::isSpace(code);
}

}  // namespace

QString visible(const QString& foreign, qsizetype longest) {
  QString shown;
  qsizetype letters = 0;
  for (const char32_t code : foreign.toUcs4()) {
    if (++letters > longest) return shown + QChar(0x2026);
    if (hasOwnForm(code))
      shown += QString::fromUcs4(&code, 1);
    else
      shown += escaped(code);
  }
  return shown;
}

QString visibleLines(const QString& foreign) {
  QStringList lines = foreign.left(kLongestLines).split(u'\n');
  for (QString& line : lines) {
    QStringList cells = line.split(u'\t');
    for (QString& cell : cells) cell = visible(cell, kLongestLines);
    line = cells.join(u'\t');
  }
  return lines.join(u'\n');
}

QString withoutMnemonic(QString text) {
  return text.replace(u'&', QStringLiteral("&&"));
}

}  // namespace airlock::ui
