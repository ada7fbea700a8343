//! Which target of a backend takes a request: of two the one with less to do, and none that has
//! just failed, as long as there is another.

use std::time::Instant;

use super::pool::Pool;
use super::target::Standing;
use crate::table::{Place, Route};

/// Multiplied with, a count is spread over all numbers, so that what it chooses looks random.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

impl Pool {
    /// The target for the request that is next in turn. `now` is asked where there are several.
    pub(in crate::proxy) fn choose<'r>(
        &self,
        route: &'r Route,
        turn: usize,
        now: fn() -> Instant,
    ) -> &'r Place {
        let places = route.destination.places();
        if places == 1 {
            return route.destination.place(0);
        }
        let now = now();
        let place = |at| route.destination.place(at);
        place(chosen(places, turn, |at| self.standing(place(at), now)))
    }
}

/// The next in turn or another one, whichever has less to do. Where both rest after a failure, the
/// next that does not; where all rest, the next in turn after all.
fn chosen(places: usize, turn: usize, standing: impl Fn(usize) -> Standing) -> usize {
    let in_turn = |ahead: usize| turn.wrapping_add(ahead) % places;
    let spread = (turn as u64).wrapping_mul(SPREAD) >> 33;
    let another = usize::try_from(spread).unwrap_or(0) % (places - 1);
    let (next, other) = (in_turn(0), in_turn(1 + another));
    let best = if standing(other) < standing(next) { other } else { next };
    if !standing(best).rests {
        return best;
    }
    (0..places).map(in_turn).find(|at| !standing(*at).rests).unwrap_or(next)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How often each of the targets was chosen in a hundred turns.
    fn counts(standings: &[(bool, usize)]) -> Vec<usize> {
        let mut counts = vec![0; standings.len()];
        for turn in 0..100 {
            let standing = |at: usize| {
                let (rests, in_flight) = standings[at];
                Standing { rests, in_flight }
            };
            counts[chosen(standings.len(), turn, standing)] += 1;
        }
        counts
    }

    #[test]
    fn equals_are_taken_in_turn() {
        assert_eq!(counts(&[(false, 0); 2]), [50, 50]);
        assert_eq!(counts(&[(false, 3); 4]), [25, 25, 25, 25]);
    }

    #[test]
    fn of_two_the_one_with_less_to_do() {
        assert_eq!(counts(&[(false, 1), (false, 0)]), [0, 100]);
        let counts = counts(&[(false, 9), (false, 0), (false, 0), (false, 0)]);
        assert_eq!(counts[0], 0, "any other has less to do: {counts:?}");
        assert!(counts[1..].iter().all(|count| *count >= 25), "{counts:?}");
    }

    #[test]
    fn one_that_rests_is_passed_over_while_another_does_not() {
        assert_eq!(counts(&[(true, 0), (false, 99)]), [0, 100]);
        assert_eq!(counts(&[(true, 0), (true, 0), (true, 0), (false, 99)]), [0, 0, 0, 100]);
        assert_eq!(counts(&[(true, 0); 2]), [50, 50], "something has to be tried");
    }
}
