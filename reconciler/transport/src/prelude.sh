# What a persistent shell knows before its first script. Set before: EK_N (nonce), EK_R (root or empty).
LC_ALL=C LANG=C PATH="${PATH:-/usr/bin}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
export LC_ALL LANG PATH
unset ENV BASH_ENV CDPATH TAR_OPTIONS POSIXLY_CORRECT SSH_CONNECTION SSH_CLIENT
umask 077
EK_U=$(id -u) EK_G=$(id -g) EK_O=
if [ -n "$EK_R" ]; then EK_S=$EK_R/.evenkeel; EK_RR=$(realpath -m -- "$EK_R"); EVENKEEL_ROOT=$EK_R; export EVENKEEL_ROOT
elif [ "$EK_U" = 0 ]; then EK_S=/var/lib/evenkeel
else EK_S=${HOME:-/nonexistent}/.local/state/evenkeel; fi
# With names, and without: looking names up costs stat(1) as much as all the rest.
EK_F='%f %u %g %s %.9Y %.9Z %i %d %U %G %n' EK_FN='%f %u %g %s %.9Y %.9Z %i %d - - %n'

# A marker on both streams: what follows belongs to it, up to the next.
m() { printf '\n@%s %s\n' "$EK_N" "$*" && printf '\n@%s %s\n' "$EK_N" "$*" >&2; }
no() { printf '%s\n' "$*"; return 1; }
have() { command -v "$1" >/dev/null 2>&1; }
state() {
  [ -d "$EK_S/tmp" ] && [ -d "$EK_S/debts" ] && [ -d "$EK_S/processes" ] && [ -d "$EK_S/staging" ] && return 0
  mkdir -p -- "$EK_S/tmp" "$EK_S/debts" "$EK_S/processes" "$EK_S/staging" && chmod 0700 -- "$EK_S"
}
line() { l=; [ -f "$1" ] && read -r l <"$1"; [ -n "$l" ]; }
# Writes one line durably: beside, synced, renamed, and its directory synced.
keep() { printf '%s\n' "$2" >"$1.new" && sync -d "$1.new" && mv -fT -- "$1.new" "$1" && sync "${1%/*}"; }
inside() {
  [ -n "$EK_R" ] || return 0
  x=$(realpath -m -- "${1%/*}/") || return 1
  case $x/ in "$EK_RR"/*) ;; *) no "$1 leads out of the target's root through a symbolic link" ;; esac
}

# --- looking
regular() { for x; do [ -f "$x" ] && [ ! -L "$x" ] || return 1; done; }
o_links() {
  n=$#
  while [ "$n" -gt 0 ]; do
    [ -L "$1" ] && set -- "$@" "$1"
    shift; n=$((n - 1))
  done
  [ $# = 0 ] && return
  m link; for x; do printf '%s\n' "$x"; done
  m to; readlink -z -- "$@"
}
plain() { for x; do [ -L "$x" ] && return 1; done; return 0; }
o_stat() { m stat; stat -c "$EK_W" -- /proc/self/. /etc/./passwd /etc/./group "$@"; plain "$@" || o_links "$@"; }
o_names() { m names; stat -c "$EK_F" -- "$@" 2>/dev/null; }
o_sum() {
  m sum
  if regular "$@"; then sha256sum -z -- "$@"; return; fi
  n=$#
  while [ "$n" -gt 0 ]; do
    [ -f "$1" ] && [ ! -L "$1" ] && set -- "$@" "$1"
    shift; n=$((n - 1))
  done
  [ $# = 0 ] || sha256sum -z -- "$@"
}
o_real() { m real; realpath -zm -- "$@"; }
o_read() { # number limit+1 path
  m "read $1 none"
  [ -f "$3" ] && [ ! -L "$3" ] || return
  m "read $1 some"; head -c "$2" -- "$3"
}
o_list() { # number limit path
  m "list $1 none"
  [ -d "$3" ] && [ ! -L "$3" ] || return
  m "list $1 some"
  [ -r "$3" ] && [ -x "$3" ] || { echo "permission denied" >&2; return; }
  i=0
  for x in "$3"/* "$3"/.[!.]* "$3"/..?*; do
    if [ -L "$x" ]; then k=l; elif [ -f "$x" ]; then k=f; elif [ -d "$x" ]; then k=d; elif [ -e "$x" ]; then k=o; else continue; fi
    [ "$i" -lt "$2" ] || { printf '+\0'; return; }
    i=$((i + 1)); printf '%s%s\0' "$k" "${x##*/}"
  done
}
o_units() {
  m units
  have systemctl || { echo "there is no systemctl" >&2; return; }
  systemctl show --no-pager -p Id,Names,LoadState,ActiveState,SubState,UnitFileState,FragmentPath,NeedDaemonReload -- "$@"
}
manager() {
  if have dpkg-query && have apt-get; then M=apt; elif have rpm; then M=dnf; elif have apk; then M=apk; else M=none; fi
}
o_packages() { # manager or "", names
  M=$1; shift
  [ -n "$M" ] || manager
  m "packages $M"
  case $M in
    apt) dpkg-query -W -f '${db:Status-Status} ${db:Status-Want} ${Package} ${Version}\n' -- "$@" 2>&1 ;;
    dnf) have rpm || { echo "there is no rpm" >&2; return; }
      rpm -q --qf 'installed install %{NAME} %|EPOCH?{%{EPOCH}:}:{}|%{VERSION}-%{RELEASE}\n' -- "$@" 2>&1
      have dnf && dnf -q versionlock list 2>/dev/null | while read -r x; do echo "locked $x"; done ;;
    apk) have apk || { echo "there is no apk" >&2; return; }
      for x; do [ -z "$(apk info -e -- "$x" 2>/dev/null)" ] || echo "apk $x $(apk list -I -- "$x" 2>/dev/null | head -n 1)"; done ;;
    *) echo "there is no package manager that we know" >&2 ;;
  esac
}
entry() { # database name: the line of passwd(5) or group(5)
  if have getent; then getent "$1" "$2"; return; fi
  while IFS= read -r x; do case $x in "$2":*) printf '%s\n' "$x"; return 0 ;; esac; done <"/etc/$1"
  return 2
}
o_user() {
  m "user $1 passwd"; entry passwd "$2" || return
  m "user $1 group"; id -gn -- "$2"
  m "user $1 groups"; id -Gn -- "$2"
}
o_group() { m "group $1"; entry group "$2"; }
# Process: alive PID START BOOT
alive() {
  b=; [ -r /proc/sys/kernel/random/boot_id ] && read -r b </proc/sys/kernel/random/boot_id
  [ "$3" = "$b" ] && started "$1" && [ "$s" = "$2" ]
}
started() { # pid: its start time in s
  s=; x=
  { read -r x <"/proc/$1/stat"; } 2>/dev/null || return 1
  x=${x##*) }
  case $x in Z*|X*) return 1 ;; esac
  set -- $x
  shift 19; s=$1
  [ -n "$s" ]
}
o_process() { # number file
  m "process $1"
  line "$EK_S/processes/$2" || return
  set -- $l
  if alive "$1" "$2" "$3"; then echo "$1 running $4"; else echo "$1 gone $4"; fi
}
o_debts() { m debts; for x in "$EK_S"/debts/*.due; do line "$x" && printf '%s\n' "$l"; done; }
o_facts() {
  m facts; uname -s; uname -m; uname -n; nproc
  x=; while read -r k x _; do [ "$k" = MemTotal: ] && break; done </proc/meminfo; echo "${x:-0}"
  x=/etc/os-release; [ -r "$x" ] || x=/usr/lib/os-release
  [ -r "$x" ] && head -c 8192 "$x"
}
# The process itself writes its record, then becomes the program: there is no instant in which it runs unknown.
# Field 22 of proc_pid_stat(5) is its start time; the first two are cut off, as a name may hold blanks.
EK_L='exec 3>&1 >>"$3" 2>&1
x=; read -r x </proc/$$/stat; x=${x##*) }; b=; read -r b </proc/sys/kernel/random/boot_id
r=$1 n=$2; shift 3; set -- $x -- "$@"; s=${20}; while [ "$1" != -- ]; do shift; done; shift
printf "%s\n" "$$ $s $b $n" >"$r.new" && mv -fT -- "$r.new" "$r" && exec "$@" 3>&-'
# A command: go SECONDS|launch USER CWD [NAME=VALUE...] PROGRAM... ; only programs, never a builtin or function of
# this shell. `launch` starts a process of ours: f (record), q (generation), w (log), k (program to find) are set.
go() (
  umask 022; LC_ALL=C.UTF-8 LANG=C.UTF-8
  s=$1 u=$2; cd -- "$3" || exit 126
  shift 3
  set -- env -- "$@"
  if [ -n "$u" ] && [ "$u" != "$(id -un)" ]; then
    h=$(entry passwd "$u" | cut -d: -f6); [ -n "$h" ] || { echo "there is no user $u"; exit 126; }
    set -- env "HOME=$h" "USER=$u" "LOGNAME=$u" "$@"
    if have setpriv; then set -- setpriv --reuid "$u" --regid "$(id -g -- "$u")" --init-groups -- "$@"
    elif have runuser; then set -- runuser -u "$u" -- "$@"
    else echo "neither setpriv nor runuser is there to become $u"; exit 126; fi
  fi
  if [ "$s" = launch ]; then
    [ -z "$k" ] || have "$k" || { echo "there is no program $k"; exit 127; }
    set -- sh -c "$EK_L" sh "$f" "$q" "$w" "$@"
    if have setsid; then exec setsid -f "$@"; fi
    nohup "$@" & exit 0
  fi
  exec timeout -k 5 "$s" "$@"
)
o_run() { # number, then as for go
  i=$1; shift
  state 2>/dev/null; x=$EK_S/tmp/look.$$
  ( go "$@" ) >"$x" 2>&1; s=$?
  m "run $i $s"; head -c 4096 -- "$x"; rm -f -- "$x"
}
