<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<!-- SPDX-License-Identifier: GPL-2.0-or-later -->
<TS version="2.1" language="fr_FR" sourcelanguage="en">
<context>
    <name>FactsText</name>
    <message>
        <source>clean</source>
        <translation>propre</translation>
    </message>
    <message>
        <source>was not unmounted the last time</source>
        <translation>n'a pas été démonté la dernière fois</translation>
    </message>
    <message>
        <source>belongs to a hibernated system</source>
        <translation>appartient à un système en veille prolongée</translation>
    </message>
    <message>
        <source>has errors</source>
        <translation>contient des erreurs</translation>
    </message>
    <message>
        <source>, write-protected</source>
        <translation>, protégé en écriture</translation>
    </message>
</context>
<context>
    <name>NewsText</name>
    <message>
        <source>It can be used, read-only.</source>
        <translation>Il est utilisable en lecture seule.</translation>
    </message>
    <message>
        <source>It can be used.</source>
        <translation>Il est utilisable.</translation>
    </message>
    <message>
        <source>%1 is mounted</source>
        <translation>%1 est monté</translation>
    </message>
    <message>
        <source>%1 is plugged in</source>
        <translation>%1 est branché</translation>
    </message>
    <message>
        <source>%1 can no longer be used</source>
        <translation>%1 n'est plus utilisable</translation>
    </message>
    <message>
        <source>The latest changes may be lost. Next time, eject it first.</source>
        <translation>Les dernières modifications sont peut-être perdues. La prochaine fois, éjectez-le d'abord.</translation>
    </message>
    <message>
        <source>%1 was pulled out too early</source>
        <translation>%1 a été retiré trop tôt</translation>
    </message>
    <message>
        <source>%1 is not mounted</source>
        <translation>%1 n'est pas monté</translation>
    </message>
    <message>
        <source>%1 can be unplugged</source>
        <translation>%1 peut être débranché</translation>
    </message>
    <message>
        <source>Everything is written. It is safe to remove it now.</source>
        <translation>Tout est écrit. Vous pouvez le retirer sans risque.</translation>
    </message>
    <message>
        <source>Do not unplug %1 yet</source>
        <translation>Ne débranchez pas encore %1</translation>
    </message>
    <message>
        <source>%1 keeps working</source>
        <translation>%1 continue de fonctionner</translation>
    </message>
    <message>
        <source>Its driver failed and was replaced; nothing was lost.</source>
        <translation>Son pilote a échoué et a été remplacé ; rien n’a été perdu.</translation>
    </message>
    <message>
        <source>%1 is NOT contained</source>
        <translation>%1 n’est PAS confiné</translation>
    </message>
    <message>
        <source>A damaged or hostile medium can harm the whole system there.</source>
        <translation>Un support endommagé ou hostile peut y nuire à tout le système.</translation>
    </message>
</context>
<context>
    <name>Verbs</name>
    <message>
        <source>&amp;Open</source>
        <translation>&amp;Ouvrir</translation>
    </message>
    <message>
        <source>&amp;Mount</source>
        <translation>&amp;Monter</translation>
    </message>
    <message>
        <source>Mount &amp;read-only</source>
        <translation>Monter en &amp;lecture seule</translation>
    </message>
    <message>
        <source>Mount again &amp;read-only</source>
        <translation>Remonter en &amp;lecture seule</translation>
    </message>
    <message>
        <source>&amp;Mount again</source>
        <translation>Re&amp;monter</translation>
    </message>
    <message>
        <source>&amp;Detach</source>
        <translation>Détac&amp;her</translation>
    </message>
    <message>
        <source>&amp;Unmount</source>
        <translation>Démon&amp;ter</translation>
    </message>
    <message>
        <source>&amp;Eject</source>
        <translation>&amp;Éjecter</translation>
    </message>
    <message>
        <source>&amp;Safely remove</source>
        <translation>Retirer en &amp;sécurité</translation>
    </message>
    <message>
        <source>&amp;Check</source>
        <translation>&amp;Vérifier</translation>
    </message>
    <message>
        <source>Re&amp;pair</source>
        <translation>Ré&amp;parer</translation>
    </message>
    <message>
        <source>Could not open %1</source>
        <translation>Impossible d'ouvrir %1</translation>
    </message>
    <message>
        <source>Could not mount %1</source>
        <translation>Impossible de monter %1</translation>
    </message>
    <message>
        <source>Could not mount %1 again</source>
        <translation>Impossible de remonter %1</translation>
    </message>
    <message>
        <source>Could not detach %1</source>
        <translation>Impossible de détacher %1</translation>
    </message>
    <message>
        <source>Could not unmount %1</source>
        <translation>Impossible de démonter %1</translation>
    </message>
    <message>
        <source>Could not eject %1</source>
        <translation>Impossible d'éjecter %1</translation>
    </message>
    <message>
        <source>Could not switch %1 off</source>
        <translation>Impossible d'éteindre %1</translation>
    </message>
    <message>
        <source>Could not check %1</source>
        <translation>Impossible de vérifier %1</translation>
    </message>
    <message>
        <source>Could not repair %1</source>
        <translation>Impossible de réparer %1</translation>
    </message>
