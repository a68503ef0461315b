//! Our speed against some of the others in the same row, round by round.

use super::record::Record;
use bookdrop_bench_common::stats::Spread;

/// How many times as fast as the best of the `admitted` of its row; none if nobody of them is in the row.
pub(crate) fn against(
    ours: &Record,
    all: &[Record],
    admitted: impl Fn(&Record) -> bool,
) -> Option<f64> {
    let beside = all
        .iter()
        .filter(|other| other.is_beside(ours) && !other.is_ours() && admitted(other));
    let best = beside.min_by(|a, b| a.wall.median.total_cmp(&b.wall.median))?;
    let rounds = best.each_round.iter().zip(&ours.each_round);
    Some(Spread::of(rounds.map(|(theirs, ours)| theirs / ours)).median)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::publish::record::tests::record;

    #[test]
    fn the_best_of_those_admitted_is_the_measure() {
        let ours = record("bookdrop", "ours", &[10.0, 20.0, 10.0]);
        let mut elsewhere = record("fast elsewhere", "peer", &[1.0, 1.0, 1.0]);
        elsewhere.row = "4:4 cap 100".to_owned();
        let all = [
            ours.clone(),
            record("bookdrop, auto ack", "ours", &[5.0, 5.0, 5.0]),
            record("slow", "peer", &[40.0, 40.0, 40.0]),
            record("best", "peer", &[20.0, 20.0, 30.0]),
            record("does less", "control", &[2.0, 2.0, 2.0]),
            elsewhere,
        ];
        assert_eq!(against(&ours, &all, Record::is_peer), Some(2.0));
        let slow = |other: &Record| other.contender == "slow";
        assert_eq!(against(&ours, &all, slow), Some(4.0));
        assert_eq!(against(&ours, &all, |_| false), None);
    }
}
