<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
<TS version="2.1" language="de_DE" sourcelanguage="en">
<context>
    <name>FactsText</name>
    <message>
        <source>clean</source>
        <translation>sauber</translation>
    </message>
    <message>
        <source>was not unmounted the last time</source>
        <translation>wurde letztes Mal nicht ausgehängt</translation>
    </message>
    <message>
        <source>belongs to a hibernated system</source>
        <translation>gehört zu einem System im Ruhezustand</translation>
    </message>
    <message>
        <source>has errors</source>
        <translation>hat Fehler</translation>
    </message>
    <message>
        <source>, write-protected</source>
        <translation>, schreibgeschützt</translation>
    </message>
</context>
<context>
    <name>NewsText</name>
    <message>
        <source>It can be used, read-only.</source>
        <translation>Er kann benutzt werden, nur lesend.</translation>
    </message>
    <message>
        <source>It can be used.</source>
        <translation>Er kann benutzt werden.</translation>
    </message>
    <message>
        <source>%1 is mounted</source>
        <translation>%1 ist eingehängt</translation>
    </message>
    <message>
        <source>%1 is plugged in</source>
        <translation>%1 ist angesteckt</translation>
    </message>
    <message>
        <source>%1 can no longer be used</source>
        <translation>%1 ist nicht mehr benutzbar</translation>
    </message>
    <message>
        <source>The latest changes may be lost. Next time, eject it first.</source>
        <translation>Die letzten Änderungen können verloren sein. Bitte nächstes Mal vorher auswerfen.</translation>
    </message>
    <message>
        <source>%1 was pulled out too early</source>
        <translation>%1 wurde zu früh abgezogen</translation>
    </message>
    <message>
        <source>%1 is not mounted</source>
        <translation>%1 ist nicht eingehängt</translation>
    </message>
    <message>
        <source>%1 can be unplugged</source>
        <translation>%1 kann abgezogen werden</translation>
    </message>
    <message>
        <source>Everything is written. It is safe to remove it now.</source>
        <translation>Alles ist geschrieben. Er kann jetzt gefahrlos entfernt werden.</translation>
    </message>
    <message>
        <source>Do not unplug %1 yet</source>
        <translation>%1 noch nicht abziehen</translation>
    </message>
    <message>
        <source>%1 keeps working</source>
        <translation>%1 funktioniert weiter</translation>
    </message>
    <message>
        <source>Its driver failed and was replaced; nothing was lost.</source>
        <translation>Der Treiber ist ausgefallen und wurde ersetzt; nichts ging verloren.</translation>
    </message>
    <message>
        <source>%1 is NOT contained</source>
        <translation>%1 ist NICHT abgeschottet</translation>
    </message>
    <message>
        <source>A damaged or hostile medium can harm the whole system there.</source>
        <translation>Ein beschädigter oder bösartiger Datenträger kann dort dem ganzen System schaden.</translation>
    </message>
</context>
<context>
    <name>Verbs</name>
    <message>
        <source>&amp;Open</source>
        <translation>&amp;Öffnen</translation>
    </message>
    <message>
        <source>&amp;Mount</source>
        <translation>E&amp;inhängen</translation>
    </message>
    <message>
        <source>Mount &amp;read-only</source>
        <translation>Nur &amp;lesend einhängen</translation>
    </message>
    <message>
        <source>Mount again &amp;read-only</source>
        <translation>Wieder einhängen, nur &amp;lesend</translation>
    </message>
    <message>
        <source>&amp;Mount again</source>
        <translation>W&amp;ieder einhängen</translation>
    </message>
    <message>
        <source>&amp;Detach</source>
        <translation>Ablö&amp;sen</translation>
    </message>
    <message>
        <source>&amp;Unmount</source>
        <translation>A&amp;ushängen</translation>
    </message>
    <message>
        <source>&amp;Eject</source>
        <translation>Aus&amp;werfen</translation>
    </message>
    <message>
        <source>&amp;Safely remove</source>
        <translation>&amp;Sicher entfernen</translation>
    </message>
    <message>
        <source>&amp;Check</source>
        <translation>&amp;Prüfen</translation>
    </message>
    <message>
        <source>Re&amp;pair</source>
        <translation>&amp;Reparieren</translation>
    </message>
    <message>
        <source>Could not open %1</source>
        <translation>%1 konnte nicht geöffnet werden</translation>
    </message>
    <message>
        <source>Could not mount %1</source>
        <translation>%1 konnte nicht eingehängt werden</translation>
    </message>
    <message>
        <source>Could not mount %1 again</source>
        <translation>%1 konnte nicht wieder eingehängt werden</translation>
    </message>
    <message>
        <source>Could not detach %1</source>
        <translation>%1 konnte nicht abgelöst werden</translation>
    </message>
    <message>
        <source>Could not unmount %1</source>
        <translation>%1 konnte nicht ausgehängt werden</translation>
    </message>
    <message>
        <source>Could not eject %1</source>
        <translation>%1 konnte nicht ausgeworfen werden</translation>
    </message>
    <message>
        <source>Could not switch %1 off</source>
        <translation>%1 konnte nicht abgeschaltet werden</translation>
    </message>
    <message>
        <source>Could not check %1</source>
        <translation>%1 konnte nicht geprüft werden</translation>
    </message>
    <message>
        <source>Could not repair %1</source>
        <translation>%1 konnte nicht repariert werden</translation>
    </message>
