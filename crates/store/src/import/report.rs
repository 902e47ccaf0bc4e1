//! What an import did.

/// What was taken over, and what was not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// Devices that need not pair again.
    pub devices: usize,
    /// The files and tables that they came from.
    pub sources: Vec<String>,
    /// A sentence for each thing that was left out, naming it and saying why.
    pub skipped: Vec<String>,
}
