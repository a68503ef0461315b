//! Medians and spreads.

/// Faster by less than this is a tie.
pub const TIE: f64 = 1.3;

/// The middle and the spread of some figures.
#[derive(Clone, Copy, Debug)]
pub struct Spread {
    /// The least.
    pub min: f64,
    /// A quarter is below.
    pub q1: f64,
    /// Half is below.
    pub median: f64,
    /// Three quarters are below.
    pub q3: f64,
    /// The greatest.
    pub max: f64,
}

impl Spread {
    /// Of these, which must not be none.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |part: f64| quantile(&sorted, part);
        Self {
            min: at(0.0),
            q1: at(0.25),
            median: at(0.5),
            q3: at(0.75),
            max: at(1.0),
        }
    }

    /// Whether these ratios say that neither is faster.
    pub fn is_tie(&self) -> bool {
        self.median < TIE && self.median > 1.0 / TIE
    }
}

fn quantile(sorted: &[f64], part: f64) -> f64 {
    let place = part * (sorted.len() - 1) as f64;
    let (below, above) = (
        sorted[place.floor() as usize],
        sorted[place.ceil() as usize],
    );
    below + (above - below) * place.fract()
}

/// The geometric mean of these; none gives 1.
pub fn geometric_mean(figures: &[f64]) -> f64 {
    let logarithms: f64 = figures.iter().map(|figure| figure.ln()).sum();
    (logarithms / figures.len().max(1) as f64).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quartiles_and_means() {
        let spread = Spread::of([5.0, 1.0, 2.0, 4.0, 3.0]);
        let Spread {
            min,
            q1,
            median,
            q3,
            max,
        } = spread;
        assert_eq!([min, q1, median, q3, max], [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(Spread::of([1.0, 2.0]).median, 1.5);
        let ties = [0.76, 0.77, 1.0, 1.29, 1.31].map(|ratio| Spread::of([ratio]).is_tie());
        assert_eq!(ties, [false, true, true, true, false]);
        assert!((geometric_mean(&[0.5, 2.0, 8.0]) - 2.0).abs() < 1e-9);
    }
}
