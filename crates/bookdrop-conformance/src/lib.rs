//! bookdrop-conformance
