//! The readme says the same in both languages: what is code stands in both of them, byte for byte.
//!
//! That the code works is for the doc tests, which run every Rust block of both.

const ENGLISH: &str = include_str!("../../../README.md");
const CHINESE: &str = include_str!("../../../README.zh-CN.md");

#[test]
fn both_languages_show_the_same_code() {
    let (english, chinese) = (blocks(ENGLISH), blocks(CHINESE));
    assert!(english.iter().any(|block| block.starts_with("```rust")));
    for (here, there) in english.iter().zip(&chinese) {
        assert_eq!(here, there);
    }
    assert_eq!(english.len(), chinese.len());
}

#[test]
fn both_languages_have_the_same_parts() {
    assert_eq!(shape(ENGLISH), shape(CHINESE));
}

/// The fenced blocks, with the line that opens them.
fn blocks(text: &str) -> Vec<String> {
    let mut blocks: Vec<String> = Vec::new();
    let mut is_open = false;
    for line in text.lines() {
        let is_fence = line.starts_with("```");
        if is_fence && !is_open {
            blocks.push(String::new());
        }
        if let Some(block) = blocks.last_mut().filter(|_| is_open || is_fence) {
            block.push_str(line);
            block.push('\n');
        }
        is_open ^= is_fence;
    }
    assert!(!is_open, "a block is not closed");
    blocks
}

/// The headings by their depth, and the rows of the tables under each.
fn shape(text: &str) -> Vec<(usize, usize)> {
    let mut shape: Vec<(usize, usize)> = Vec::new();
    let mut is_code = false;
    for line in text.lines() {
        is_code ^= line.starts_with("```");
        let depth = line.bytes().take_while(|byte| *byte == b'#').count();
        if depth > 0 && !is_code {
            shape.push((depth, 0));
        } else if let Some((_, rows)) = shape.last_mut().filter(|_| line.starts_with('|')) {
            *rows += 1;
        }
    }
    shape
}
