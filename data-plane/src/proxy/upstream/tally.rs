//! When a target is out and when it is back: so many answers of one kind in a row. Pure.

use countersign_shared::api::HealthCheck;

#[derive(Debug, Default)]
pub(super) struct Tally {
    is_out: bool,
    /// Checks in a row that speak against how it stands.
    contrary: u32,
}

impl Tally {
    /// Whether the target is out after this check, where that has changed.
    pub(super) fn note(&mut self, is_well: bool, check: &HealthCheck) -> Option<bool> {
        if is_well != self.is_out {
            self.contrary = 0;
            return None;
        }
        self.contrary += 1;
        let enough = if self.is_out { check.healthy_after } else { check.unhealthy_after };
        if self.contrary < enough {
            return None;
        }
        (self.is_out, self.contrary) = (!self.is_out, 0);
        Some(self.is_out)
    }

    pub(super) fn is_out(&self) -> bool {
        self.is_out
    }
}

#[cfg(test)]
mod tests {
    use countersign_shared::api::CheckPath;

    use super::*;

    #[test]
    fn only_answers_in_a_row_count() {
        let check = HealthCheck {
            path: CheckPath::parse("/").unwrap(),
            interval_ms: 50,
            timeout_ms: 50,
            unhealthy_after: 3,
            healthy_after: 2,
        };
        let mut tally = Tally::default();
        let mut noted = |checks: &str| -> Vec<Option<bool>> {
            checks.chars().map(|c| tally.note(c == '+', &check)).collect()
        };
        assert_eq!(noted("+--+--"), [None; 6]);
        assert_eq!(noted("-"), [Some(true)]);
        assert_eq!(noted("-+-+"), [None; 4]);
        assert_eq!(noted("+"), [Some(false)]);
        assert_eq!(noted("--"), [None; 2]);
    }
}
