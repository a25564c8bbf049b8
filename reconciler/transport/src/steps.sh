# What a persistent shell knows before its first apply. Every function does nothing where nothing is to be done.

# --- the apply: EK_D (deployment), EK_E (epoch) are set
lock() {
  state || { m "unable its state folder $EK_S cannot be made"; exit 0; }
  EK_O=$EK_S/tmp/step.$$
  true >>"$EK_S/lock" && exec 9>>"$EK_S/lock" || { m "unable its lock in $EK_S cannot be opened"; exit 0; }
  if have flock; then
    flock -n 9 || { line "$EK_S/lock.holder"; m "locked ${l:-another controller}"; exit 0; }
  elif ! mkdir -- "$EK_S/lock.d" 2>/dev/null; then
    line "$EK_S/lock.d/pid"; set -- $l
    if [ $# = 3 ] && alive "$@"; then line "$EK_S/lock.holder"; m "locked ${l:-another controller}"; exit 0; fi
    rm -rf -- "$EK_S/lock.d"; mkdir -- "$EK_S/lock.d" || { m "locked another controller"; exit 0; }
  fi
  have flock || { started $$; alive $$ "$s" ""; printf '%s\n' "$$ $s $b" >"$EK_S/lock.d/pid"; trap 'rm -rf -- "$EK_S/lock.d"' EXIT; }
  fence
  printf '%s\n' "$EK_D (epoch $EK_E)" >"$EK_S/lock.holder"
}
fence() {
  line "$EK_S/epoch" || l=0
  case $l in *[!0-9]*) l=0 ;; esac
  if [ "$l" -gt "$EK_E" ]; then m "fenced $l"; exit 0; fi
  [ "$l" = "$EK_E" ] || keep "$EK_S/epoch" "$EK_E" || { m "unable its epoch cannot be written"; exit 0; }
}
g() { # group needs...
  fence; EK_A=$1 ok=1; shift
  for x; do
    case $EK_B in *" $x "*) m "skip $EK_A $x" || exit 3; ok=0; EK_B="$EK_B$EK_A "; return 0 ;; esac
  done
}
s() { # group action: runs b, tells how it ended; when nobody listens any more, nothing further is begun
  [ "$ok" = 1 ] || return 0
  t=
  if b >"$EK_O" 2>&1 9>&-; then x='done'; else x='failed'; ok=0; EK_B="$EK_B$EK_A "; [ -z "$t" ] || rm -rf -- "$t"; fi
  m "step $1 $2 $x" || exit 3
  [ ! -s "$EK_O" ] || tail -c 4096 -- "$EK_O"
  m - || exit 3
}

