//! Quantiles, and tables in Markdown.

use std::fmt::Display;

/// Milliseconds, or whatever is counted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sample(Vec<f64>);

impl Sample {
    pub(crate) fn add(&mut self, value: f64) {
        self.0.push(value);
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// 0 for the least, 1 for the most.
    pub(crate) fn at(&self, part: f64) -> f64 {
        let mut sorted = self.0.clone();
        sorted.sort_by(f64::total_cmp);
        let place = (sorted.len().saturating_sub(1) as f64 * part).round() as usize;
        sorted.get(place).copied().unwrap_or(f64::NAN)
    }

    pub(crate) fn sum(&self) -> f64 {
        self.0.iter().sum()
    }

    /// p50, p99 and the most, in columns.
    pub(crate) fn columns(&self) -> [String; 3] {
        [0.5, 0.99, 1.0].map(|part| format!("{:.1}", self.at(part)))
    }
}

/// A table that is printed as it grows.
pub(crate) struct Table {
    columns: usize,
}

impl Table {
    pub(crate) fn begin(columns: &[&str]) -> Self {
        println!("\n| {} |\n|{}", columns.join(" | "), "---|".repeat(columns.len()));
        Self { columns: columns.len() }
    }

    pub(crate) fn row(&self, cells: &[&dyn Display]) {
        assert_eq!(cells.len(), self.columns);
        let cells: Vec<String> = cells.iter().map(ToString::to_string).collect();
        println!("| {} |", cells.join(" | "));
    }

    /// A goal, what was measured, and whether that is at most as much.
    pub(crate) fn goal(&self, goal: &str, measured: f64, most: f64) {
        let verdict = if measured <= most { "reached" } else { "**missed**" };
        self.row(&[&goal, &format!("{measured:.2}"), &most, &verdict]);
    }
}
