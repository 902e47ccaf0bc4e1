//! A connection as the rest of the crate sees it: [`View`] reads, [`Tx`] also changes.

use std::{cell::RefCell, ops::Deref, sync::Arc};

use rusqlite::{Connection, Params, Row, types::Type};
use serde::{Serialize, de::DeserializeOwned};

use crate::error::StoreError;

/// A moment on the way of a change to the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Before the transaction begins.
    Begin,
    /// Before one statement that changes something.
    Statement,
    /// Before the commit.
    Commit,
    /// The commit is on the disk; nobody has been told.
    Committed,
    /// Before one caller is told.
    Answer,
}

/// Called at every [`Step`] in the writer's thread. An error stands for a failure of that step. Tests stop the process
/// in it, or let a step fail; a running gateway has none.
pub type StepHook = Arc<dyn Fn(Step) -> Result<(), StoreError> + Send + Sync>;

/// Reads.
pub(crate) struct View<'a>(pub &'a Connection);

impl View<'_> {
    /// The first row, if there is one.
    pub(crate) fn row<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Option<T>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let mut rows = statement.query(params)?;
        Ok(rows.next()?.map(read).transpose()?)
    }

    /// All rows.
    pub(crate) fn rows<T>(
        &self,
        sql: &str,
        params: impl Params,
        read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
    ) -> Result<Vec<T>, StoreError> {
        let mut statement = self.0.prepare_cached(sql)?;
        let rows = statement.query_map(params, read)?;
        Ok(rows.collect::<Result<_, _>>()?)
    }

    /// A number, 0 when there is no row.
    pub(crate) fn count(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let count = self.row(sql, params, |row| row.get::<_, i64>(0))?.unwrap_or_default();
        Ok(usize::try_from(count).unwrap_or_default())
    }
}

/// Reads and changes, inside the writer's transaction.
pub(crate) struct Tx<'a> {
    view: View<'a>,
    hook: Option<&'a StepHook>,
    /// Set when the disk failed: then the whole transaction is void, whatever the change made of the error.
    broken: RefCell<Option<StoreError>>,
}

impl<'a> Tx<'a> {
    pub(crate) fn new(connection: &'a Connection, hook: Option<&'a StepHook>) -> Self {
        Self { view: View(connection), hook, broken: RefCell::new(None) }
    }

    /// Runs one statement; the number of rows that it changed.
    pub(crate) fn change(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        let result = self.try_change(sql, params);
        if let Err(error) = &result
            && error.spoils_connection()
        {
            self.broken.replace(Some(error.clone()));
        }
        result
    }

    fn try_change(&self, sql: &str, params: impl Params) -> Result<usize, StoreError> {
        if let Some(hook) = self.hook {
            hook(Step::Statement)?;
        }
        Ok(self.view.0.prepare_cached(sql)?.execute(params)?)
    }

    /// The failure of the disk, if there was one.
    pub(crate) fn failure(&self) -> Option<StoreError> {
        self.broken.take()
    }
}

impl<'a> Deref for Tx<'a> {
    type Target = View<'a>;

    fn deref(&self) -> &Self::Target {
        &self.view
    }
}

/// Milliseconds as `SQLite` holds them.
pub(crate) fn milliseconds(ms: u64) -> i64 {
    i64::try_from(ms).unwrap_or(i64::MAX)
}

/// And back; a negative number, which nothing here writes, counts as 0.
pub(crate) fn unsigned(stored: i64) -> u64 {
    u64::try_from(stored).unwrap_or_default()
}

/// A moment that may not have been.
pub(crate) fn optional_ms(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<u64>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(unsigned))
}

/// Reads a JSON column. Text that does not fit is an error, never a default (SEC-001).
pub(crate) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    let text = row.get_ref(column)?.as_str().map_err(rusqlite::Error::from)?;
    serde_json::from_str(text)
        .map_err(|error| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(error)))
}

/// Writes a JSON column.
pub(crate) fn to_json(value: &impl Serialize) -> Result<String, StoreError> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)).into())
}