</context>
<context>
    <name>Wording</name>
    <message>
        <source>you</source>
        <translation>Sie</translation>
    </message>
    <message>
        <source>user %1</source>
        <translation>Benutzer %1</translation>
    </message>
    <message>
        <source>memory card</source>
        <translation>Speicherkarte</translation>
    </message>
    <message>
        <source>signal %1</source>
        <translation>Signal %1</translation>
    </message>
    <message>
        <source>Examining the medium…</source>
        <translation>Der Datenträger wird untersucht…</translation>
    </message>
    <message>
        <source>Waits until somebody is logged in and the screen is unlocked.</source>
        <translation>Wartet, bis jemand angemeldet und der Bildschirm entsperrt ist.</translation>
    </message>
    <message>
        <source>Not mounted.</source>
        <translation>Nicht eingehängt.</translation>
    </message>
    <message>
        <source>Being mounted…</source>
        <translation>Wird eingehängt…</translation>
    </message>
    <message>
        <source>Mounted.</source>
        <translation>Eingehängt.</translation>
    </message>
    <message>
        <source>Being unmounted: do not unplug it yet.</source>
        <translation>Wird ausgehängt: noch nicht abziehen.</translation>
    </message>
    <message>
        <source>Airlock leaves it alone.</source>
        <translation>Airlock lässt ihn in Ruhe.</translation>
    </message>
    <message>
        <source>Refused.</source>
        <translation>Abgelehnt.</translation>
    </message>
    <message>
        <source>It was pulled out while it was mounted.</source>
        <translation>Er wurde abgezogen, während er eingehängt war.</translation>
    </message>
    <message>
        <source>In a state this program does not know.</source>
        <translation>In einem Zustand, den dieses Programm nicht kennt.</translation>
    </message>
    <message>
        <source>drive</source>
        <translation>Laufwerk</translation>
    </message>
    <message>
        <source>partition</source>
        <translation>Partition</translation>
    </message>
    <message>
        <source>optical disc</source>
        <translation>optische Scheibe</translation>
    </message>
    <message>
        <source>loop device</source>
        <translation>Loop-Gerät</translation>
    </message>
    <message>
        <source>image file</source>
        <translation>Abbilddatei</translation>
    </message>
    <message>
        <source>being examined</source>
        <translation>wird untersucht</translation>
    </message>
    <message>
        <source>waiting</source>
        <translation>wartet</translation>
    </message>
    <message>
        <source>not mounted</source>
        <translation>nicht eingehängt</translation>
    </message>
    <message>
        <source>being mounted</source>
        <translation>wird eingehängt</translation>
    </message>
    <message>
        <source>mounted, read-only</source>
        <translation>eingehängt, nur lesend</translation>
    </message>
    <message>
        <source>mounted</source>
        <translation>eingehängt</translation>
    </message>
    <message>
        <source>being unmounted</source>
        <translation>wird ausgehängt</translation>
    </message>
    <message>
        <source>driver died</source>
        <translation>Treiber ausgefallen</translation>
    </message>
    <message>
        <source>left alone</source>
        <translation>in Ruhe gelassen</translation>
    </message>
    <message>
        <source>refused</source>
        <translation>abgelehnt</translation>
    </message>
    <message>
        <source>pulled out</source>
        <translation>abgezogen</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>unbekannt</translation>
    </message>
    <message>
        <source>Mounted, read-only.</source>
        <translation>Eingehängt, nur lesend.</translation>
    </message>
    <message>
        <source>filesystem</source>
        <translation>Dateisystem</translation>
    </message>
    <message>
        <source>The %1 driver crashed while it served this medium (%2).</source>
        <translation>Der Treiber für %1 ist abgestürzt, während er diesen Datenträger bediente (%2).</translation>
    </message>
    <message>
        <source>The %1 driver was killed (%2).</source>
        <translation>Der Treiber für %1 wurde beendet (%2).</translation>
    </message>
    <message>
        <source>The %1 driver gave up (exit code %2).</source>
        <translation>Der Treiber für %1 hat aufgegeben (Rückgabewert %2).</translation>
    </message>
    <message>
        <source>The %1 driver tried something it is not allowed to do (%2) and was stopped.</source>
        <translation>Der Treiber für %1 hat etwas versucht, das er nicht darf (%2), und wurde gestoppt.</translation>
    </message>
    <message>
        <source>The %1 driver exceeded its memory limit and was stopped.</source>
        <translation>Der Treiber für %1 hat seine Speichergrenze überschritten und wurde gestoppt.</translation>
    </message>
    <message>
        <source>The %1 driver stopped answering and was ended.</source>
        <translation>Der Treiber für %1 hat nicht mehr geantwortet und wurde beendet.</translation>
    </message>
    <message>
        <source>The %1 driver flooded the system with requests and was stopped.</source>
        <translation>Der %1-Treiber hat das System mit Anfragen überflutet und wurde beendet.</translation>
    </message>
    <message>
        <source>The %1 driver %2.</source>
        <translation>Der Treiber für %1: %2.</translation>
    </message>
    <message>
        <source>The %1 driver ended for an unknown reason.</source>
        <translation>Der Treiber für %1 hat aus unbekanntem Grund geendet.</translation>
    </message>
    <message>
        <source>It was mounted read-only: nothing is lost.</source>
        <translation>Er war nur lesend eingehängt: Nichts ist verloren.</translation>
    </message>
    <message>
        <source>Data written in the last seconds may be missing. Everything older is safe on the medium.</source>
        <translation>Daten der letzten Sekunden können fehlen. Alles Ältere ist sicher auf dem Datenträger.</translation>
    </message>
    <message>
        <source>Medium: %1 (%2, %3)</source>
        <translation>Datenträger: %1 (%2, %3)</translation>
    </message>
    <message>
        <source>Driver: %1</source>
        <translation>Treiber: %1</translation>
    </message>
    <message>
        <source>When: %1</source>
        <translation>Wann: %1</translation>
    </message>
    <message>
        <source>How it ended: %1</source>
        <translation>Wie er endete: %1</translation>
    </message>
    <message>
        <source>Core dump: %1</source>
        <translation>Speicherabzug: %1</translation>
    </message>
    <message>
        <source>What it said last:</source>
        <translation>Was er zuletzt sagte:</translation>
    </message>
    <message>
        <source>%1 still to be written: do not unplug it yet.</source>
        <translation>Noch %1 zu schreiben: noch nicht abziehen.</translation>
    </message>
    <message>
        <source>Writing what is left: do not unplug it yet.</source>
        <translation>Der Rest wird geschrieben: noch nicht abziehen.</translation>
    </message>
    <message>
        <source>Being checked: do not unplug it yet.</source>
        <translation>Wird geprüft: noch nicht abziehen.</translation>
    </message>
    <message>
        <source>Being repaired: do not unplug it yet.</source>
        <translation>Wird repariert: noch nicht abziehen.</translation>
    </message>
    <message>
        <source>Being checked before it is mounted: do not unplug it yet.</source>
        <translation>Wird vor dem Einhängen geprüft: noch nicht abziehen.</translation>
    </message>
    <message>
        <source>Working…</source>
        <translation>In Arbeit…</translation>
    </message>
    <message>
        <source>%1 of %2 free</source>
        <translation>%1 von %2 frei</translation>
    </message>
    <message>
        <source>ambiguous: several formats detected</source>
        <translation>mehrdeutig: mehrere Formate erkannt</translation>
    </message>
    <message>
        <source>no known filesystem</source>
        <translation>kein bekanntes Dateisystem</translation>
    </message>
    <message>
        <source>contained by Airlock's own sandbox</source>
        <translation>eingesperrt von Airlock selbst</translation>
    </message>
    <message>
        <source>contained by the service manager</source>
        <translation>eingesperrt vom Dienstverwalter</translation>
    </message>
    <message>
        <source>%1, %2, process %3</source>
        <translation>%1, %2, Prozess %3</translation>
    </message>
    <message>
        <source>%1, for %2</source>
        <translation>%1, für %2</translation>
    </message>
    <message>
        <source>Read-only.</source>
        <translation>Nur lesend.</translation>
    </message>
    <message>
        <source>not known</source>
        <translation>nicht bekannt</translation>
    </message>
    <message numerus="yes">
        <source>The driver of %n medium(s) died</source>
        <translation><numerusform>Der Treiber von %n Datenträger ist ausgefallen</numerusform><numerusform>Die Treiber von %n Datenträgern sind ausgefallen</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) wait(s) for you</source>
        <translation><numerusform>%n Datenträger wartet auf Sie</numerusform><numerusform>%n Datenträger warten auf Sie</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>Working on %n medium(s): do not unplug yet</source>
        <translation><numerusform>%n Datenträger in Arbeit: noch nicht abziehen</numerusform><numerusform>%n Datenträger in Arbeit: noch nicht abziehen</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) mounted</source>
        <translation><numerusform>%n Datenträger eingehängt</numerusform><numerusform>%n Datenträger eingehängt</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) plugged in</source>
        <translation><numerusform>%n Datenträger angesteckt</numerusform><numerusform>%n Datenträger angesteckt</numerusform></translation>
    </message>
    <message>
        <source>Nothing is plugged in</source>
        <translation>Nichts ist angesteckt</translation>
    </message>
    <message>
        <source>%1 (%2, %3)</source>
        <translation>%1 (%2, %3)</translation>
    </message>
    <message>
        <source>NOT contained</source>
        <translation>NICHT abgeschottet</translation>
    </message>
    <message>
        <source>NOT contained: another program mounted it on %1 as %2.</source>
        <translation>NICHT abgeschottet: Ein anderes Programm hat ihn als %2 auf %1 eingehängt.</translation>
    </message>
    <message>
        <source>mounted by another program</source>
        <translation>von einem anderen Programm eingehängt</translation>
    </message>
    <message>
        <source>Another program mounted it on %1 as %2.</source>
        <translation>Ein anderes Programm hat ihn als %2 auf %1 eingehängt.</translation>
    </message>
