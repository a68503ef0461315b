//! bookdrop
