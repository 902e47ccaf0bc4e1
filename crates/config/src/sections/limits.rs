//! Limits that a type alone does not express, checked while decoding. The schema attribute beside each use says the
//! same to people; a value outside makes decoding fail, and the schema check then says what is wrong with which key.

use serde::{Deserialize, Deserializer, de::Error};

/// At least one.
pub(in crate::sections) fn positive<'de, D, N>(deserializer: D) -> Result<N, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de> + PartialOrd + From<u8>,
{
    let number = N::deserialize(deserializer)?;
    if number >= N::from(1) { Ok(number) } else { Err(D::Error::custom("expected a number of at least 1")) }
}

/// At least one, if it is there.
pub(in crate::sections) fn positive_option<'de, D, N>(deserializer: D) -> Result<Option<N>, D::Error>
where
    D: Deserializer<'de>,
    N: Deserialize<'de> + PartialOrd + From<u8>,
{
    positive(deserializer).map(Some)
}

/// From 0 to `MAX`, if it is there.
pub(in crate::sections) fn at_most<'de, D, const MAX: u32>(deserializer: D) -> Result<Option<f64>, D::Error>
where
    D: Deserializer<'de>,
{
    let number = f64::deserialize(deserializer)?;
    if (0.0..=f64::from(MAX)).contains(&number) {
        Ok(Some(number))
    } else {
        Err(D::Error::custom(format!("expected a number from 0 to {MAX}")))
    }
}

/// From 1 to `MAX`, if it is there.
pub(in crate::sections) fn count_at_most<'de, D, const MAX: u32>(deserializer: D) -> Result<Option<u32>, D::Error>
where
    D: Deserializer<'de>,
{
    let number = u32::deserialize(deserializer)?;
    if (1..=MAX).contains(&number) {
        Ok(Some(number))
    } else {
        Err(D::Error::custom(format!("expected a number from 1 to {MAX}")))
    }
}

/// Text with something in it.
pub(in crate::sections) fn not_empty<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let text = String::deserialize(deserializer)?;
    if text.is_empty() { Err(D::Error::custom("expected text")) } else { Ok(text) }
}