</context>
<context>
    <name>airlock::ui::DeadPanel</name>
    <message>
        <source>C&amp;opy</source>
        <translation>&amp;Kopieren</translation>
    </message>
    <message>
        <source>Details of the dead driver</source>
        <translation>Einzelheiten zum ausgefallenen Treiber</translation>
    </message>
    <message>
        <source>Deta&amp;ils</source>
        <translation>&amp;Einzelheiten</translation>
    </message>
    <message>
        <source>Copy the details</source>
        <translation>Einzelheiten kopieren</translation>
    </message>
    <message>
        <source>%1.</source>
        <translation>%1.</translation>
    </message>
</context>
<context>
    <name>airlock::ui::FactsPage</name>
    <message>
        <source>Mounted on:</source>
        <translation>Eingehängt auf:</translation>
    </message>
    <message>
        <source>Filesystem:</source>
        <translation>Dateisystem:</translation>
    </message>
    <message>
        <source>Condition:</source>
        <translation>Zustand:</translation>
    </message>
    <message>
        <source>Driver:</source>
        <translation>Treiber:</translation>
    </message>
    <message>
        <source>Mounted since:</source>
        <translation>Eingehängt seit:</translation>
    </message>
    <message>
        <source>Size:</source>
        <translation>Größe:</translation>
    </message>
    <message>
        <source>Device:</source>
        <translation>Gerät:</translation>
    </message>
    <message>
        <source>Drive:</source>
        <translation>Laufwerk:</translation>
    </message>
    <message>
        <source>UUID:</source>
        <translation>UUID:</translation>
    </message>
    <message>
        <source>State:</source>
        <translation>Status:</translation>
    </message>
    <message>
        <source>Decided by:</source>
        <translation>Entschieden durch:</translation>
    </message>
    <message>
        <source>Last check:</source>
        <translation>Letzte Prüfung:</translation>
    </message>