</context>
<context>
    <name>Wording</name>
    <message>
        <source>you</source>
        <translation>vous</translation>
    </message>
    <message>
        <source>user %1</source>
        <translation>l'utilisateur %1</translation>
    </message>
    <message>
        <source>memory card</source>
        <translation>carte mémoire</translation>
    </message>
    <message>
        <source>signal %1</source>
        <translation>signal %1</translation>
    </message>
    <message>
        <source>Examining the medium…</source>
        <translation>Examen du support…</translation>
    </message>
    <message>
        <source>Waits until somebody is logged in and the screen is unlocked.</source>
        <translation>Attend que quelqu'un soit connecté et que l'écran soit déverrouillé.</translation>
    </message>
    <message>
        <source>Not mounted.</source>
        <translation>Non monté.</translation>
    </message>
    <message>
        <source>Being mounted…</source>
        <translation>Montage en cours…</translation>
    </message>
    <message>
        <source>Mounted.</source>
        <translation>Monté.</translation>
    </message>
    <message>
        <source>Being unmounted: do not unplug it yet.</source>
        <translation>Démontage en cours : ne le débranchez pas encore.</translation>
    </message>
    <message>
        <source>Airlock leaves it alone.</source>
        <translation>Airlock n'y touche pas.</translation>
    </message>
    <message>
        <source>Refused.</source>
        <translation>Refusé.</translation>
    </message>
    <message>
        <source>It was pulled out while it was mounted.</source>
        <translation>Il a été retiré alors qu'il était monté.</translation>
    </message>
    <message>
        <source>In a state this program does not know.</source>
        <translation>Dans un état que ce programme ne connaît pas.</translation>
    </message>
    <message>
        <source>drive</source>
        <translation>disque</translation>
    </message>
    <message>
        <source>partition</source>
        <translation>partition</translation>
    </message>
    <message>
        <source>optical disc</source>
        <translation>disque optique</translation>
    </message>
    <message>
        <source>loop device</source>
        <translation>périphérique boucle</translation>
    </message>
    <message>
        <source>image file</source>
        <translation>fichier image</translation>
    </message>
    <message>
        <source>being examined</source>
        <translation>en cours d'examen</translation>
    </message>
    <message>
        <source>waiting</source>
        <translation>en attente</translation>
    </message>
    <message>
        <source>not mounted</source>
        <translation>non monté</translation>
    </message>
    <message>
        <source>being mounted</source>
        <translation>montage en cours</translation>
    </message>
    <message>
        <source>mounted, read-only</source>
        <translation>monté, lecture seule</translation>
    </message>
    <message>
        <source>mounted</source>
        <translation>monté</translation>
    </message>
    <message>
        <source>being unmounted</source>
        <translation>démontage en cours</translation>
    </message>
    <message>
        <source>driver died</source>
        <translation>pilote arrêté</translation>
    </message>
    <message>
        <source>left alone</source>
        <translation>laissé tel quel</translation>
    </message>
    <message>
        <source>refused</source>
        <translation>refusé</translation>
    </message>
    <message>
        <source>pulled out</source>
        <translation>retiré</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>inconnu</translation>
    </message>
    <message>
        <source>Mounted, read-only.</source>
        <translation>Monté, lecture seule.</translation>
    </message>
    <message>
        <source>filesystem</source>
        <translation>système de fichiers</translation>
    </message>
    <message>
        <source>The %1 driver crashed while it served this medium (%2).</source>
        <translation>Le pilote %1 a planté pendant qu'il servait ce support (%2).</translation>
    </message>
    <message>
        <source>The %1 driver was killed (%2).</source>
        <translation>Le pilote %1 a été tué (%2).</translation>
    </message>
    <message>
        <source>The %1 driver gave up (exit code %2).</source>
        <translation>Le pilote %1 a abandonné (code de sortie %2).</translation>
    </message>
    <message>
        <source>The %1 driver tried something it is not allowed to do (%2) and was stopped.</source>
        <translation>Le pilote %1 a tenté une action interdite (%2) et a été arrêté.</translation>
    </message>
    <message>
        <source>The %1 driver exceeded its memory limit and was stopped.</source>
        <translation>Le pilote %1 a dépassé sa limite de mémoire et a été arrêté.</translation>
    </message>
    <message>
        <source>The %1 driver stopped answering and was ended.</source>
        <translation>Le pilote %1 ne répondait plus et a été arrêté.</translation>
    </message>
    <message>
        <source>The %1 driver flooded the system with requests and was stopped.</source>
        <translation>Le pilote %1 a submergé le système de requêtes et a été arrêté.</translation>
    </message>
    <message>
        <source>The %1 driver %2.</source>
        <translation>Le pilote %1 : %2.</translation>
    </message>
    <message>
        <source>The %1 driver ended for an unknown reason.</source>
        <translation>Le pilote %1 s'est terminé pour une raison inconnue.</translation>
    </message>
    <message>
        <source>It was mounted read-only: nothing is lost.</source>
        <translation>Il était monté en lecture seule : rien n'est perdu.</translation>
    </message>
    <message>
        <source>Data written in the last seconds may be missing. Everything older is safe on the medium.</source>
        <translation>Les données des dernières secondes peuvent manquer. Tout ce qui est plus ancien est en sûreté sur le support.</translation>
    </message>
    <message>
        <source>Medium: %1 (%2, %3)</source>
        <translation>Support : %1 (%2, %3)</translation>
    </message>
    <message>
        <source>Driver: %1</source>
        <translation>Pilote : %1</translation>
    </message>
    <message>
        <source>When: %1</source>
        <translation>Quand : %1</translation>
    </message>
    <message>
        <source>How it ended: %1</source>
        <translation>Fin : %1</translation>
    </message>
    <message>
        <source>Core dump: %1</source>
        <translation>Image mémoire : %1</translation>
    </message>
    <message>
        <source>What it said last:</source>
        <translation>Ses derniers messages :</translation>
    </message>
    <message>
        <source>%1 still to be written: do not unplug it yet.</source>
        <translation>Encore %1 à écrire : ne le débranchez pas encore.</translation>
    </message>
    <message>
        <source>Writing what is left: do not unplug it yet.</source>
        <translation>Écriture du reste : ne le débranchez pas encore.</translation>
    </message>
    <message>
        <source>Being checked: do not unplug it yet.</source>
        <translation>Vérification en cours : ne le débranchez pas encore.</translation>
    </message>
    <message>
        <source>Being repaired: do not unplug it yet.</source>
        <translation>Réparation en cours : ne le débranchez pas encore.</translation>
    </message>
    <message>
        <source>Being checked before it is mounted: do not unplug it yet.</source>
        <translation>En cours de vérification avant le montage : ne le débranchez pas encore.</translation>
    </message>
    <message>
        <source>Working…</source>
        <translation>En cours…</translation>
    </message>
    <message>
        <source>%1 of %2 free</source>
        <translation>%1 libres sur %2</translation>
    </message>
    <message>
        <source>ambiguous: several formats detected</source>
        <translation>ambigu : plusieurs formats détectés</translation>
    </message>
    <message>
        <source>no known filesystem</source>
        <translation>aucun système de fichiers connu</translation>
    </message>
    <message>
        <source>contained by Airlock's own sandbox</source>
        <translation>confiné par Airlock lui-même</translation>
    </message>
    <message>
        <source>contained by the service manager</source>
        <translation>confiné par le gestionnaire de services</translation>
    </message>
    <message>
        <source>%1, %2, process %3</source>
        <translation>%1, %2, processus %3</translation>
    </message>
    <message>
        <source>%1, for %2</source>
        <translation>%1, pour %2</translation>
    </message>
    <message>
        <source>Read-only.</source>
        <translation>Lecture seule.</translation>
    </message>
    <message>
        <source>not known</source>
        <translation>inconnu</translation>
    </message>
    <message numerus="yes">
        <source>The driver of %n medium(s) died</source>
        <translation><numerusform>Le pilote de %n support s'est arrêté</numerusform><numerusform>Les pilotes de %n supports se sont arrêtés</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) wait(s) for you</source>
        <translation><numerusform>%n support vous attend</numerusform><numerusform>%n supports vous attendent</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>Working on %n medium(s): do not unplug yet</source>
        <translation><numerusform>%n support occupé : ne le débranchez pas encore</numerusform><numerusform>%n supports occupés : ne les débranchez pas encore</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) mounted</source>
        <translation><numerusform>%n support monté</numerusform><numerusform>%n supports montés</numerusform></translation>
    </message>
    <message numerus="yes">
        <source>%n medium(s) plugged in</source>
        <translation><numerusform>%n support branché</numerusform><numerusform>%n supports branchés</numerusform></translation>
    </message>
    <message>
        <source>Nothing is plugged in</source>
        <translation>Rien n'est branché</translation>
    </message>
    <message>
        <source>%1 (%2, %3)</source>
        <translation>%1 (%2, %3)</translation>
    </message>
    <message>
        <source>NOT contained</source>
        <translation>NON confiné</translation>
    </message>
    <message>
        <source>NOT contained: another program mounted it on %1 as %2.</source>
        <translation>NON confiné : un autre programme l’a monté sur %1 en tant que %2.</translation>
    </message>
    <message>
        <source>mounted by another program</source>
        <translation>monté par un autre programme</translation>
    </message>
    <message>
        <source>Another program mounted it on %1 as %2.</source>
        <translation>Un autre programme l’a monté sur %1 en tant que %2.</translation>
    </message>
