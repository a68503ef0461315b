//! What was measured in a row, and how the contenders compare in it.

use crate::stats::Spread;

/// We: the name that goals and pages look for.
pub const OURS: &str = "bookdrop";

/// What a contender is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of ours.
    Ours,
    /// What is below the queues: it keeps none.
    Limit,
    /// Somebody else's store, used as a queue.
    Peer,
}

impl Role {
    /// The name in machine-readable lines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Limit => "limit",
            Self::Peer => "peer",
        }
    }
}

/// What a figure says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// So many events in a second: more is better.
    EventsPerSecond,
    /// So many seconds: less is better.
    Seconds,
    /// So many microseconds: less is better.
    Microseconds,
}

impl Unit {
    /// The name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::EventsPerSecond => "events/s",
            Self::Seconds => "s",
            Self::Microseconds => "µs",
        }
    }

    /// How many times as good one figure is as the other.
    fn ratio(self, one: f64, other: f64) -> f64 {
        match self {
            Self::EventsPerSecond => one / other,
            Self::Seconds | Self::Microseconds => other / one,
        }
    }
}

/// A row that was run.
pub struct Measured {
    /// What is done.
    pub group: &'static str,
    /// Under which conditions.
    pub row: String,
    /// What its figures say.
    pub unit: Unit,
    /// What each contender reached.
    pub results: Vec<Measurement>,
}

/// What one contender reached.
#[derive(Clone)]
pub struct Measurement {
    /// Who.
    pub contender: &'static str,
    /// What it is to us.
    pub role: Role,
    /// The figure of each round, in order.
    pub rounds: Vec<f64>,
}

impl Measurement {
    /// All its rounds.
    pub fn spread(&self) -> Spread {
        Spread::of(self.rounds.iter().copied())
    }
}

impl Measured {
    /// We, in the form that is compared.
    pub fn ours(&self) -> Option<&Measurement> {
        self.results.iter().find(|one| one.contender == OURS)
    }

    /// We in all our forms.
    pub fn all_of_ours(&self) -> impl Iterator<Item = &Measurement> {
        self.results.iter().filter(|one| one.role == Role::Ours)
    }

    /// What is below the queues.
    pub fn limit(&self) -> Option<&Measurement> {
        self.results.iter().find(|one| one.role == Role::Limit)
    }

    /// Those who keep a queue and are not us.
    pub fn peers(&self) -> impl Iterator<Item = &Measurement> {
        self.results.iter().filter(|one| one.role == Role::Peer)
    }

    /// How many times as good one is as the other, round by round.
    pub fn against(&self, one: &Measurement, other: &Measurement) -> Spread {
        let rounds = one.rounds.iter().zip(&other.rounds);
        Spread::of(rounds.map(|(one, other)| self.unit.ratio(*one, *other)))
    }

    /// How many times as good as the peer is that comes closest to us.
    pub fn against_best_peer(&self) -> Option<Spread> {
        let ours = self.ours()?;
        let ratios = self.peers().map(|peer| self.against(ours, peer));
        ratios.min_by(|a, b| a.median.total_cmp(&b.median))
    }

    /// The same contender under other conditions, round by round.
    pub fn ours_against(&self, other: &Self) -> Option<Spread> {
        Some(self.against(self.ours()?, other.ours()?))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A row with us, a limit and two peers.
    pub(crate) fn row(group: &'static str, row: &str, unit: Unit, figures: [f64; 4]) -> Measured {
        let who = [
            ("raw limit", Role::Limit),
            (OURS, Role::Ours),
            ("slow", Role::Peer),
            ("fast", Role::Peer),
        ];
        let results = who.into_iter().zip(figures);
        Measured {
            group,
            row: row.to_owned(),
            unit,
            results: results
                .map(|((contender, role), figure)| Measurement {
                    contender,
                    role,
                    rounds: vec![figure; 3],
                })
                .collect(),
        }
    }

    #[test]
    fn the_closest_peer_is_the_measure_whatever_the_unit() {
        let rates = row("a", "b", Unit::EventsPerSecond, [100.0, 80.0, 10.0, 40.0]);
        assert_eq!(
            rates.against_best_peer().map(|ratio| ratio.median),
            Some(2.0)
        );
        let times = row("a", "b", Unit::Seconds, [1.0, 2.0, 20.0, 3.0]);
        assert_eq!(
            times.against_best_peer().map(|ratio| ratio.median),
            Some(1.5)
        );
        assert_eq!(
            rates.ours_against(&rates).map(|ratio| ratio.median),
            Some(1.0)
        );
    }
}