</context>
<context>
    <name>airlock::ui::MainWindow</name>
    <message>
        <source>Airlock</source>
        <translation>Airlock</translation>
    </message>
    <message>
        <source>Media</source>
        <translation>Datenträger</translation>
    </message>
    <message>
        <source>&amp;Airlock</source>
        <translation>&amp;Airlock</translation>
    </message>
    <message>
        <source>&amp;Settings…</source>
        <translation>&amp;Einstellungen…</translation>
    </message>
    <message>
        <source>&amp;Close window</source>
        <translation>Fenster &amp;schließen</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Beenden</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>A&amp;nsicht</translation>
    </message>
    <message>
        <source>Also show media that Airlock leaves &amp;alone</source>
        <translation>&amp;Auch Datenträger zeigen, die Airlock in Ruhe lässt</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>&amp;Hilfe</translation>
    </message>
    <message>
        <source>&amp;About Airlock</source>
        <translation>Ü&amp;ber Airlock</translation>
    </message>
    <message>
        <source>About Airlock</source>
        <translation>Über Airlock</translation>
    </message>
    <message>
        <source>Airlock %1</source>
        <translation>Airlock %1</translation>
    </message>
    <message>
        <source>Mounts removable media without letting anything privileged read a byte of them.</source>
        <translation>Hängt Wechseldatenträger ein, ohne dass etwas mit Rechten auch nur ein Byte davon liest.</translation>
    </message>
    <message>
        <source>Nothing is plugged in.

