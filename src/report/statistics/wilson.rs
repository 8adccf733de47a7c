//! The interval of a share that was seen in so many trials.

/// The standard normal distribution stays under this with probability 0.975.
pub const Z: f64 = 1.959_963_984_540_054;

/// Wilson's 95 % interval of a share that was `share` of `n` trials (Wilson 1927).
pub fn wilson(share: f64, n: f64) -> (f64, f64) {
    let scale = 1.0 + Z * Z / n;
    let centre = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    (centre - half, centre + half)
}

#[cfg(test)]
mod tests {
    use super::super::scipy::close;
    use super::*;

    // scipy 1.17.1: stats.binomtest(212, 250).proportion_ci(0.95, 'wilson'), stats.binomtest(0, 10)...
    #[test]
    fn the_interval_of_a_share_agrees_with_scipy() {
        let (low, high) = wilson(212.0 / 250.0, 250.0);
        close(low, 0.7982548908329247);
        close(high, 0.8872123327182458);
        let (low, high) = wilson(0.0, 10.0);
        close(low, 0.0);
        close(high, 0.27753279986288926);
    }
}