</context>
<context>
    <name>airlock::ui::DeadPanel</name>
    <message>
        <source>C&amp;opy</source>
        <translation>C&amp;opier</translation>
    </message>
    <message>
        <source>Details of the dead driver</source>
        <translation>Détails du pilote arrêté</translation>
    </message>
    <message>
        <source>Deta&amp;ils</source>
        <translation>Dé&amp;tails</translation>
    </message>
    <message>
        <source>Copy the details</source>
        <translation>Copier les détails</translation>
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
        <translation>Monté sur :</translation>
    </message>
    <message>
        <source>Filesystem:</source>
        <translation>Système de fichiers :</translation>
    </message>
    <message>
        <source>Condition:</source>
        <translation>État du contenu :</translation>
    </message>
    <message>
        <source>Driver:</source>
        <translation>Pilote :</translation>
    </message>
    <message>
        <source>Mounted since:</source>
        <translation>Monté depuis :</translation>
    </message>
    <message>
        <source>Size:</source>
        <translation>Taille :</translation>
    </message>
    <message>
        <source>Device:</source>
        <translation>Périphérique :</translation>
    </message>
    <message>
        <source>Drive:</source>
        <translation>Disque :</translation>
    </message>
    <message>
        <source>UUID:</source>
        <translation>UUID :</translation>
    </message>
    <message>
        <source>State:</source>
        <translation>État :</translation>
    </message>
    <message>
        <source>Decided by:</source>
        <translation>Décidé par :</translation>
    </message>
    <message>
        <source>Last check:</source>
        <translation>Dernière vérification :</translation>
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
        <translation>Supports</translation>
    </message>
    <message>
        <source>&amp;Airlock</source>
        <translation>&amp;Airlock</translation>
    </message>
    <message>
        <source>&amp;Settings…</source>
        <translation>&amp;Paramètres…</translation>
    </message>
    <message>
        <source>&amp;Close window</source>
        <translation>&amp;Fermer la fenêtre</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Quitter</translation>
    </message>
    <message>
        <source>&amp;View</source>
        <translation>Afficha&amp;ge</translation>
    </message>
    <message>
        <source>Also show media that Airlock leaves &amp;alone</source>
        <translation>Montrer &amp;aussi les supports auxquels Airlock ne touche pas</translation>
    </message>
    <message>
        <source>&amp;Help</source>
        <translation>Ai&amp;de</translation>
    </message>
    <message>
        <source>&amp;About Airlock</source>
        <translation>À &amp;propos d'Airlock</translation>
    </message>
    <message>
        <source>About Airlock</source>
        <translation>À propos d'Airlock</translation>
    </message>
    <message>
        <source>Airlock %1</source>
        <translation>Airlock %1</translation>
    </message>
    <message>
        <source>Mounts removable media without letting anything privileged read a byte of them.</source>
        <translation>Monte les supports amovibles sans que rien de privilégié n'en lise un seul octet.</translation>
    </message>
    <message>
        <source>Nothing is plugged in.

