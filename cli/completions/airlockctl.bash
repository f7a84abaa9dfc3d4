# SPDX-License-Identifier: GPL-2.0-or-later
# bash completion for airlockctl(1). tests/unit/ctl_words_test.py holds it against the program.

_airlockctl_devices() {
  airlockctl list --all --quiet 2>/dev/null
}

_airlockctl_options() {
  case "$1" in
    list) echo '-a --all -j --json -q --quiet' ;;
    status | info | explain | monitor | drivers | log) echo '-j --json' ;;
    mount) echo '-o --options -t --type -r --read-only --no-ask -j --json -q --quiet' ;;
    unmount) echo '-l --lazy -f --force --no-ask -q --quiet' ;;
    eject) echo '-f --force --power-off --no-ask -q --quiet' ;;
    recover) echo '-r --read-only --no-ask -j --json -q --quiet' ;;
    detach | skip) echo '--no-ask -q --quiet' ;;
    check) echo '--no-ask -j --json -q --quiet' ;;
    repair) echo '-y --yes --no-ask -j --json -q --quiet' ;;
    label) echo '--no-ask -q --quiet' ;;
    format) echo '-t --type -L --label -y --yes --no-ask -q --quiet' ;;
    automount) echo '--no-ask -j --json -q --quiet' ;;
  esac
  echo '-h --help'
  [[ -n $1 ]] || echo '-V --version'
}

_airlockctl() {
  local verbs='list status info mount unmount eject recover detach skip check repair label
    format explain monitor drivers log automount'
  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} verb='' i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${COMP_WORDS[i]}" in
      -o | --options | -t | --type | -L | --label) ((i++)) ;;
      -*) ;;
      *) verb=${COMP_WORDS[i]}; break ;;
    esac
  done
  COMPREPLY=()
  case "$before" in
    -t | --type)
      if [[ $verb == format ]]; then
        mapfile -t COMPREPLY < <(compgen -W 'exfat vfat ext4' -- "$word")
      fi
      return ;;
    -L | --label) return ;;
    -o | --options)
      mapfile -t COMPREPLY < <(compgen -W 'ro rw noexec exec noatime sync allow_other' -- "$word")
      return ;;
  esac
  if [[ $word == -* ]]; then
    mapfile -t COMPREPLY < <(compgen -W "$(_airlockctl_options "$verb")" -- "$word")
    return
  fi
  case "$verb" in
    '') mapfile -t COMPREPLY < <(compgen -W "$verbs help" -- "$word") ;;
    help) mapfile -t COMPREPLY < <(compgen -W "$verbs" -- "$word") ;;
    automount) mapfile -t COMPREPLY < <(compgen -W 'on off ask' -- "$word") ;;
    mount | check | repair)
      mapfile -t COMPREPLY < <(compgen -W "$(_airlockctl_devices)" -- "$word"; compgen -f -- "$word")
      compopt -o filenames 2>/dev/null ;;
    unmount)
      mapfile -t COMPREPLY < <(compgen -W "$(_airlockctl_devices)" -- "$word"; compgen -d -- "$word")
      compopt -o filenames 2>/dev/null ;;
    info | eject | recover | detach | skip | label | format | explain | log)
      mapfile -t COMPREPLY < <(compgen -W "$(_airlockctl_devices)" -- "$word") ;;
  esac
}
complete -F _airlockctl airlockctl
