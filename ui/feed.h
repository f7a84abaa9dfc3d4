// SPDX-License-Identifier: GPL-2.0-or-later
#pragma once

namespace airlock::ui {

class Client;
class VolumeModel;

// From now on the model shows everything that the client receives. Both must outlive the event
// loop.
void feed(Client& client, VolumeModel& model);

}  // namespace airlock::ui
