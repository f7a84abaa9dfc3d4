// SPDX-License-Identifier: GPL-2.0-or-later
#include "ui/feed.h"

#include "ui/client.h"
#include "ui/volume_model.h"

namespace airlock::ui {

void feed(Client& client, VolumeModel& model) {
  QObject::connect(&client, &Client::snapshot, &model, &VolumeModel::replaceAll);
  QObject::connect(&client, &Client::objectAdded, &model, &VolumeModel::addObject);
  QObject::connect(&client, &Client::objectRemoved, &model, &VolumeModel::removeObject);
  QObject::connect(&client, &Client::objectChanged, &model, &VolumeModel::changeObject);
}

}  // namespace airlock::ui
