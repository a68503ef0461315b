//! bookdrop-queue
