// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

#include <QCoreApplication>
#include <QString>

#include "ui/volume.h"
#include "ui/volume_model.h"

namespace airlock::ui {

// Sentences about media, in the person's language. All results are plain text in which foreign
// parts went through visible().

[[nodiscard]] QString nameOf(const Volume& volume);       // "HOLIDAY"
[[nodiscard]] QString kindOf(const Volume& volume);       // "USB stick or disk, partition"
[[nodiscard]] QString stateWord(const Volume& volume);    // "Mounted, read-only"
[[nodiscard]] QString sentenceFor(const Volume& volume);  // the most important thing about it
[[nodiscard]] QString uncontainedSentence(const Volume& volume);  // who else has it mounted
[[nodiscard]] QString deathSentence(const Volume& volume);        // what happened to a dead mount
[[nodiscard]] QString deathLoss(const Volume& volume);            // what that cost
[[nodiscard]] QString deathDetails(const Volume& volume);         // for a bug report
[[nodiscard]] QString progressSentence(const Volume& volume);     // empty when nothing runs
[[nodiscard]] QString spaceSentence(const Volume& volume);        // empty when not known
[[nodiscard]] QString filesystemOf(const Volume& volume);
[[nodiscard]] QString driverOf(const Volume& volume);
[[nodiscard]] QString mountSentence(const Volume& volume);  // where, for whom, writable or why not
[[nodiscard]] QString checkSentence(const Volume& volume);  // empty if none has run
[[nodiscard]] QString unmountSentence(const Volume& volume);  // empty if it was not unmounted
[[nodiscard]] QString sizeText(quint64 bytes);
[[nodiscard]] QString timeText(qint64 seconds);
[[nodiscard]] QString summarySentence(const VolumeModel::Summary& summary);

}  // namespace airlock::ui
