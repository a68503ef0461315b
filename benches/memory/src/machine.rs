//! What the figures were measured on.

/// The name of the processor, where the kernel tells it.
pub(crate) fn processor() -> Option<String> {
    let text = std::fs::read_to_string("/proc/cpuinfo").ok()?;
    model(&text).map(str::to_owned)
}

fn model(text: &str) -> Option<&str> {
    let line = text.lines().find(|line| line.starts_with("model name"))?;
    line.split_once(':').map(|(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_processor_speaks_for_all() {
        let text = "processor\t: 0\nmodel name\t: One 1000\n\nprocessor\t: 1\nmodel name\t: Two\n";
        assert_eq!(model(text), Some("One 1000"));
        assert_eq!(model("processor\t: 0\n"), None);
    }
}