# --- many files at once: see bulk.rs. Status 1: nothing was told, and each is to be put on its own.
many() { # directory mode owner group renames digests...
  [ "$EK_B" = ' ' ] || return 1
  fence
  ( many_files "$@" ) >/dev/null 2>&1 9>&-
}
many_files() {
  d=$1 e=$2 o=$3 y=$4 i=$5; shift 5
  inside "${d%/}/x" || return 1
  t=${d%/}/.evenkeel.$$.many.tmp n=$# p=$EK_O.part
  [ ! -e "$t" ] && [ ! -L "$t" ] || rm -rf -- "$t"
  rm -f -- "$p" && mkdir -m 0700 -- "$t" || return 1
  trap 'cd /; rm -rf -- "$t"' EXIT
  # From inside: who may rename the directory cannot lead us elsewhere.
  cd -P -- "$t" && [ -O . ] || return 1
  { tar -C "$EK_S/staging" -cf - --transform="$i" -- "$@" || true >"$p"; } | tar -xf - --no-same-owner --no-same-permissions || return 1
  [ ! -e "$p" ] && set -- * && [ $# = "$n" ] || return 1
  for x; do
    x=${d%/}/$x
    # Something is there: it may be a directory, or have an owner to keep.
    if [ -e "$x" ] || [ -L "$x" ]; then [ -n "$o" ] && [ -n "$y" ] && { [ ! -d "$x" ] || [ -L "$x" ]; } || return 1; fi
  done
  [ -z "$o$y" ] || chown -- "$o${y:+:$y}" "$@" || return 1
  [ "$e" = 0600 ] || chmod -- "$e" "$@" || return 1
  flush "$@" && mv -f -t "$d" -- "$@"
}
# A disk's journal takes several files in one commit if they come at once: a tenth of the time.
flush() { { have xargs && printf '%s\0' "$@" | xargs -0 -n 25 -P 4 sync -d --; } || sync -d -- "$@"; }
told() { # groups: all of them did their one action
  printf "\n@$EK_N step %s 0 done\n" "$@" && printf "\n@$EK_N step %s 0 done\n" "$@" >&2 && m - || exit 3
}

# --- files
owner() { # path OWNER GROUP: the owner and group that path is to have, in o; empty: as it is made
  o=
  if [ -e "$1" ] && [ ! -L "$1" ]; then x=$(stat -c '%u %g' -- "$1") || return 1; set -- "$1" "${2:-${x% *}}" "${3:-${x#* }}"; fi
  [ "$2" != "$EK_U" ] || [ "$3" != "$EK_G" ] || return 0
  [ -z "$2$3" ] || o=$2${3:+:$3}
}
beside() { # path: a new private file beside it, in t
  t=${1%/*}/.evenkeel.$$.$EK_A.tmp
  [ ! -e "$t" ] && [ ! -L "$t" ] || rm -rf -- "$t"
}
put_open() { # path digest mode owner group
  p=$1 c=$EK_S/staging/$2 d=$3
  inside "$p" || return 1
  [ -f "$c" ] || { no "the content $2 is not staged"; return; }
  if [ -d "$p" ] && [ ! -L "$p" ]; then no "$p is a directory"; return; fi
  owner "$p" "$4" "$5" && beside "$p" || return 1
  set -C; true >"$t"; x=$?; set +C
  [ "$x" = 0 ] || { t=; return 1; }
  cat <"$c" >"$t" || return 1
  [ -z "$o" ] || chown -- "$o" "$t" || return 1
  [ "$d" = 0600 ] || chmod -- "$d" "$t"
}
vet() { ( go 300 '' / "$@" ) || no "the validation refuses it (status $?)"; }
put_close() { sync -d -- "$t" && mv -fT -- "$t" "$p" && t=; }
meta() { # path mode owner group
  inside "$1" || return 1
  if [ -L "$1" ]; then [ -z "$3$4" ] || chown -h -- "$3${4:+:$4}" "$1"; return; fi
  [ -e "$1" ] || { no "nothing is at $1"; return; }
  [ -z "$3$4" ] || chown -- "$3${4:+:$4}" "$1" || return 1
  [ -z "$2" ] || chmod -- "$2" "$1"
}
directory() { # path mode owner group
  inside "$1" || return 1
  [ ! -L "$1" ] || { no "$1 is a symbolic link"; return; }
  owner "$1" "$3" "$4" || return 1
  [ -d "$1" ] || mkdir -m 0700 -- "$1" || return 1
  [ -z "$o" ] || chown -- "$o" "$1" || return 1
  chmod -- "$2" "$1"
}
link() { # path to
  inside "$1" || return 1
  if [ -d "$1" ] && [ ! -L "$1" ]; then no "$1 is a directory"; return; fi
  beside "$1"; ln -s -- "$2" "$t" && mv -fT -- "$t" "$1" && t=
}
take() { # path recursive
  inside "$1" || return 1
  if [ -d "$1" ] && [ ! -L "$1" ]; then
    if [ "$2" = 1 ]; then rm -rf --one-file-system -- "$1"; else rmdir -- "$1"; fi
  else rm -f -- "$1"; fi
}
unpack() { # digest into strip owner group
  p=$2 c=$EK_S/staging/$1
  inside "$p" || return 1
  [ ! -d "$p" ] || [ -L "$p" ] || return 0
  [ -f "$c" ] || { no "the content $1 is not staged"; return; }
  tar -tf "$c" --quoting-style=escape >"$EK_O.names" || { rm -f -- "$EK_O.names"; no "it is no archive that tar can read here"; return; }
  x=0
  while IFS= read -r l; do
    case /$l/ in //*|*/../*) no "the archive has the name $l, which leads out of it"; x=1; break ;; esac
  done <"$EK_O.names"
  rm -f -- "$EK_O.names"; [ "$x" = 0 ] || return 1
  have find || { no "there is no find to check what the archive holds"; return; }
  beside "$p"; mkdir -m 0700 -- "$t" || { t=; return 1; }
  tar -xf "$c" -C "$t" --no-same-owner --strip-components="$3" || return 1
  x=$(find "$t" ! -type f ! -type d ! -type l -print; find "$t" -name '*
*' -print) || return 1
  [ -z "$x" ] || { no "the archive holds something other than files, directories and links, or a name of two lines"; return; }
  x=$(realpath -m -- "$t")
  find "$t" -type l -exec realpath -m -- {} + >"$EK_O.links" || return 1
  y=0
  while IFS= read -r l; do case $l in "$x"|"$x"/*) ;; *) no "a link in the archive leads out of it"; y=1; break ;; esac; done <"$EK_O.links"
  rm -f -- "$EK_O.links"; [ "$y" = 0 ] || return 1
  [ -z "$4$5" ] || chown -hR -- "$4${5:+:$5}" "$t" || return 1
  chmod 0755 -- "$t" && sync -f -- "$t" && mv -fT -- "$t" "$p" && t=
}

# --- systemd
unit() { # name verb
  have systemctl || { no "there is no systemctl"; return; }
  systemctl --no-ask-password --no-pager "$2" -- "$1"
}
reload_units() { have systemctl || { no "there is no systemctl"; return; }; systemctl --no-ask-password daemon-reload; }

# --- packages
which_manager() { M=$1; [ -n "$M" ] || manager; [ "$M" != none ] || no "there is no package manager that we know"; }
older() { # seconds: whether apt's lists are older
  x=$(stat -c %Y -- /var/lib/apt/lists/partial 2>/dev/null) || return 0
  y=$(stat -c %Y -- /var/lib/apt/lists 2>/dev/null) || return 0
  [ "$x" -gt "$y" ] || x=$y
  [ $(($(date +%s) - x)) -gt "$1" ]
}
apt() {
  ( umask 022; DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=l; export DEBIAN_FRONTEND NEEDRESTART_MODE
    exec apt-get -q -y -o DPkg::Lock::Timeout=60 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@" )
}
package() { # manager name verb version refresh_after
  which_manager "$1" || return 1
  umask 022
  package_verb "$@"; x=$?
  umask 077; return "$x"
}
package_verb() {
  case "$M $3" in
    'apt install')
      x=$(dpkg-query -W -f '${db:Status-Status} ${Version}' -- "$2" 2>/dev/null)
      case $x in installed\ *) [ -n "$4" ] && [ "${x#installed }" != "$4" ] || return 0 ;; esac
      if older "$5"; then apt update || return 1; fi
      apt install --allow-downgrades --allow-change-held-packages -- "$2${4:+=$4}" ;;
    'apt remove') dpkg-query -W -f '${db:Status-Status}' -- "$2" 2>/dev/null | grep -qx installed || return 0; apt remove --allow-change-held-packages -- "$2" ;;
    'apt hold'|'apt unhold') apt-mark "$3" -- "$2" ;;
    'dnf install') [ -z "$4" ] && rpm -q -- "$2" >/dev/null 2>&1 || dnf -q -y install -- "$2${4:+-$4}" ;;
    'dnf remove') rpm -q -- "$2" >/dev/null 2>&1 || return 0; dnf -q -y remove -- "$2" ;;
    'dnf hold') dnf -q -y versionlock add -- "$2" ;;
    'dnf unhold') dnf -q -y versionlock delete -- "$2" ;;
    'apk install') apk add --wait 60 -- "$2${4:+=$4}" ;;
    'apk remove') apk info -e -- "$2" >/dev/null 2>&1 || return 0; apk del --wait 60 -- "$2" ;;
    *) no "apk cannot $3 a package" ;;
  esac
}

# --- users
group() { # name gid system
  if x=$(entry group "$1"); then
    x=${x#*:*:}; x=${x%%:*}
    [ -z "$2" ] || [ "$x" = "$2" ] || groupmod -g "$2" -- "$1"
  else groupadd ${3:+-r} ${2:+-g "$2"} -- "$1"; fi
}
take_group() { entry group "$1" >/dev/null || return 0; groupdel -- "$1"; }
user() { # name create-options : options...
  n=$1 k=$2; shift 2
  if entry passwd "$n" >/dev/null; then [ $# = 0 ] || usermod "$@" -- "$n"; return; fi
  case $k in *r*) set -- -r "$@" ;; esac
  case $k in *m*) set -- -m "$@" ;; *) set -- -M "$@" ;; esac
  case $k in *g*) ;; *) ! entry group "$n" >/dev/null || set -- -g "$n" "$@" ;; esac
  useradd "$@" -- "$n"
}
take_user() { entry passwd "$1" >/dev/null || return 0; userdel -- "$1"; }

# --- processes
stop() { # file grace in tenths of a second
  line "$EK_S/processes/$1" || return 0
  set -- "$1" "$2" $l
  if alive "$3" "$4" "$5"; then
    kill -TERM "$3" || alive "$3" "$4" "$5" && i=0
    while alive "$3" "$4" "$5"; do
      [ "$i" -lt "$2" ] || { kill -KILL "$3"; break; }
      i=$((i + 1)); sleep 0.1
    done
    i=0; while alive "$3" "$4" "$5"; do [ "$i" -lt 50 ] || { no "process $3 does not end"; return; }; i=$((i + 1)); sleep 0.1; done
  fi
  rm -f -- "$EK_S/processes/$1"
}
hup() {
  line "$EK_S/processes/$1" || { no "it was never started"; return; }
  set -- $l; alive "$1" "$2" "$3" || { no "it does not run"; return; }
  kill -HUP "$1"
}
recorded() { line "$EK_S/processes/$1" && set -- $l && alive "$1" "$2" "$3"; }
start() { # file generation grace log user cwd program-to-find environment-and-program...
  f=$EK_S/processes/$1 q=$2 w=$4
  inside "$w" || return 1
  if line "$f"; then
    if [ "${l##* }" = "$q" ] && recorded "$1"; then return 0; fi
    stop "$1" "$3" || return 1
  fi
  ( umask 077; true >>"$w" ) || return 1
  k=$7 u=$5 d=$6; shift 7
  x=$(go launch "$u" "$d" "$@" 2>&1) && [ -z "$x" ] && line "$f" || { no "${x:-it could not be started}"; return; }
}
