//! A folder in memory, for targets that read one.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex};

use bookdrop_disk::storage::{File, Folder};

/// Bytes, by name.
#[derive(Clone, Debug, Default)]
pub(crate) struct InMemory(Arc<Mutex<BTreeMap<String, Content>>>);

#[derive(Clone, Debug)]
pub(crate) struct Content(Arc<Mutex<Vec<u8>>>);

impl InMemory {
    /// A file with these bytes.
    pub(crate) fn put(&self, name: &str, bytes: Vec<u8>) {
        let content = Content(Arc::new(Mutex::new(bytes)));
        self.0.lock().unwrap().insert(name.to_owned(), content);
    }

    /// Changes a byte of a file, if both are there.
    pub(crate) fn damage(&self, file: usize, at: usize, with: u8) {
        let files = self.0.lock().unwrap();
        if let Some((_, content)) = files.iter().nth(file)
            && let Some(byte) = content.0.lock().unwrap().get_mut(at)
        {
            *byte ^= with;
        }
    }
}

impl Folder for InMemory {
    type File = Content;

    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.lock().unwrap().keys().cloned().collect())
    }

    fn create(&self, name: &str, length: u64) -> io::Result<Content> {
        self.put(name, vec![0; length as usize]);
        self.open(name)
    }

    fn open(&self, name: &str) -> io::Result<Content> {
        let found = self.0.lock().unwrap().get(name).cloned();
        found.ok_or_else(|| ErrorKind::NotFound.into())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut files = self.0.lock().unwrap();
        let content = files.remove(from).ok_or(ErrorKind::NotFound)?;
        files.insert(to.to_owned(), content);
        Ok(())
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        self.0.lock().unwrap().remove(name);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}

impl File for Content {
    fn length(&self) -> io::Result<u64> {
        Ok(self.0.lock().unwrap().len() as u64)
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        let bytes = self.0.lock().unwrap();
        let from = offset as usize;
        let there = bytes.get(from..from.saturating_add(buffer.len()));
        buffer.copy_from_slice(there.ok_or(ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut content = self.0.lock().unwrap();
        let from = offset as usize;
        let place = content.get_mut(from..from.saturating_add(bytes.len()));
        place
            .ok_or(ErrorKind::UnexpectedEof)?
            .copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&self) -> io::Result<()> {
        Ok(())
    }
}
