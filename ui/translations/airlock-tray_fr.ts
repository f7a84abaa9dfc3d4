<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="fr" sourcelanguage="en">
<context>
    <name>FactsText</name>
    <message>
        <source>clean</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>was not unmounted the last time</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>belongs to a system that sleeps</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>has errors</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>, write-protected</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>NewsText</name>
    <message>
        <source>It can be used, read-only.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It can be used.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is mounted</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is plugged in</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 cannot be used any more</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What was written last may be lost. Next time, eject it first.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 was pulled out too early</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 is not mounted</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 can be unplugged</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Everything is written. It is safe to remove it now.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Do not unplug %1 yet</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Verbs</name>
    <message>
        <source>&amp;Open</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Mount</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mount &amp;read-only</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mount again &amp;read-only</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Mount again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Detach</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Unmount</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Eject</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Safely remove</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Check</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Re&amp;pair</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Could not open %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Could not mount %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Could not mount %1 again</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Could not detach %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Could not unmount %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Could not eject %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Could not switch %1 off</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Could not check %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Could not repair %1</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>Wording</name>
    <message>
        <source>you</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>user %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>memory card</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>signal %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Finding out what is on it…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Waits until somebody is logged in and the screen is unlocked.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Not mounted.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Being mounted…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mounted.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Being unmounted: do not unplug it yet.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Airlock leaves it alone.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Refused.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It was pulled out while it was mounted.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>In a state this program does not know.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>drive</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>partition</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>optical disc</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>loop device</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>image file</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>being examined</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>waiting</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not mounted</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>being mounted</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>mounted, read-only</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>mounted</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>being unmounted</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>driver died</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>left alone</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>refused</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>pulled out</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>unknown</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mounted, read-only.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>filesystem</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The %1 driver crashed while it served this medium (%2).</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The %1 driver was killed (%2).</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The %1 driver gave up (exit code %2).</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The %1 driver tried something it is not allowed to do (%2) and was stopped.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The %1 driver wanted more memory than it may have and was stopped.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The %1 driver stopped answering and was ended.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The %1 driver %2.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The %1 driver ended, and nobody can say why.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It was mounted read-only: nothing is lost.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What was written in the last seconds may be missing. Everything older is safe on the medium.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Medium: %1 (%2, %3)</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Driver: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>When: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>How it ended: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Core dump: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What it said last:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 still to be written: do not unplug it yet.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Writing what is left: do not unplug it yet.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Being checked: do not unplug it yet.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Being repaired: do not unplug it yet.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Working…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1 of %2 free</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>more than one claims it</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>none that is known</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>contained by Airlock&apos;s own sandbox</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>contained by the service manager</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1, %2, process %3</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1, for %2</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Read-only.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>not known</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>The driver of %n medium(s) died</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) wait(s) for you</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>Working on %n medium(s): do not unplug yet</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) mounted</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) plugged in</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>Nothing is plugged in</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>airlock::ui::DeadPanel</name>
    <message>
        <source>C&amp;opy</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What is known about the dead driver</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Details</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Copy the details</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>%1. %2</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>airlock::ui::FactsPage</name>
    <message>
        <source>Mounted on:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Filesystem:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Condition:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Driver:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mounted since:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Size:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Device:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Drive:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>UUID:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>State:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Decided by:</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>airlock::ui::MainWindow</name>
    <message>
        <source>Airlock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Media</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Airlock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Settings…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Close window</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Also show what Airlock leaves &amp;alone</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;About Airlock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>About Airlock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Airlock %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mounts removable media without letting anything privileged read a byte of them.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing is plugged in.

Plug in a stick, a card or a disk, and it appears here.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>There is no connection to the system bus. Trying again…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Airlock&apos;s service is not running. It starts by itself when a medium is plugged in.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The settings have a mistake: %1</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>airlock::ui::Notifier</name>
    <message numerus="yes">
        <source>%n medium(s) wait(s) for you</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>New media are mounted when the screen is unlocked.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>airlock::ui::Performer</name>
    <message>
        <source>No file manager could be started.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Airlock&apos;s service went away meanwhile.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>It is in use by %1. Close that first.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>, </source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>airlock::ui::ProgressStrip</name>
    <message>
        <source>Ca&amp;ncel</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>How far it is</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>airlock::ui::ReportPage</name>
    <message>
        <source>&amp;Look again</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>airlock::ui::SettingsDialog</name>
    <message>
        <source>Airlock settings</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Mount them by themselves</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Ask me</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Do nothing</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;When a medium is plugged in:</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>When a medium is plugged in</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Open what has been mounted</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show &amp;notifications</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Start with the session</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Airlock&apos;s service is not running, so this cannot be changed now.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>For everybody on this machine, until its next start. What is in airlock.toml counts then.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>That could not be changed: %1</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The autostart file could not be written.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>airlock::ui::VolumeMenu</name>
    <message>
        <source>Airlock</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing is plugged in</source>
        <translation type="unfinished"></translation>
    </message>
    <message numerus="yes">
        <source>%n more…</source>
        <translation type="unfinished">
            <numerusform></numerusform>
            <numerusform></numerusform>
        </translation>
    </message>
    <message>
        <source>De&amp;tails</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Show &amp;window</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Settings…</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>airlock::ui::VolumePanel</name>
    <message>
        <source>What the driver said</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>The driver has said nothing.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What the driver can and cannot do</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Nothing is known about it.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>What is known about the medium</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;About</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Co&amp;ntainment</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>&amp;Log</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>More about the medium</source>
        <translation type="unfinished"></translation>
    </message>
</context>
<context>
    <name>main</name>
    <message>
        <source>Shows removable media and what Airlock does with them.</source>
        <translation type="unfinished"></translation>
    </message>
    <message>
        <source>Start without a window.</source>
        <translation type="unfinished"></translation>
    </message>
</context>
</TS>
