//! When to dial again (REL-031).

use std::{fmt, time::Duration};

/// The first window.
const FIRST: Duration = Duration::from_secs(1);
/// The last one.
const LAST: Duration = Duration::from_secs(30);
/// A link that held so long was a good one: the next loss starts from the first window.
const STABLE: Duration = Duration::from_mins(1);
/// The pause after a refusal that time alone hardly mends.
const SLOW: Duration = Duration::from_mins(1);

/// Exponential backoff with full jitter: each wait is drawn evenly from a window that doubles from 1 s to 30 s, so
/// that ten thousand clients of a restarted gateway do not come back in step.
pub struct Backoff {
    window: Duration,
    random: Box<dyn FnMut() -> u64 + Send>,
}

impl Backoff {
    /// `random` gives evenly distributed 64-bit numbers.
    pub fn new(random: impl FnMut() -> u64 + Send + 'static) -> Self {
        Self { window: FIRST, random: Box::new(random) }
    }

    /// With the randomness of the system.
    pub fn system() -> Self {
        // Without randomness the wait is the whole window, which is slow and safe.
        Self::new(|| openclaw_identity::random_bytes::<8>().map_or(u64::MAX, u64::from_ne_bytes))
    }

    /// The wait after a failed dial or a lost link, never shorter than `at_least`.
    pub fn after_failure(&mut self, at_least: Duration) -> Duration {
        let wait = self.draw(self.window);
        self.window = (self.window * 2).min(LAST);
        at_least + wait
    }

    /// The wait after the gateway said that it restarts (1012): the window is used and does not grow, for the gateway
    /// is well; it is at least as long as the gateway asked for.
    pub fn after_restart(&mut self, back_after: Duration) -> Duration {
        back_after + self.draw(self.window)
    }

    /// The wait after a refusal that only time or an update can mend: a minute and up to half of one more.
    pub fn slowly(&mut self) -> Duration {
        SLOW + self.draw(LAST)
    }

    /// Tells how long the last link held.
    pub fn link_held(&mut self, held: Duration) {
        if held >= STABLE {
            self.window = FIRST;
        }
    }

    fn draw(&mut self, window: Duration) -> Duration {
        let share = u128::from((self.random)());
        let nanos = (window.as_nanos() * share) >> 64;
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
    }
}

impl Default for Backoff {
    fn default() -> Self {
        Self::system()
    }
}

impl fmt::Debug for Backoff {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Backoff").field("window", &self.window).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A small generator with a fixed start, so that the test is the same each time (`SplitMix64`).
    fn seeded(mut state: u64) -> impl FnMut() -> u64 + Send + 'static {
        move || {
            state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
            let mut mixed = state;
            mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            mixed ^ (mixed >> 31)
        }
    }

    fn largest(mut backoff: Backoff, count: usize) -> Vec<u64> {
        (0..count).map(|_| (backoff.after_failure(Duration::ZERO) + Duration::from_millis(1)).as_secs()).collect()
    }

    #[test]
    fn rel_031_the_window_doubles_from_one_second_to_thirty() {
        assert_eq!(largest(Backoff::new(|| u64::MAX), 8), [1, 2, 4, 8, 16, 30, 30, 30]);
        assert_eq!(largest(Backoff::new(|| 0), 3), [0, 0, 0]);
    }

    #[test]
    fn rel_031_a_stable_link_starts_over_and_a_flapping_one_does_not() {
        let mut backoff = Backoff::new(|| u64::MAX);
        for _ in 0..5 {
            backoff.after_failure(Duration::ZERO);
        }
        backoff.link_held(Duration::from_secs(59));
        assert!(backoff.after_failure(Duration::ZERO) > Duration::from_secs(29));
        backoff.link_held(Duration::from_mins(1));
        assert!(backoff.after_failure(Duration::ZERO) <= Duration::from_secs(1));
    }

    #[test]
    fn rel_031_what_the_gateway_asks_for_is_the_least() {
        let mut backoff = Backoff::new(seeded(1));
        assert!(backoff.after_failure(Duration::from_secs(42)) >= Duration::from_secs(42));
        assert!(backoff.slowly() >= Duration::from_mins(1));
        let restart = backoff.after_restart(Duration::from_secs(3));
        assert!(restart >= Duration::from_secs(3) && restart <= Duration::from_secs(5));
    }

    /// Ten thousand clients lose their link at once; a dial takes no time and fails until second 20.
    #[test]
    fn rel_031_ten_thousand_clients_do_not_come_back_in_step() {
        let clients = 10_000_usize;
        let mut connects = vec![0_usize; 121];
        let mut back = 0;
        for client in 0..clients {
            let mut backoff = Backoff::new(seeded(client as u64 * 7_919));
            let mut now = Duration::ZERO;
            while now < Duration::from_secs(20) {
                now += backoff.after_failure(Duration::ZERO);
                if let Some(second) = connects.get_mut(usize::try_from(now.as_secs()).unwrap()) {
                    *second += 1;
                }
            }
            back += usize::from(now <= Duration::from_mins(2));
        }
        assert_eq!(back, clients);
        let total: usize = connects.iter().sum();
        let worst = connects.iter().skip(5).max().unwrap();
        assert!(worst * 20 <= total, "{worst} of {total} connects came in one second");
    }

    #[test]
    fn rel_031_jitter_is_spread_evenly_over_the_window() {
        let mut backoff = Backoff::new(seeded(7));
        let mut tenths = [0_usize; 10];
        for _ in 0..10_000 {
            let wait = backoff.draw(Duration::from_secs(10));
            tenths[usize::try_from(wait.as_secs()).unwrap()] += 1;
        }
        assert!(tenths.iter().all(|count| (850..1_150).contains(count)), "{tenths:?}");
    }
}
