#!/bin/sh
# Builds the image that every server of the fleet boots from: recipe.sh FOLDER SUITE MIRROR
#
# A small Debian with systemd and sshd. The servers have no way out of this machine, so the packages that tests
# install and remove come from a repository inside the image: `greet` (two versions, a plain program),
# `lantern` (needs greet), `beacon` (brings a running service and a configuration file).
# The image's name is the digest of this text: a changed line builds a new image.
set -eu
image=$1 suite=$2 mirror=$3

debootstrap --variant=minbase \
    --include=systemd,systemd-sysv,dbus,openssh-server,iproute2,ca-certificates,sudo,busybox,logrotate \
    "$suite" "$image" "$mirror"

# --- packages of our own -------------------------------------------------------------------------------------------
pool=$image/srv/repo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$pool"

pack() { # NAME VERSION DEPENDS: what lies under $work/NAME becomes a .deb
    mkdir -p "$work/$1/DEBIAN"
    cat >"$work/$1/DEBIAN/control" <<END
Package: $1
Version: $2
Architecture: all
Maintainer: Evenkeel's tests <nobody@localhost>
Depends: $3
Description: a package for tests
END
    sed -i '/^Depends: $/d' "$work/$1/DEBIAN/control"
    dpkg-deb --root-owner-group --build "$work/$1" "$pool/${1}_$2_all.deb" >/dev/null
}

program() { # NAME TEXT: a program that says TEXT
    mkdir -p "$work/$1/usr/bin"
    printf '#!/bin/sh\necho "%s"\n' "$2" >"$work/$1/usr/bin/$1"
    chmod 755 "$work/$1/usr/bin/$1"
}

program greet "greet 1.0"
pack greet 1.0 ""
program greet "greet 2.0"
pack greet 2.0 ""
program lantern "lantern 1.0"
pack lantern 1.0 "greet (>= 1.0)"

mkdir -p "$work/beacon/lib/systemd/system" "$work/beacon/etc/beacon" "$work/beacon/var/lib/beacon"
echo "a beacon" >"$work/beacon/var/lib/beacon/index.html"
echo "BEACON_PORT=8090" >"$work/beacon/etc/beacon/beacon.conf"
cat >"$work/beacon/lib/systemd/system/beacon.service" <<'END'
[Unit]
Description=A web page, for tests

[Service]
EnvironmentFile=/etc/beacon/beacon.conf
ExecStart=/bin/busybox httpd -f -p ${BEACON_PORT} -h /var/lib/beacon

[Install]
WantedBy=multi-user.target
END
mkdir -p "$work/beacon/DEBIAN"
echo /etc/beacon/beacon.conf >"$work/beacon/DEBIAN/conffiles"
cat >"$work/beacon/DEBIAN/postinst" <<'END'
#!/bin/sh
set -e
[ "$1" = configure ] || exit 0
systemctl daemon-reload
systemctl enable --now beacon.service
END
cat >"$work/beacon/DEBIAN/prerm" <<'END'
#!/bin/sh
set -e
systemctl disable --now beacon.service || true
END
chmod 755 "$work/beacon/DEBIAN/postinst" "$work/beacon/DEBIAN/prerm"
pack beacon 1.0 "busybox"

(cd "$pool" && dpkg-scanpackages --multiversion . >Packages 2>/dev/null)
rm -f "$image/etc/apt/sources.list"
rm -rf "$image"/etc/apt/sources.list.d/* "$image"/var/lib/apt/lists/*
echo "deb [trusted=yes] file:/srv/repo ./" >"$image/etc/apt/sources.list.d/repo.list"
chroot "$image" apt-get update -q

# --- who may come in -----------------------------------------------------------------------------------------------
# `deploy` is an ordinary account that may use sudo, for targets that say `become`.
chroot "$image" useradd --create-home --shell /bin/bash deploy
echo "deploy ALL=(ALL) NOPASSWD: ALL" >"$image/etc/sudoers.d/deploy"
chmod 440 "$image/etc/sudoers.d/deploy"
for home in root home/deploy; do
    mkdir -p "$image/$home/.ssh"
    chmod 700 "$image/$home/.ssh"
    : >"$image/$home/.ssh/authorized_keys"
    chmod 600 "$image/$home/.ssh/authorized_keys"
done
chroot "$image" chown -R deploy:deploy /home/deploy/.ssh
rm -f "$image"/etc/ssh/ssh_host_*
cat >"$image/etc/ssh/sshd_config.d/fleet.conf" <<'END'
PasswordAuthentication no
PermitRootLogin prohibit-password
HostKey /etc/ssh/ssh_host_ed25519_key
MaxStartups 100
MaxSessions 50
UseDNS no
END

# --- what a server in a test has no use for ------------------------------------------------------------------------
for unit in apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer e2scrub_all.timer e2scrub_reap.service \
    fstrim.timer motd-news.timer systemd-timesyncd.service systemd-networkd.service systemd-resolved.service \
    systemd-networkd-wait-online.service console-getty.service getty@tty1.service getty-static.service \
    systemd-update-utmp.service systemd-journal-flush.service; do
    ln -sf /dev/null "$image/etc/systemd/system/$unit"
done
chroot "$image" systemctl enable ssh.service >/dev/null 2>&1
mkdir -p "$image/etc/systemd/journald.conf.d"
printf '[Journal]\nStorage=volatile\nRuntimeMaxUse=8M\n' >"$image/etc/systemd/journald.conf.d/fleet.conf"
echo fleet >"$image/etc/hostname"
printf '127.0.0.1 localhost\n::1 localhost\n' >"$image/etc/hosts"
: >"$image/etc/resolv.conf"
rm -rf "$image"/var/cache/apt/archives/*.deb "$image"/usr/share/doc/* "$image"/usr/share/locale/*
