//! Real servers: that the fleet itself is what its tests take it for.

#![allow(
    clippy::print_stdout,
    reason = "a measurement, for whoever runs it with --nocapture"
)]

use evenkeel_tests::fleet::Fleet;
use std::time::{Duration, Instant};

type Done = Result<(), Box<dyn std::error::Error>>;

#[test]
fn eight_servers_answer_ssh_each_as_itself() -> Done {
    let begun = Instant::now();
    let Some(fleet) = Fleet::boot_or_skip(8) else {
        return Ok(());
    };
    println!("8 servers answer after {:.1?}", begun.elapsed());
    for server in &fleet.servers {
        let outcome = server.ssh(&["hostname"])?;
        assert_eq!(outcome.stdout.trim(), server.name, "{outcome:?}");
        assert_eq!(server.must(&["cat", "/proc/1/comm"])?.trim(), "systemd");
    }
    Ok(())
}

#[test]
fn a_server_has_packages_units_and_an_account_for_sudo_offline() -> Done {
    let Some(fleet) = Fleet::boot_or_skip(1) else {
        return Ok(());
    };
    let server = &fleet.servers[0];
    server.must(&["apt-get", "install", "-y", "-q", "greet=1.0", "lantern", "beacon"])?;
    assert_eq!(server.must(&["greet"])?.trim(), "greet 1.0");
    assert_eq!(
        server.must(&["systemctl", "is-active", "beacon.service"])?.trim(),
        "active"
    );
    let page = std::process::Command::new("bash")
        .args([
            "-c",
            "exec 3<>/dev/tcp/$0/8090; printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3; cat <&3",
        ])
        .arg(server.address.to_string())
        .output()?;
    assert!(
        String::from_utf8_lossy(&page.stdout).contains("a beacon"),
        "{page:?}"
    );
    server.must(&["apt-get", "install", "-y", "-q", "greet"])?;
    assert_eq!(server.must(&["greet"])?.trim(), "greet 2.0");
    server.must(&["apt-get", "remove", "-y", "-q", "greet"])?;
    assert!(
        !server
            .exec(&["dpkg-query", "-W", "lantern"])?
            .stdout
            .contains("1.0"),
        "it needed greet"
    );
    assert_eq!(server.ssh_as("deploy", &["id", "-un"])?.stdout.trim(), "deploy");
    assert_eq!(
        server
            .ssh_as("deploy", &["sudo", "-n", "id", "-u"])?
            .stdout
            .trim(),
        "0"
    );
    Ok(())
}

#[test]
fn power_loss_keeps_the_disk_and_loses_the_rest() -> Done {
    let Some(mut fleet) = Fleet::boot_or_skip(2) else {
        return Ok(());
    };
    let [first, second] = fleet.servers.as_mut_slice() else {
        return Err("two servers".into());
    };
    first.must(&["sh", "-c", "echo kept >/etc/kept; echo lost >/run/lost"])?;
    first.power_off();
    assert_eq!(first.ssh(&["true"])?.code, 255);
    assert!(first.exec(&["true"]).is_err());
    assert!(second.ssh(&["true"])?.ok(), "the other goes on");
    assert!(!second.root().join("etc/kept").exists(), "disks are their own");
    first.reboot()?;
    assert_eq!(first.must(&["cat", "/etc/kept"])?.trim(), "kept");
    assert!(!first.exec(&["cat", "/run/lost"])?.ok());
    Ok(())
}

#[test]
fn a_cable_a_hang_and_a_distance_are_felt() -> Done {
    let Some(fleet) = Fleet::boot_or_skip(1) else {
        return Ok(());
    };
    let server = &fleet.servers[0];
    server.cut()?;
    assert_eq!(server.ssh(&["true"])?.code, 255, "no way there");
    assert!(server.exec(&["true"])?.ok(), "but it runs");
    server.restore()?;
    server.wait()?;

    server.stop_sshd()?;
    assert_eq!(server.ssh(&["true"])?.code, 255, "sshd never greets");
    server.cont_sshd()?;
    server.wait()?;

    server.freeze();
    assert_eq!(server.ssh(&["true"])?.code, 255, "nothing moves");
    server.thaw();
    server.wait()?;

    let link = fleet.link(server, Duration::from_millis(200))?;
    let begun = Instant::now();
    let outcome = std::process::Command::new("ssh")
        .args(["-F".as_ref(), fleet.ssh_config.as_os_str()])
        .args(["-p", &link.port().to_string(), "127.0.0.1", "hostname"])
        .output()?;
    assert_eq!(
        String::from_utf8_lossy(&outcome.stdout).trim(),
        server.name,
        "{outcome:?}"
    );
    assert!(
        begun.elapsed() > Duration::from_millis(800),
        "ssh takes several round trips to come in"
    );
    Ok(())
}