Plug in a stick, a card or a disk, and it appears here.</source>
        <translation>Nichts ist angesteckt.

Ein Stick, eine Karte oder eine Platte erscheint hier, sobald sie angesteckt ist.</translation>
    </message>
    <message>
        <source>There is no connection to the system bus. Trying again…</source>
        <translation>Keine Verbindung zum Systembus. Neuer Versuch läuft…</translation>
    </message>
    <message>
        <source>Airlock's service is not running. It starts automatically when a medium is plugged in.</source>
        <translation>Der Dienst von Airlock läuft nicht. Er startet automatisch, wenn ein Datenträger angesteckt wird.</translation>
    </message>
    <message>
        <source>The settings have a mistake: %1</source>
        <translation>In den Einstellungen ist ein Fehler: %1</translation>
    </message>
</context>
<context>
    <name>airlock::ui::Notifier</name>
    <message numerus="yes">
        <source>%n medium(s) wait(s) for you</source>
        <translation><numerusform>%n Datenträger wartet auf Sie</numerusform><numerusform>%n Datenträger warten auf Sie</numerusform></translation>
    </message>
    <message>
        <source>New media are mounted when the screen is unlocked.</source>
        <translation>Neue Datenträger werden eingehängt, wenn der Bildschirm entsperrt ist.</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Zeigen</translation>
    </message>
</context>
<context>
    <name>airlock::ui::Performer</name>
    <message>
        <source>No file manager could be started.</source>
        <translation>Es konnte keine Dateiverwaltung gestartet werden.</translation>
    </message>
    <message>
        <source>Airlock's service stopped meanwhile.</source>
        <translation>Der Dienst von Airlock wurde inzwischen beendet.</translation>
    </message>
    <message>
        <source>It is in use by %1. Close that first.</source>
        <translation>Er wird benutzt von %1. Bitte zuerst schließen.</translation>
    </message>
    <message>
        <source>, </source>
        <translation>, </translation>
    </message>
</context>
<context>
    <name>airlock::ui::ProgressStrip</name>
    <message>
        <source>Ca&amp;ncel</source>
        <translation>Abb&amp;rechen</translation>
    </message>
    <message>
        <source>Mount &amp;read-only now</source>
        <translation>Jetzt nur &amp;lesend einhängen</translation>
    </message>
    <message>
        <source>Skips the check</source>
        <translation>Überspringt die Prüfung</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Fortschritt</translation>
    </message>
</context>
<context>
    <name>airlock::ui::ReportPage</name>
    <message>
        <source>Loo&amp;k again</source>
        <translation>Neu na&amp;chsehen</translation>
    </message>
