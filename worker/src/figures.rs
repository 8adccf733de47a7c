//! How figures are written, in every file alike.

/// To six decimals: what is beyond them is noise, and equal figures are written equally.
pub fn rounded(figure: f64) -> f64 {
    (figure * 1e6).round() / 1e6
}

/// A cell of a table; empty where there is nothing to tell.
pub fn cell(figure: Option<f64>) -> String {
    figure.map(|figure| rounded(figure).to_string()).unwrap_or_default()
}
