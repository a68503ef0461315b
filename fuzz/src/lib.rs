//! What the fuzz targets do. It stands here so that an ordinary test does the same with the seeds.

pub mod address;
pub mod content;
pub mod folder;
mod in_memory;
pub mod label;

use in_memory::InMemory;
