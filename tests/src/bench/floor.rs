//! The floor: what the same work costs with ssh, tar, stat and sha256sum alone, which check and promise nothing.

use super::{Failure, Workload, ours::Way};
use crate::fleet::Fleet;
use std::{
    fmt::Write as _,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

/// The line that ends an answer.
const END: &str = "floor-end";

/// A warm shell on each server, and a warm connection beside it.
#[derive(Debug)]
pub struct Floor {
    lines: Vec<Line>,
}

#[derive(Debug)]
struct Line {
    options: Vec<String>,
    socket: PathBuf,
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Floor {
    /// Connects to all servers, and waits until each answered.
    ///
    /// # Errors
    /// When ssh does not get there.
    pub fn connect(fleet: &Fleet, ways: &[Way], sockets: &Path) -> Result<Self, Failure> {
        let lines = ways
            .iter()
            .enumerate()
            .map(|(index, way)| Line::lay(fleet, way, sockets.join(format!("f{index}"))));
        let mut floor = Self {
            lines: lines.collect::<Result<_, _>>()?,
        };
        floor.say("true")?;
        Ok(floor)
    }

    /// One `stat` and one `sha256sum` of all files, through each warm shell at once.
    ///
    /// # Errors
    /// When a shell is gone or a file is not there.
    pub fn check(&mut self, work: &Workload, folder: &str) -> Result<(), Failure> {
        let mut paths = String::new();
        for (name, _) in work.files() {
            let _ = write!(paths, " {folder}/{name}");
        }
        let script = format!("stat -c '%n %f %u %g %s %Y'{paths}; sha256sum{paths}");
        let heard = self.say(&script)?;
        if heard.iter().all(|lines| *lines == 2 * work.count) {
            Ok(())
        } else {
            Err(format!("the floor sees not all files: {heard:?}").into())
        }
    }

    /// Sends a script to all shells, then hears them all; how many lines each said.
    fn say(&mut self, script: &str) -> Result<Vec<usize>, Failure> {
        let text = format!("{script}; echo {END}\n");
        for line in &mut self.lines {
            line.input.write_all(text.as_bytes())?;
        }
        let mut heard = Vec::new();
        let mut said = String::new();
        for line in &mut self.lines {
            let mut count = 0;
            loop {
                said.clear();
                if line.output.read_line(&mut said)? == 0 {
                    return Err("the floor's shell ended".into());
                }
                if said.trim_end() == END {
                    break;
                }
                count += 1;
            }
            heard.push(count);
        }
        Ok(heard)
    }

    /// A tar pipe to all servers at once: over the connection that is there, or (`cold`) a new one each.
    ///
    /// # Errors
    /// When tar fails there.
    pub fn send(&self, archive: &[u8], folder: &str, cold: bool) -> Result<(), Failure> {
        let mut pipes = Vec::new();
        for line in &self.lines {
            let mut ssh = Command::new("ssh");
            if !cold {
                ssh.arg("-S").arg(&line.socket);
            }
            ssh.args(&line.options).arg(format!("exec tar -xf - -C {folder}"));
            pipes.push(ssh.stdin(Stdio::piped()).spawn()?);
        }
        for pipe in &mut pipes {
            // 150 KB: what the pipe does not hold goes out as fast as the line takes it.
            let mut input = pipe.stdin.take().ok_or("ssh has no input")?;
            input.write_all(archive)?;
        }
        for mut pipe in pipes {
            if !pipe.wait()?.success() {
                return Err("the tar pipe failed".into());
            }
        }
        Ok(())
    }
}

impl Line {
    fn lay(fleet: &Fleet, way: &Way, socket: PathBuf) -> Result<Self, Failure> {
        let options: Vec<String> = [
            "-F".to_owned(),
            "/dev/null".to_owned(),
            "-oBatchMode=yes".to_owned(),
            "-oStrictHostKeyChecking=yes".to_owned(),
            format!("-oUserKnownHostsFile={}", fleet.known_hosts.display()),
            "-oIdentitiesOnly=yes".to_owned(),
            format!("-i{}", fleet.identity.display()),
            "-lroot".to_owned(),
            format!("-p{}", way.port),
            way.host.to_string(),
        ]
        .into();
        let mut shell = Command::new("ssh")
            .args(["-M", "-S"])
            .arg(&socket)
            .args(&options)
            .arg("exec sh")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = shell.stdin.take().ok_or("ssh has no input")?;
        let output = BufReader::new(shell.stdout.take().ok_or("ssh has no output")?);
        Ok(Self {
            options,
            socket,
            shell,
            input,
            output,
        })
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        let _ = std::fs::remove_file(&self.socket);
    }
}

/// The workload as a tar archive, made by tar itself.
///
/// # Errors
/// When it cannot be made.
pub fn archive(work: &Workload, scratch: &Path) -> Result<Vec<u8>, Failure> {
    let folder = scratch.join("archive");
    std::fs::create_dir_all(&folder)?;
    let mut names = Vec::new();
    for (name, bytes) in work.files() {
        std::fs::write(folder.join(&name), bytes)?;
        names.push(name);
    }
    let tar = Command::new("tar")
        .args(["-cf", "-", "--owner=root", "--group=root", "--mode=0644", "-C"])
        .arg(&folder)
        .args(&names)
        .output()?;
    if tar.status.success() {
        Ok(tar.stdout)
    } else {
        Err(String::from_utf8_lossy(&tar.stderr).into_owned().into())
    }
}
