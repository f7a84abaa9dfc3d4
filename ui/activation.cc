// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/activation.h"

#include <QtGlobal>

namespace airlock::ui {
namespace {

constexpr const char* kVariable = "XDG_ACTIVATION_TOKEN";
constexpr qsizetype kLongestToken = 512;

}  // namespace

QString activationToken() {
  return qEnvironmentVariable(kVariable);
}

void useActivationToken(const QString& token) {
  if (token.isEmpty() || token.size() > kLongestToken) return;
  qputenv(kVariable, token.toUtf8());
}

}  // namespace airlock::ui
