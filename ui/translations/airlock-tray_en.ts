<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
<TS version="2.1" language="en_US" sourcelanguage="en">
<context>
    <name>Wording</name>
    <message numerus="yes">
        <source>The driver of %n medium(s) died</source>
        <translation><numerusform>The driver of %n medium died</numerusform><numerusform>The drivers of %n media died</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) wait(s) for you</source>
        <translation><numerusform>%n medium waits for you</numerusform><numerusform>%n media wait for you</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>Working on %n medium(s): do not unplug yet</source>
        <translation><numerusform>Working on %n medium: do not unplug it yet</numerusform><numerusform>Working on %n media: do not unplug them yet</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) mounted</source>
        <translation><numerusform>%n medium mounted</numerusform><numerusform>%n media mounted</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) plugged in</source>
        <translation><numerusform>%n medium plugged in</numerusform><numerusform>%n media plugged in</numerusform></translation>
    </message>
</context>
<context>
    <name>airlock::ui::Notifier</name>
    <message numerus="yes">
        <source>%n medium(s) wait(s) for you</source>
        <translation><numerusform>%n medium waits for you</numerusform><numerusform>%n media wait for you</numerusform></translation>
    </message>
</context>
<context>
    <name>airlock::ui::VolumeMenu</name>
    <message numerus="yes">
        <source>%n more…</source>
        <translation><numerusform>%n more…</numerusform><numerusform>%n more…</numerusform></translation>
    </message>
</context>
</TS>
