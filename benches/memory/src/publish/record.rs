//! One figure: what a contender took in a row, as a machine-readable line says it.

use serde_json::Value;

use bookdrop_bench_common::machine::Origin;
use bookdrop_bench_common::stats::Spread;

/// One machine-readable line.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// The group of rows.
    pub group: String,
    /// What is done.
    pub row: String,
    /// The kind of event.
    pub kind: String,
    /// The executor; none in the rows on threads.
    pub executor: Option<String>,
    /// Who.
    pub contender: String,
    /// What it is to us.
    pub role: String,
    /// Whether it is the best peer of the row.
    pub best: bool,
    /// How the run was run.
    pub condition: Condition,
    /// Whether it was a smoke run.
    pub quick: bool,
    /// The allocator.
    pub allocator: String,
    /// How many cores the run could use.
    pub cores: u64,
    /// Where and when it was run.
    pub origin: Origin,
    /// Rounds that were counted.
    pub rounds: u64,
    /// Nanoseconds on the wall per event.
    pub wall: Spread,
    /// The same of each round, in order.
    pub each_round: Vec<f64>,
    /// Nanoseconds of CPU time per event.
    pub cpu: Option<Spread>,
    /// How many times as fast as the best peer.
    pub speed: Option<Spread>,
    /// What the allocator was asked for, in the rows that count it.
    pub heap: Option<Heap>,
    /// What was measured besides the time, by name, in the rows whose subject is no time.
    pub figures: Vec<(String, Spread)>,
}

/// What an event asks of the allocator.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heap {
    /// Calls per event.
    pub allocations: f64,
    /// Bytes per event.
    pub bytes: f64,
    /// Bytes that the heap grew by in all.
    pub growth: f64,
}

/// How a run was run; the plain one is the least.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Condition {
    /// With busy threads beside.
    pub busy: bool,
    /// With each thread on a core of its own.
    pub pinned: bool,
}

impl Condition {
    /// The name in tables and plots.
    pub(crate) fn name(self) -> &'static str {
        match (self.pinned, self.busy) {
            (false, false) => "not pinned",
            (true, false) => "pinned",
            (false, true) => "not pinned, busy",
            (true, true) => "pinned, busy",
        }
    }
}

impl Record {
    /// Reads a line.
    pub(crate) fn read(line: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(line).map_err(|error| error.to_string())?;
        Self::from_json(&json).ok_or_else(|| format!("a line has another shape: {line}"))
    }

    fn from_json(json: &Value) -> Option<Self> {
        let text = |name: &str| json[name].as_str().map(str::to_owned);
        let each_round = json["ns_of_each_round"].as_array()?;
        Some(Self {
            group: text("group")?,
            row: text("row")?,
            kind: text("kind")?,
            executor: text("executor"),
            contender: text("contender")?,
            role: text("role")?,
            best: json["best_peer"].as_bool()?,
            condition: Condition {
                busy: json["busy"].as_bool()?,
                pinned: json["pinned"].as_bool()?,
            },
            quick: json["quick"].as_bool()?,
            allocator: text("allocator")?,
            cores: json["cores"].as_u64()?,
            origin: Origin {
                processor: text("processor"),
                kernel: text("kernel"),
                rustc: text("rustc"),
                commit: text("commit"),
                date: text("date"),
            },
            rounds: json["rounds"].as_u64()?,
            wall: spread(&json["ns"])?,
            each_round: each_round
                .iter()
                .map(Value::as_f64)
                .collect::<Option<_>>()?,
            cpu: spread(&json["cpu_ns"]),
            speed: spread(&json["speed"]),
            heap: heap(json),
            figures: figures(json)?,
        })
    }

    /// The row within its group and kind.
    pub(crate) fn label(&self) -> String {
        match &self.executor {
            Some(executor) => format!("{}, {executor}", self.row),
            None => self.row.clone(),
        }
    }

    /// Whether both stand in the same row.
    pub(crate) fn is_beside(&self, other: &Self) -> bool {
        (&self.group, &self.kind, &self.row, &self.executor)
            == (&other.group, &other.kind, &other.row, &other.executor)
    }

    /// A figure that is no time.
    pub(crate) fn figure(&self, name: &str) -> Option<Spread> {
        let mut figures = self.figures.iter();
        figures.find_map(|(other, figure)| (other == name).then_some(*figure))
    }

    /// Whether it is one of our own.
    pub(crate) fn is_ours(&self) -> bool {
        self.role == "ours"
    }

    /// Whether it does the same work as we do, and is not us.
    pub(crate) fn is_peer(&self) -> bool {
        self.role == "peer"
    }
}

fn spread(json: &Value) -> Option<Spread> {
    Some(Spread {
        min: json["min"].as_f64()?,
        q1: json["q1"].as_f64()?,
        median: json["median"].as_f64()?,
        q3: json["q3"].as_f64()?,
        max: json["max"].as_f64()?,
    })
}

fn heap(json: &Value) -> Option<Heap> {
    Some(Heap {
        allocations: json["allocations"].as_f64()?,
        bytes: json["bytes"].as_f64()?,
        growth: json["heap_growth"].as_f64()?,
    })
}

fn figures(json: &Value) -> Option<Vec<(String, Spread)>> {
    let Some(figures) = json["figures"].as_object() else {
        return Some(Vec::new());
    };
    let figures = figures.iter();
    figures
        .map(|(name, figure)| Some((name.clone(), spread(figure)?)))
        .collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A record of the row "1:1 cap 100" with these rounds.
    pub(crate) fn record(contender: &str, role: &str, each_round: &[f64]) -> Record {
        Record {
            group: "one way, async".to_owned(),
            row: "1:1 cap 100".to_owned(),
            kind: "Ev".to_owned(),
            executor: Some("two workers".to_owned()),
            contender: contender.to_owned(),
            role: role.to_owned(),
            best: false,
            condition: Condition {
                busy: false,
                pinned: false,
            },
            quick: false,
            allocator: "glibc malloc".to_owned(),
            cores: 2,
            origin: Origin::default(),
            rounds: each_round.len() as u64,
            wall: Spread::of(each_round.iter().copied()),
            each_round: each_round.to_vec(),
            cpu: None,
            speed: None,
            heap: None,
            figures: Vec::new(),
        }
    }

    #[test]
    fn a_line_is_read() {
        let line = r#"{"allocations":null,"allocator":"glibc malloc","best_peer":true,"busy":false,"bytes":null,
            "contender":"tokio","cores":2,"cpu_ns":null,"events":100,"executor":null,"group":"one way, threads",
            "figures":{"share":{"max":1.0,"median":0.9,"min":0.8,"q1":0.9,"q3":1.0}},
            "heap_growth":null,"kind":"Ev","ns":{"max":3.0,"median":2.0,"min":1.0,"q1":1.5,"q3":2.5},
            "ns_of_each_round":[1.0,2.0,3.0],"pinned":true,"quick":true,"role":"peer","rounds":3,"row":"1:1 cap 100",
            "speed":{"max":1.0,"median":1.0,"min":1.0,"q1":1.0,"q3":1.0}}"#;
        let record = Record::read(line).expect("the shape of the report");
        assert_eq!(record.label(), "1:1 cap 100");
        assert_eq!(record.condition.name(), "pinned");
        assert_eq!(record.each_round, [1.0, 2.0, 3.0]);
        assert_eq!(record.figure("share").map(|share| share.min), Some(0.8));
        assert!(record.best && record.is_peer() && record.cpu.is_none() && record.heap.is_none());
        assert!(Record::read("{}").is_err());
    }
}
