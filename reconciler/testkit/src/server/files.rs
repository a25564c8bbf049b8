//! Files of a simulated server: put, changed, removed and unpacked.

use super::SimServer;
use crate::{
    command::Ran,
    filesystem::{Node, What},
};
use evenkeel_model::{AbsolutePath, Digest, probe::Stat};
use std::sync::Arc;

impl SimServer {
    pub(super) fn put_file(
        &mut self,
        path: &AbsolutePath,
        content: &Digest,
        mode: u32,
        (owner, group): (Option<&str>, Option<&str>),
        validate: Option<&[String]>,
    ) -> Result<(), String> {
        let bytes = self.bytes(content)?;
        let there = self.files.get(path).cloned();
        if there.as_ref().is_some_and(|node| node.what == What::Directory) {
            return Err(format!("{path}: is a directory"));
        }
        let mut node = Node::new(What::File(bytes), mode);
        self.give(&mut node, there.as_ref(), owner, group)?;
        self.files.place(path)?;
        if let Some(argv) = validate {
            self.validate(path, &node, argv)?;
        }
        self.files.put(path, node)
    }

    pub(super) fn set_meta(
        &mut self,
        path: &AbsolutePath,
        mode: Option<u32>,
        owner: Option<&str>,
        group: Option<&str>,
    ) -> Result<(), String> {
        let uid = owner.map(|owner| self.system.uid(owner)).transpose()?;
        let gid = group.map(|group| self.system.gid(group)).transpose()?;
        let missing = || format!("{path}: no such file or directory");
        let node = self.files.get_mut(path).ok_or_else(missing)?;
        node.mode = mode.unwrap_or(node.mode);
        node.uid = uid.unwrap_or(node.uid);
        node.gid = gid.unwrap_or(node.gid);
        Ok(())
    }

    pub(super) fn make_directory_at(
        &mut self,
        path: &AbsolutePath,
        mode: u32,
        owner: Option<&str>,
        group: Option<&str>,
    ) -> Result<(), String> {
        let there = self.files.get(path).cloned();
        let mut node = Node::new(What::Directory, mode);
        self.give(&mut node, there.as_ref(), owner, group)?;
        match self.files.get_mut(path) {
            Some(old) if old.what == What::Directory => {
                node.mtime = old.mtime;
                *old = node;
                Ok(())
            }
            Some(_) => Err(format!("{path}: file exists")),
            None => self.files.put(path, node),
        }
    }

    pub(super) fn put_symlink(&mut self, path: &AbsolutePath, to: &str) -> Result<(), String> {
        if self
            .files
            .get(path)
            .is_some_and(|node| node.what == What::Directory)
        {
            return Err(format!("{path}: is a directory"));
        }
        let mut node = Node::new(What::Symlink(to.to_owned()), 0o777);
        node.mtime = self.now;
        self.files.put(path, node)
    }

    pub(super) fn remove_at(&mut self, path: &AbsolutePath, recursive: bool) -> Result<(), String> {
        if path.as_str() == "/" {
            return Err("the root is never removed".into());
        }
        if !recursive && self.files.has_entries(path) {
            return Err(format!("{path}: directory not empty"));
        }
        self.files.remove(path);
        Ok(())
    }

    pub(super) fn unpack(
        &mut self,
        archive: &Digest,
        into: &AbsolutePath,
        strip: u32,
        owner: Option<&str>,
        group: Option<&str>,
    ) -> Result<(), String> {
        let bytes = self.bytes(archive)?;
        let entries = crate::archive::entries(&bytes)?;
        if self
            .files
            .get(into)
            .is_some_and(|node| node.what != What::Directory)
        {
            return Err(format!("{into}: file exists"));
        }
        let mut top = Node::new(What::Directory, 0o755);
        self.give(&mut top, None, owner, group)?;
        let (uid, gid) = (top.uid, top.gid);
        self.files.put(into, top)?;
        for (name, text) in entries {
            let strip = usize::try_from(strip).unwrap_or(usize::MAX);
            let name = name.split('/').skip(strip).collect::<Vec<_>>().join("/");
            if name.is_empty() {
                continue;
            }
            let path = into.join(&name).map_err(|e| e.to_string())?;
            if let Some(parent) = path.parent() {
                self.files.make_directories(&parent);
            }
            let mut node = Node::new(What::File(Arc::from(text.as_bytes())), 0o644);
            node.mtime = self.now;
            self.files.put(&path, node)?;
        }
        for node in self.files.nodes_beneath(into) {
            (node.uid, node.gid) = (uid, gid);
        }
        Ok(())
    }

    pub(super) fn stat(&self, node: &Node) -> Stat {
        Stat {
            file_type: node.file_type(),
            mode: node.mode,
            uid: node.uid,
            owner: self.system.user_name(node.uid),
            gid: node.gid,
            group: self.system.group_name(node.gid),
            size: match &node.what {
                What::File(bytes) => bytes.len() as u64,
                What::Directory => 4096,
                What::Symlink(to) => to.len() as u64,
            },
            mtime: node.mtime,
            link: match &node.what {
                What::Symlink(to) => Some(to.clone()),
                _ => None,
            },
        }
    }

    fn bytes(&self, digest: &Digest) -> Result<Arc<[u8]>, String> {
        let missing = || format!("sha256:{} was not staged", digest.short());
        self.staged.get(digest).cloned().ok_or_else(missing)
    }

    fn give(
        &self,
        node: &mut Node,
        there: Option<&Node>,
        owner: Option<&str>,
        group: Option<&str>,
    ) -> Result<(), String> {
        node.uid = owner.map_or(Ok(there.map_or(0, |n| n.uid)), |owner| self.system.uid(owner))?;
        node.gid = group.map_or(Ok(there.map_or(0, |n| n.gid)), |group| self.system.gid(group))?;
        node.mtime = self.now;
        Ok(())
    }

    fn validate(&mut self, path: &AbsolutePath, node: &Node, argv: &[String]) -> Result<(), String> {
        let beside = AbsolutePath::new(&format!("{path}.evenkeel-new")).map_err(|e| e.to_string())?;
        self.files.put(&beside, node.clone())?;
        let argv: Vec<String> = argv
            .iter()
            .map(|word| word.replace('%', beside.as_str()))
            .collect();
        let Ran { status, output } = self.commands.clone().run(self, &argv);
        self.files.remove(&beside);
        if status == 0 {
            Ok(())
        } else {
            Err(format!("{} refuses it ({status}): {output}", argv.join(" ")))
        }
    }
}
