//! The disk itself: the same bytes, appended to a file that is already there and as long as it needs to be, and flushed. What is
//! received comes out of memory. Nobody who keeps an event durable can be faster than this.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use bookdrop_bench_common::event::number_of;

use super::handoff::Handoff;
use super::sharing::Sharing;
use crate::load::{Load, on_threads};
use crate::queue::{Consumer, Durability, Queue};

/// Bytes in front of what is appended.
const FRAME: usize = 24;
/// Bytes of an ack: the number of its event.
const ACK: usize = 8;
/// Of the file; it is written from its start again when it is full.
const LENGTH: u64 = 128 << 20;
/// Zeros that are written at once: one page. What is written in large pieces lies in memory in large pieces, too, and with ext4
/// each small write that comes later then costs more than twice as much.
const ZEROS: usize = 4 << 10;

/// One writer at a time is all there is.
pub(crate) fn open_alone(folder: &Path, durability: Durability) -> Box<dyn Queue> {
    let how = match durability {
        Durability::Always => How::Flushed,
        Durability::Never => How::Written,
    };
    Box::new(Raw::open(folder, how))
}

/// Many writers: those who come while a flush is under way share the next one.
pub(crate) fn open_shared(folder: &Path, durability: Durability) -> Box<dyn Queue> {
    let how = match durability {
        Durability::Always => How::Shared(Arc::new(Sharing::new())),
        Durability::Never => How::Written,
    };
    Box::new(Raw::open(folder, how))
}

struct Raw {
    log: Arc<Log>,
    how: How,
    committer: Option<JoinHandle<()>>,
    consumers: AtomicUsize,
    /// What was sent and not received yet, where there are consumers.
    sent: Handoff<u64>,
    count: AtomicI64,
}

#[derive(Clone)]
enum How {
    Written,
    Flushed,
    Shared(Arc<Sharing<Vec<u8>>>),
}

struct Log {
    file: File,
    end: AtomicU64,
}

impl Log {
    /// Zeros and not a hole, so that later writes change neither its length nor where it lies.
    fn create(path: &Path) -> Self {
        let file = File::create_new(path).expect("the folder is empty");
        let zeros = [0; ZEROS];
        for offset in (0..LENGTH).step_by(ZEROS) {
            file.write_all_at(&zeros, offset).expect("there is room");
        }
        file.sync_all().expect("the disk flushes");
        let end = AtomicU64::new(0);
        Self { file, end }
    }

    fn append(&self, bytes: &[u8]) {
        let length = bytes.len() as u64;
        let offset = self.end.fetch_add(length, Relaxed) % LENGTH;
        let offset = offset.min(LENGTH - length);
        let written = self.file.write_all_at(bytes, offset);
        written.expect("the disk takes it");
    }

    fn flush(&self) {
        self.file.sync_data().expect("the disk flushes");
    }
}

impl Raw {
    fn open(folder: &Path, how: How) -> Self {
        let log = Arc::new(Log::create(&folder.join("log")));
        let committer = match &how {
            How::Shared(sharing) => {
                let (sharing, log) = (sharing.clone(), log.clone());
                Some(thread::spawn(move || {
                    sharing.serve(|batch| {
                        log.append(batch);
                        log.flush();
                        batch.clear();
                    });
                }))
            }
            How::Written | How::Flushed => None,
        };
        Self {
            log,
            how,
            committer,
            consumers: AtomicUsize::new(0),
            sent: Handoff::new(),
            count: AtomicI64::new(0),
        }
    }

    fn append(&self, payload: &[u8]) {
        let put = |bytes: &mut Vec<u8>| {
            let mut frame = [0; FRAME];
            frame[..8].copy_from_slice(&(payload.len() as u64).to_le_bytes());
            bytes.extend_from_slice(&frame);
            bytes.extend_from_slice(payload);
        };
        if let How::Shared(sharing) = &self.how {
            return sharing.share(put);
        }
        let mut bytes = Vec::with_capacity(FRAME + payload.len());
        put(&mut bytes);
        self.log.append(&bytes);
        if let How::Flushed = self.how {
            self.log.flush();
        }
    }
}

impl Queue for Raw {
    fn send(&self, event: Vec<u8>) {
        self.append(&event);
        self.count.fetch_add(1, Relaxed);
        if self.consumers.load(Relaxed) > 0 {
            self.sent.put(number_of(&event));
        }
    }

    fn send_all(&self, events: Vec<Vec<u8>>) {
        events.into_iter().for_each(|event| self.send(event));
    }

    fn consumer(&self) -> Box<dyn Consumer + '_> {
        self.consumers.fetch_add(1, Relaxed);
        Box::new(Reader {
            raw: self,
            in_hand: 0,
        })
    }

    fn count(&self) -> u64 {
        self.count.load(Relaxed) as u64
    }

    fn clear(&self) {
        self.count.store(0, Relaxed);
    }

    fn carry(&self, load: &Load) -> Duration {
        on_threads(self, load)
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        if let How::Shared(sharing) = &self.how {
            sharing.end();
        }
        if let Some(committer) = self.committer.take() {
            committer.join().expect("the committer ends");
        }
    }
}

struct Reader<'a> {
    raw: &'a Raw,
    in_hand: u64,
}

impl Consumer for Reader<'_> {
    fn receive(&mut self) -> u64 {
        self.in_hand = self.raw.sent.take();
        self.in_hand
    }

    fn ack(&mut self) {
        let ack: [u8; ACK] = self.in_hand.to_le_bytes();
        self.raw.append(&ack);
        self.raw.count.fetch_sub(1, Relaxed);
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        self.raw.consumers.fetch_sub(1, Relaxed);
    }
}
