//! What the fuzz targets do. It stands here so that an ordinary test does the same with the seeds.

pub mod address;
pub mod folder;
mod in_memory;

use in_memory::InMemory;
