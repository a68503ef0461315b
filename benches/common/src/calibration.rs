//! How many events a turn has.

/// Finds out how many events take so many seconds, but not more than `most`. What `turn` tells is events per second.
pub fn calibrate(seconds: f64, most: u64, mut turn: impl FnMut(u64) -> f64) -> u64 {
    const FIRST: u64 = 64;
    let mut events = FIRST;
    loop {
        let rate = turn(events);
        let took = events as f64 / rate;
        let wanted = (rate * seconds) as u64;
        if took > seconds / 6.0 || events == most {
            return wanted.clamp(FIRST, most);
        }
        // A short turn says little.
        events = wanted.clamp(events * 2, events * 16).min(most);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOST: u64 = 1 << 21;

    #[test]
    fn calibration_finds_what_fits_into_the_time() {
        assert_eq!(calibrate(0.4, MOST, |_| 10_000.0), 4_000);
        // It starts slowly.
        let slow_start = |events: u64| if events < 1_000 { 1_000.0 } else { 100_000.0 };
        assert!(calibrate(0.4, MOST, slow_start) >= 400);
    }
}