</context>
<context>
    <name>airlock::ui::SettingsDialog</name>
    <message>
        <source>Airlock settings</source>
        <translation>Einstellungen von Airlock</translation>
    </message>
    <message>
        <source>Mount them automatically</source>
        <translation>Automatisch einhängen</translation>
    </message>
    <message>
        <source>Ask me</source>
        <translation>Mich fragen</translation>
    </message>
    <message>
        <source>Do nothing</source>
        <translation>Nichts tun</translation>
    </message>
    <message>
        <source>&amp;When a medium is plugged in:</source>
        <translation>&amp;Wenn ein Datenträger angesteckt wird:</translation>
    </message>
    <message>
        <source>When a medium is plugged in</source>
        <translation>Wenn ein Datenträger angesteckt wird</translation>
    </message>
    <message>
        <source>&amp;Open newly mounted media</source>
        <translation>Neu Eingehängtes ö&amp;ffnen</translation>
    </message>
    <message>
        <source>Show &amp;notifications</source>
        <translation>&amp;Benachrichtigungen zeigen</translation>
    </message>
    <message>
        <source>&amp;Start with the session</source>
        <translation>Mit der Sitzung &amp;starten</translation>
    </message>
    <message>
        <source>Airlock's service is not running, so this cannot be changed now.</source>
        <translation>Der Dienst von Airlock läuft nicht; das lässt sich jetzt nicht ändern.</translation>
    </message>
    <message>
        <source>For everybody on this machine, until its next start. Then airlock.toml decides again.</source>
        <translation>Für alle an diesem Rechner, bis zu seinem nächsten Start. Danach gilt wieder airlock.toml.</translation>
    </message>
    <message>
        <source>That could not be changed: %1</source>
        <translation>Das ließ sich nicht ändern: %1</translation>
    </message>
    <message>
        <source>The autostart file could not be written.</source>
        <translation>Die Autostart-Datei konnte nicht geschrieben werden.</translation>
    </message>
</context>
<context>
    <name>airlock::ui::VolumeMenu</name>
    <message>
        <source>Airlock</source>
        <translation>Airlock</translation>
    </message>
    <message>
        <source>Nothing is plugged in</source>
        <translation>Nichts ist angesteckt</translation>
    </message>
    <message numerus="yes">
        <source>%n more…</source>
        <translation><numerusform>noch %n…</numerusform><numerusform>noch %n…</numerusform></translation>
    </message>
    <message>
        <source>De&amp;tails</source>
        <translation>&amp;Einzelheiten</translation>
    </message>
    <message>
        <source>Show &amp;window</source>
        <translation>&amp;Fenster zeigen</translation>
    </message>
    <message>
        <source>&amp;Settings…</source>
        <translation>&amp;Einstellungen…</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Beenden</translation>
    </message>
</context>
<context>
    <name>airlock::ui::VolumePanel</name>
    <message>
        <source>What the driver said</source>
        <translation>Was der Treiber gesagt hat</translation>
    </message>
    <message>
        <source>The driver has said nothing.</source>
        <translation>Der Treiber hat nichts gesagt.</translation>
    </message>
    <message>
        <source>What the driver can and cannot do</source>
        <translation>Was der Treiber kann und nicht kann</translation>
    </message>
    <message>
        <source>Nothing is known about it.</source>
        <translation>Darüber ist nichts bekannt.</translation>
    </message>
    <message>
        <source>Details of the medium</source>
        <translation>Einzelheiten zum Datenträger</translation>
    </message>
    <message>
        <source>A&amp;bout</source>
        <translation>Ü&amp;bersicht</translation>
    </message>
    <message>
        <source>Con&amp;tainment</source>
        <translation>Ein&amp;grenzung</translation>
    </message>
    <message>
        <source>&amp;Log</source>
        <translation>Pro&amp;tokoll</translation>
    </message>
    <message>
        <source>More about the medium</source>
        <translation>Mehr über den Datenträger</translation>
    </message>
</context>
<context>
    <name>main</name>
    <message>
        <source>Shows removable media and what Airlock does with them.</source>
        <translation>Zeigt Wechseldatenträger und was Airlock mit ihnen tut.</translation>
    </message>
    <message>
        <source>Start without a window.</source>
        <translation>Ohne Fenster starten.</translation>
    </message>
</context>
</TS>