Plug in a stick, a card or a disk, and it appears here.</source>
        <translation>Rien n'est branché.

Branchez une clé, une carte ou un disque, et il apparaîtra ici.</translation>
    </message>
    <message>
        <source>There is no connection to the system bus. Trying again…</source>
        <translation>Pas de connexion au bus système. Nouvel essai…</translation>
    </message>
    <message>
        <source>Airlock's service is not running. It starts automatically when a medium is plugged in.</source>
        <translation>Le service d'Airlock ne tourne pas. Il démarre automatiquement quand un support est branché.</translation>
    </message>
    <message>
        <source>The settings have a mistake: %1</source>
        <translation>Les paramètres contiennent une erreur : %1</translation>
    </message>
</context>
<context>
    <name>airlock::ui::Notifier</name>
    <message numerus="yes">
        <source>%n medium(s) wait(s) for you</source>
        <translation><numerusform>%n support vous attend</numerusform><numerusform>%n supports vous attendent</numerusform></translation>
    </message>
    <message>
        <source>New media are mounted when the screen is unlocked.</source>
        <translation>Les nouveaux supports seront montés quand l'écran sera déverrouillé.</translation>
    </message>
    <message>
        <source>Show</source>
        <translation>Montrer</translation>
    </message>
</context>
<context>
    <name>airlock::ui::Performer</name>
    <message>
        <source>No file manager could be started.</source>
        <translation>Aucun gestionnaire de fichiers n'a pu être lancé.</translation>
    </message>
    <message>
        <source>Airlock's service stopped meanwhile.</source>
        <translation>Le service d'Airlock s'est arrêté entre-temps.</translation>
    </message>
    <message>
        <source>It is in use by %1. Close that first.</source>
        <translation>Il est utilisé par %1. Fermez-le d'abord.</translation>
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
        <translation>Ann&amp;uler</translation>
    </message>
    <message>
        <source>Mount &amp;read-only now</source>
        <translation>Monter en &amp;lecture seule maintenant</translation>
    </message>
    <message>
        <source>Skips the check</source>
        <translation>Saute la vérification</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Avancement</translation>
    </message>
