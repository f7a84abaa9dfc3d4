# SPDX-License-Identifier: GPL-2.0-or-later
# fish completion for airlockctl(1). tests/unit/ctl_words_test.py holds it against the program.

function __airlockctl_devices
    airlockctl list --all --quiet 2>/dev/null
end

set -l verbs list status info mount unmount eject recover detach skip check repair label format explain monitor drivers log automount

complete -c airlockctl -f
set -l no_verb "not __fish_seen_subcommand_from $verbs"
complete -c airlockctl -n $no_verb -a list -d 'media, their state and where they are mounted'
complete -c airlockctl -n $no_verb -a status -d 'the daemon: settings in force, waiting media'
complete -c airlockctl -n $no_verb -a info -d 'everything known about one medium'
complete -c airlockctl -n $no_verb -a mount -d 'mount a medium or an image file'
complete -c airlockctl -n $no_verb -a unmount -d 'write everything, unmount, say when it is safe'
complete -c airlockctl -n $no_verb -a eject -d 'unmount all of the drive and eject it'
complete -c airlockctl -n $no_verb -a recover -d 'mount again after its driver died'
complete -c airlockctl -n $no_verb -a detach -d 'detach a dead mount'
complete -c airlockctl -n $no_verb -a skip -d 'skip the check: mount it read-only now'
complete -c airlockctl -n $no_verb -a check -d 'check a medium; change nothing'
complete -c airlockctl -n $no_verb -a repair -d 'check, show the errors, fix them'
complete -c airlockctl -n $no_verb -a label -d 'give a medium another label'
complete -c airlockctl -n $no_verb -a format -d 'make a new filesystem; all on it is lost'
complete -c airlockctl -n $no_verb -a explain -d 'why Airlock treats a medium as it does'
complete -c airlockctl -n $no_verb -a monitor -d 'print events until interrupted'
complete -c airlockctl -n $no_verb -a drivers -d 'the filesystems that can be served'
complete -c airlockctl -n $no_verb -a log -d 'the last lines its driver wrote'
complete -c airlockctl -n $no_verb -a automount -d 'show or set whether media are mounted automatically'

set -l of __fish_seen_subcommand_from
complete -c airlockctl -n "$of info mount unmount eject recover detach skip check repair label format explain log" -a '(__airlockctl_devices)'
complete -c airlockctl -n "$of mount unmount check repair" -F
complete -c airlockctl -n "$of automount" -a 'on off ask'

complete -c airlockctl -s h -l help -d 'show help'
complete -c airlockctl -n $no_verb -s V -l version -d 'show the version'
complete -c airlockctl -n "$of list" -s a -l all -d 'also media that Airlock leaves alone'
complete -c airlockctl -n "$of list status info mount recover check repair explain monitor drivers log automount" -s j -l json -d 'for programs'
complete -c airlockctl -n "$of list mount unmount eject recover detach skip check repair label format automount" -s q -l quiet -d 'only the answer, or only the exit code'
complete -c airlockctl -n "$of mount" -s o -l options -x -a 'ro rw noexec exec noatime sync allow_other' -d 'mount options'
complete -c airlockctl -n "$of mount" -s t -l type -x -d 'type of filesystem'
complete -c airlockctl -n "$of format" -s t -l type -x -a 'exfat vfat ext4' -d 'type of filesystem'
complete -c airlockctl -n "$of format" -s L -l label -x -d 'the label of the new filesystem'
complete -c airlockctl -n "$of mount recover" -s r -l read-only -d 'read-only'
complete -c airlockctl -n "$of unmount" -s l -l lazy -d 'when no longer in use'
complete -c airlockctl -n "$of unmount eject" -s f -l force -d 'end it even if in use'
complete -c airlockctl -n "$of repair format" -s y -l yes -d 'do not ask for confirmation'
complete -c airlockctl -n "$of eject" -l power-off -d 'switch the drive off as well'
complete -c airlockctl -n "$of mount unmount eject recover detach skip check repair label format automount" -l no-ask -d 'fail instead of asking for a password'
