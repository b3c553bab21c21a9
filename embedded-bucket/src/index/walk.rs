//! Ordered listings: keys, common prefixes and pages, over any table whose keys sort as S3's do.

use std::ops::Bound;

use redb::{AccessGuard, ReadableTable, StorageError};
use serde::Deserialize;

use super::records::{Moment, UploadRecord, VersionRecord};
use super::view::View;
use super::{CURRENT, HISTORY, Json, UPLOADS};
use crate::fault::Fault;

/// What a listing asks for.
#[derive(Debug, Clone)]
pub(crate) struct Query {
    pub(crate) prefix: String,
    /// Never empty.
    pub(crate) delimiter: Option<String>,
    /// At most so many items and common prefixes together.
    pub(crate) limit: usize,
}

/// One page: items and common prefixes, each in order.
#[derive(Debug)]
pub(crate) struct Page<T> {
    pub(crate) items: Vec<(String, T)>,
    pub(crate) prefixes: Vec<String>,
    /// The last key or common prefix of a page that is not the last.
    pub(crate) next: Option<String>,
}

/// The facts of an object that a listing shows.
#[derive(Debug, Deserialize)]
pub(crate) struct Listed {
    pub(crate) etag: String,
    pub(crate) size: u64,
    pub(crate) modified: Moment,
    marker: bool,
}

/// The facts of a version that a listing shows.
#[derive(Debug)]
pub(crate) struct ListedVersion {
    pub(crate) record: VersionRecord,
    pub(crate) newest: bool,
}

impl View {
    /// The objects of a bucket whose key or common prefix sorts after `after`.
    pub(crate) fn objects(
        &self,
        bucket: u64,
        query: &Query,
        after: Option<&str>,
    ) -> Result<Page<Listed>, Fault> {
        let table = self.transaction.open_table(CURRENT)?;
        walk(query, query.first(after), |from| {
            let rows = table.range((start(bucket, &from), Bound::Excluded((bucket + 1, ""))))?;
            Ok(rows.filter_map(|row| {
                let read = || {
                    let (key, record) = row?;
                    let listed: Listed = serde_json::from_slice(record.value())?;
                    Ok((!listed.marker).then(|| (key.value().1.to_owned(), listed)))
                };
                read().transpose()
            }))
        })
    }

    /// The versions of a bucket after key `after`, or after its version `after_seq` if one is named.
    pub(crate) fn versions(
        &self,
        bucket: u64,
        query: &Query,
        after: Option<&str>,
        after_seq: Option<u64>,
    ) -> Result<Page<ListedVersion>, Fault> {
        let current = self.transaction.open_table(CURRENT)?;
        let history = self.transaction.open_table(HISTORY)?;
        let first = match (after, after_seq) {
            (Some(key), Some(_)) => Some(Bound::Included(key.to_owned())),
            _ => query.first(after),
        };
        let seen =
            |key: &str, seq: u64| Some(key) == after && after_seq.is_some_and(|limit| seq >= limit);
        walk(query, first, |from| {
            let rows = current.range((start(bucket, &from), Bound::Excluded((bucket + 1, ""))))?;
            let history = &history;
            Ok(rows
                .flat_map(move |row| versions_of(history, bucket, row))
                .filter(move |row| {
                    row.as_ref()
                        .map_or(true, |(key, version)| !seen(key, version.record.seq))
                }))
        })
    }

    /// The uploads of a bucket after key `after`, or after its upload `after_id` if one is named.
    pub(crate) fn uploads(
        &self,
        bucket: u64,
        query: &Query,
        after: Option<&str>,
        after_id: Option<&str>,
    ) -> Result<Page<(String, UploadRecord)>, Fault> {
        let table = self.transaction.open_table(UPLOADS)?;
        let first = match (after, after_id) {
            (Some(key), Some(_)) => Some(Bound::Included(key.to_owned())),
            _ => query.first(after),
        };
        let seen =
            |key: &str, id: &str| Some(key) == after && after_id.is_some_and(|limit| id <= limit);
        walk(query, first, |from| {
            let from = match &from {
                Bound::Included(key) => Bound::Included((bucket, key.as_str(), "")),
                // No upload id sorts after this one.
                Bound::Excluded(key) => Bound::Excluded((bucket, key.as_str(), "~")),
                Bound::Unbounded => Bound::Included((bucket, "", "")),
            };
            let rows = table.range((from, Bound::Excluded((bucket + 1, "", ""))))?;
            Ok(rows.filter_map(move |row| {
                let read = || {
                    let (key, record) = row?;
                    let (_, key, id) = key.value();
                    let record: UploadRecord = serde_json::from_slice(record.value())?;
                    Ok((!seen(key, id)).then(|| (key.to_owned(), (id.to_owned(), record))))
                };
                read().transpose()
            }))
        })
    }
}

