//! Time as people read it: that of the place where the gateway runs.

use jiff::{Timestamp, Zoned, tz::TimeZone};

/// Turns milliseconds since the epoch into local time. Cheap to clone; the zone is read once.
#[derive(Clone, Debug)]
pub(super) struct LocalTime(TimeZone);

impl LocalTime {
    /// The zone of the machine, UTC when it has none.
    pub(super) fn of_the_machine() -> Self {
        Self(TimeZone::try_system().unwrap_or(TimeZone::UTC))
    }

    /// `2026-11-22T06:38:55.786+00:00`.
    pub(super) fn iso(&self, ms: u64) -> String {
        self.at(ms).strftime("%Y-%m-%dT%H:%M:%S%.3f%:z").to_string()
    }

    /// `2026-11-22`, the date in a log file's name.
    pub(super) fn date(&self, ms: u64) -> String {
        self.at(ms).strftime("%Y-%m-%d").to_string()
    }

    /// `06:38:55`.
    pub(super) fn clock(&self, ms: u64) -> String {
        self.at(ms).strftime("%H:%M:%S").to_string()
    }

    fn at(&self, ms: u64) -> Zoned {
        timestamp(ms).to_zoned(self.0.clone())
    }
}

/// `2026-11-22T06:56:03.964Z`.
pub(super) fn utc(ms: u64) -> String {
    timestamp(ms).strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

fn timestamp(ms: u64) -> Timestamp {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or(Timestamp::UNIX_EPOCH)
}

#[cfg(test)]
impl LocalTime {
    pub(super) fn utc() -> Self {
        Self(TimeZone::UTC)
    }

    pub(super) fn east_of_utc(hours: i8) -> Self {
        Self(TimeZone::fixed(jiff::tz::offset(hours)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-11-22T23:56:03.960Z.
    const MS: u64 = 1_795_391_763_960;

    #[test]
    fn times_have_the_zone_of_the_machine_and_three_digits_of_a_second() {
        let east = LocalTime::east_of_utc(2);
        assert_eq!(east.iso(MS), "2026-11-23T01:56:03.960+02:00");
        assert_eq!((east.date(MS).as_str(), east.clock(MS).as_str()), ("2026-11-23", "01:56:03"));
        assert_eq!(utc(MS), "2026-11-22T23:56:03.960Z");
    }

    #[test]
    fn a_time_out_of_range_is_the_epoch() {
        assert_eq!(utc(u64::MAX), "1970-01-01T00:00:00.000Z");
    }
}
