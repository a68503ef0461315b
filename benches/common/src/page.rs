//! The page that `--publish` writes.

use crate::machine::Origin;
use crate::markdown::{GENERATED, capital};
use crate::measured::Measured;
use crate::options::Options;
use crate::shown::{conditions_table, row_table};

/// What a page says beside the figures.
pub struct Page<'a> {
    /// Its title, which is that of a section of docs/benchmarks.md as well.
    pub title: &'a str,
    /// Under which conditions it was measured: what stands beside the machine.
    pub conditions: &'a [(&'a str, String)],
    /// What stands in front of the figures; may be nothing.
    pub summary: &'a str,
}

impl Page<'_> {
    /// The page. The file with the machine-readable lines of the same run has this name.
    pub(crate) fn text(
        &self,
        name: &str,
        measured: &[Measured],
        options: &Options,
        origin: &Origin,
    ) -> String {
        let mut page = format!("{GENERATED}\n\n# {}\n\n", self.title);
        if options.quick {
            page += "**A smoke run: its figures mean nothing.**\n\n";
        }
        let mut conditions = self.conditions.to_vec();
        conditions.push(("rounds", options.rounds.to_string()));
        conditions.push(("seconds each", options.seconds.to_string()));
        page += &conditions_table(origin, &conditions);
        page += &format!(
            "\nWhat is measured, and how, is in [benchmarks.md](../benchmarks.md#{}). [The lines for machines]({name}.jsonl)\n",
            anchor(self.title)
        );
        page += self.summary;
        page += "\nMedian (least..greatest round). Ratios are taken round by round: median [quartiles]; 2.00x is twice as fast.\n";
        let mut group = "";
        for one in measured {
            if one.group != group {
                group = one.group;
                page += &format!("\n## {}\n", capital(group));
            }
            page += &format!("\n### {}\n\n", capital(&one.row));
            page += &row_table(one);
        }
        page
    }
}

/// How links name the section of this title.
fn anchor(title: &str) -> String {
    title.to_lowercase().replace(' ', "-")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_are_named_as_links_name_them() {
        assert_eq!(anchor("The queue in NATS"), "the-queue-in-nats");
    }
}