</context>
<context>
    <name>airlock::ui::ReportPage</name>
    <message>
        <source>Loo&amp;k again</source>
        <translation>&amp;Regarder à nouveau</translation>
    </message>
</context>
<context>
    <name>airlock::ui::SettingsDialog</name>
    <message>
        <source>Airlock settings</source>
        <translation>Paramètres d'Airlock</translation>
    </message>
    <message>
        <source>Mount them automatically</source>
        <translation>Les monter automatiquement</translation>
    </message>
    <message>
        <source>Ask me</source>
        <translation>Me demander</translation>
    </message>
    <message>
        <source>Do nothing</source>
        <translation>Ne rien faire</translation>
    </message>
    <message>
        <source>&amp;When a medium is plugged in:</source>
        <translation>&amp;Quand un support est branché :</translation>
    </message>
    <message>
        <source>When a medium is plugged in</source>
        <translation>Quand un support est branché</translation>
    </message>
    <message>
        <source>&amp;Open newly mounted media</source>
        <translation>&amp;Ouvrir les supports nouvellement montés</translation>
    </message>
    <message>
        <source>Show &amp;notifications</source>
        <translation>Afficher les &amp;notifications</translation>
    </message>
    <message>
        <source>&amp;Start with the session</source>
        <translation>&amp;Démarrer avec la session</translation>
    </message>
    <message>
        <source>Airlock's service is not running, so this cannot be changed now.</source>
        <translation>Le service d'Airlock ne tourne pas ; cela ne peut pas être changé maintenant.</translation>
    </message>
    <message>
        <source>For everybody on this machine, until its next start. Then airlock.toml decides again.</source>
        <translation>Pour tous sur cette machine, jusqu'à son prochain démarrage. Ensuite, airlock.toml fait foi.</translation>
    </message>
    <message>
        <source>That could not be changed: %1</source>
        <translation>Cela n'a pas pu être changé : %1</translation>
    </message>
    <message>
        <source>The autostart file could not be written.</source>
        <translation>Le fichier de démarrage automatique n'a pas pu être écrit.</translation>
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
        <translation>Rien n'est branché</translation>
    </message>
    <message numerus="yes">
        <source>%n more…</source>
        <translation><numerusform>encore %n…</numerusform><numerusform>encore %n…</numerusform></translation>
    </message>
    <message>
        <source>De&amp;tails</source>
        <translation>Dé&amp;tails</translation>
    </message>
    <message>
        <source>Show &amp;window</source>
        <translation>Montrer la &amp;fenêtre</translation>
    </message>
    <message>
        <source>&amp;Settings…</source>
        <translation>&amp;Paramètres…</translation>
    </message>
    <message>
        <source>&amp;Quit</source>
        <translation>&amp;Quitter</translation>
    </message>
