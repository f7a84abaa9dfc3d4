// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/icons.h"

#include <QCache>
#include <QFile>
#include <QPainter>
#include <QSvgRenderer>

namespace airlock::ui {
namespace {

// The colour of the drawings; replaced by the ink of the place that shows them.
constexpr const char* kDrawnInk = "#232629";
// Around it, to stay visible on a panel of another colour.
constexpr const char* kDrawnHalo = "#fcfcfc";
constexpr int kMostKept = 64;
constexpr double kFullTurn = 360;

QString nameOfMood(Mood mood) {
  switch (mood) {
    case Mood::kEmpty:
      return QStringLiteral("empty");
    case Mood::kPlugged:
      return QStringLiteral("plugged");
    case Mood::kMounted:
      return QStringLiteral("mounted");
    case Mood::kBusy:
      return QStringLiteral("busy");
    case Mood::kAttention:
      return QStringLiteral("attention");
  }
  return {};
}

QByteArray drawing(const QString& name, const QColor& ink) {
  QFile file(QStringLiteral(":/icons/%1.svg").arg(name));
  if (!file.open(QIODevice::ReadOnly)) return {};
  constexpr int kMiddle = 128;
  const char* halo = ink.lightness() < kMiddle ? kDrawnHalo : kDrawnInk;
  // First the halo, so that it is not confused with the new ink.
  QByteArray text = file.readAll().replace(kDrawnHalo, "halo");
  return text.replace(kDrawnInk, ink.name().toLatin1()).replace("halo", halo);
}

QPixmap rendered(QSvgRenderer& renderer, int size, double turn) {
  QPixmap pixmap(size, size);
  pixmap.fill(Qt::transparent);
  QPainter painter(&pixmap);
  painter.setRenderHint(QPainter::Antialiasing);
  const QRectF whole(0, 0, size, size);
  renderer.render(&painter, QStringLiteral("still"), whole);
  if (!renderer.elementExists(QStringLiteral("turning"))) return pixmap;
  painter.translate(whole.center());
  painter.rotate(turn);
  painter.translate(-whole.center());
  renderer.render(&painter, QStringLiteral("turning"), whole);
  return pixmap;
}

QIcon drawn(const QString& name, const QColor& ink, int frame) {
  static QCache<QString, QIcon> kept(kMostKept);
  const QString key = QStringLiteral("%1 %2 %3").arg(name, ink.name()).arg(frame);
  if (const QIcon* known = kept.object(key); known != nullptr) return *known;
  QSvgRenderer renderer(drawing(name, ink));
  QIcon icon;
  for (const int size : {16, 22, 24, 32, 48, 64})
    icon.addPixmap(rendered(renderer, size, kFullTurn * frame / kBusyFrames));
  kept.insert(key, new QIcon(icon));
  return icon;
}

}  // namespace

QIcon themed(const char* name, const char* otherName) {
  const QIcon icon = QIcon::fromTheme(QLatin1String(name));
  if (!icon.isNull() || otherName == nullptr) return icon;
  return QIcon::fromTheme(QLatin1String(otherName));
}

QIcon moodIcon(Mood mood, const QColor& ink, int frame) {
  const QString name = nameOfMood(mood);
  const QIcon icon = QIcon::fromTheme(QStringLiteral("airlock-tray-") + name);
  return icon.isNull() ? drawn(name, ink, frame) : icon;
}

QIcon mediumIcon(const QString& kind, const QColor& ink) {
  QIcon icon = themed("drive-removable-media-usb", "drive-removable-media");
  if (kind == QLatin1String("optical")) icon = themed("media-optical", "drive-optical");
  if (kind == QLatin1String("image")) icon = themed("application-x-cd-image", "media-optical");
  return icon.isNull() ? drawn(QStringLiteral("plugged"), ink, 0) : icon;
}

QIcon programIcon() {
  const QIcon icon = QIcon::fromTheme(QStringLiteral("org.airlock1.Tray"));
  return icon.isNull() ? drawn(QStringLiteral("org.airlock1.Tray"), QColor(kDrawnInk), 0) : icon;
}

}  // namespace airlock::ui