impl Query {
    /// Where to begin reading for entries that sort after `after`; `None` when there can be none.
    ///
    /// A common prefix sorts as its own text, so that a key inside it is past it.
    fn first(&self, after: Option<&str>) -> Option<Bound<String>> {
        match after {
            Some(after) if after >= self.prefix.as_str() => match self.common_prefix(after) {
                Some(prefix) => successor(prefix).map(Bound::Included),
                None => Some(Bound::Excluded(after.to_owned())),
            },
            _ => Some(Bound::Included(self.prefix.clone())),
        }
    }

    /// `key` up to and with the first delimiter behind the prefix.
    fn common_prefix<'k>(&self, key: &'k str) -> Option<&'k str> {
        let delimiter = self.delimiter.as_deref()?;
        let rest = key.strip_prefix(&self.prefix)?;
        let found = rest.find(delimiter)?;
        key.get(..self.prefix.len() + found + delimiter.len())
    }
}

/// Reads rows from `first` on into a page; `open` starts again behind each common prefix, so that
/// the keys inside it are never read.
fn walk<T, I>(
    query: &Query,
    first: Option<Bound<String>>,
    open: impl Fn(Bound<String>) -> Result<I, Fault>,
) -> Result<Page<T>, Fault>
where
    I: Iterator<Item = Result<(String, T), Fault>>,
{
    let mut page = Page {
        items: Vec::new(),
        prefixes: Vec::new(),
        next: None,
    };
    let Some(first) = first.filter(|_| query.limit > 0) else {
        return Ok(page);
    };
    let mut last_is_prefix = false;
    let mut rows = open(first)?;
    while let Some(row) = rows.next() {
        let (key, item) = row?;
        if !key.starts_with(&query.prefix) {
            break;
        }
        if page.items.len() + page.prefixes.len() == query.limit {
            page.next = if last_is_prefix {
                page.prefixes.last().cloned()
            } else {
                page.items.last().map(|(key, _)| key.clone())
            };
            break;
        }
        let Some(prefix) = query.common_prefix(&key) else {
            last_is_prefix = false;
            page.items.push((key, item));
            continue;
        };
        last_is_prefix = true;
        page.prefixes.push(prefix.to_owned());
        match successor(prefix) {
            Some(next) => rows = open(Bound::Included(next))?,
            None => break,
        }
    }
    Ok(page)
}

fn start(bucket: u64, from: &Bound<String>) -> Bound<(u64, &str)> {
    match from {
        Bound::Included(key) => Bound::Included((bucket, key)),
        Bound::Excluded(key) => Bound::Excluded((bucket, key)),
        Bound::Unbounded => Bound::Included((bucket, "")),
    }
}

/// The least string that sorts after every string with this prefix.
fn successor(prefix: &str) -> Option<String> {
    let mut head = prefix.to_owned();
    while let Some(last) = head.pop() {
        // Steps over the surrogates, and gives up on the last scalar value.
        if let Some(next) = (last..=char::MAX).nth(1) {
            head.push(next);
            return Some(head);
        }
    }
    None
}

/// A row of the table of newest versions.
type CurrentRow<'a> =
    Result<(AccessGuard<'a, (u64, &'static str)>, AccessGuard<'a, Json>), StorageError>;

/// The newest version of a key and the older ones behind it.
fn versions_of(
    history: &impl ReadableTable<(u64, &'static str, u64), Json>,
    bucket: u64,
    row: CurrentRow<'_>,
) -> impl Iterator<Item = Result<(String, ListedVersion), Fault>> {
    let read = || {
        let (key, record) = row?;
        let key = key.value().1.to_owned();
        let record: VersionRecord = serde_json::from_slice(record.value())?;
        let older = history.range((bucket, key.as_str(), 0)..=(bucket, key.as_str(), u64::MAX))?;
        Ok((key, record, older))
    };
    let (first, rest) = match read() {
        Err(fault) => (Err(fault), None),
        Ok((key, record, older)) => {
            let newest = ListedVersion {
                record,
                newest: true,
            };
            let rest = older.map({
                let key = key.clone();
                move |row| {
                    let record = serde_json::from_slice(row?.1.value())?;
                    Ok((
                        key.clone(),
                        ListedVersion {
                            record,
                            newest: false,
                        },
                    ))
                }
            });
            (Ok((key, newest)), Some(rest))
        }
    };
    std::iter::once(first).chain(rest.into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::successor;

    #[test]
    fn a_successor_is_past_every_string_with_the_prefix() {
        assert_eq!(successor("a/").as_deref(), Some("a0"));
        assert_eq!(successor("\u{d7ff}").as_deref(), Some("\u{e000}"));
        assert_eq!(successor("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(successor("\u{10ffff}"), None);
    }
}