</context>
<context>
    <name>airlock::ui::VolumePanel</name>
    <message>
        <source>What the driver said</source>
        <translation>Ce que le pilote a dit</translation>
    </message>
    <message>
        <source>The driver has said nothing.</source>
        <translation>Le pilote n'a rien dit.</translation>
    </message>
    <message>
        <source>What the driver can and cannot do</source>
        <translation>Ce que le pilote peut faire ou non</translation>
    </message>
    <message>
        <source>Nothing is known about it.</source>
        <translation>On n'en sait rien.</translation>
    </message>
    <message>
        <source>Details of the medium</source>
        <translation>Détails du support</translation>
    </message>
    <message>
        <source>A&amp;bout</source>
        <translation>Gé&amp;néral</translation>
    </message>
    <message>
        <source>Con&amp;tainment</source>
        <translation>Con&amp;finement</translation>
    </message>
    <message>
        <source>&amp;Log</source>
        <translation>&amp;Journal</translation>
    </message>
    <message>
        <source>More about the medium</source>
        <translation>Plus sur le support</translation>
    </message>
</context>
<context>
    <name>main</name>
    <message>
        <source>Shows removable media and what Airlock does with them.</source>
        <translation>Montre les supports amovibles et ce qu'en fait Airlock.</translation>
    </message>
    <message>
        <source>Start without a window.</source>
        <translation>Démarrer sans fenêtre.</translation>
    </message>
</context>
</TS>
