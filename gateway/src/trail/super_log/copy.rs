//! Copies the super-log to where a verifier looks for it.

use std::future::ready;
use std::path::Path as File;
use std::sync::Arc;

use futures_util::TryStreamExt as _;
use object_store::path::Path;
use object_store::{Error, ObjectStore, ObjectStoreExt as _};
use tokio::fs;

use super::entries::{FOLDER, place};

/// Why a super-log could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// From where.
    #[error("the super-log in the system bucket cannot be read")]
    Store(#[from] Error),
    /// To where.
    #[error("the copy of the super-log cannot be written")]
    Disk(#[from] std::io::Error),
}

/// Copies the super-log out of the system bucket into a directory, where `sealgate-verify` looks for it. How many entries
/// the store has. An entry that was copied before stays as it is, whatever the store says by now.
pub async fn copy_super_log(store: &Arc<dyn ObjectStore>, to: &File) -> Result<u64, CopyError> {
    fs::create_dir_all(to).await?;
    let entries = store.list(Some(&Path::from(FOLDER)));
    let copied = entries
        .err_into::<CopyError>()
        .try_filter_map(|entry| ready(Ok(number_of(&entry.location))))
        .map_ok(|number| copy(store, number, to))
        .try_buffer_unordered(AT_ONCE);
    let count = |count: u64, ()| ready(Ok(count.saturating_add(1)));
    copied.try_fold(0, count).await
}

/// The entries from number `first` on, in their order, `most` of them at most, with the bytes that the store has of them.
pub(crate) async fn super_entries(
    store: &Arc<dyn ObjectStore>,
    first: u64,
    most: usize,
) -> Result<Vec<(u64, Vec<u8>)>, Error> {
    let folder = Path::from(FOLDER);
    let listed = match first.checked_sub(1) {
        Some(before) => store.list_with_offset(Some(&folder), &place(before)),
        None => store.list(Some(&folder)),
    };
    let numbers = listed.try_filter_map(|entry| ready(Ok(number_of(&entry.location))));
    let mut numbers: Vec<u64> = numbers.try_collect().await?;
    numbers.sort_unstable();
    numbers.truncate(most);
    let mut entries = Vec::new();
    for number in numbers {
        let entry = store.get(&place(number)).await?.bytes().await?;
        entries.push((number, entry.to_vec()));
    }
    Ok(entries)
}

async fn copy(store: &Arc<dyn ObjectStore>, number: u64, to: &File) -> Result<(), CopyError> {
    let file = to.join(format!("{number:020}"));
    if fs::try_exists(&file).await? {
        return Ok(());
    }
    let entry = store.get(&place(number)).await?.bytes().await?;
    let unfinished = file.with_extension("unfinished");
    fs::write(&unfinished, entry).await?;
    Ok(fs::rename(&unfinished, &file).await?)
}

/// The entry at a place, if one can be there.
fn number_of(location: &Path) -> Option<u64> {
    let number = location.filename()?.parse().ok()?;
    (place(number) == *location).then_some(number)
}

const AT_ONCE: usize = 16;

#[cfg(test)]
mod tests {
    use object_store::memory::InMemory;

    use super::*;

    #[tokio::test]
    async fn only_entries_are_copied_and_copies_are_kept() {
        let store: Arc<dyn ObjectStore> = Arc::new(InMemory::new());
        let stray = Path::from(format!("{FOLDER}/stray/{:020}", 0));
        store.put(&stray, "stray".into()).await.unwrap();
        for number in 0..3 {
            let entry = format!("entry {number}");
            store.put(&place(number), entry.into()).await.unwrap();
        }
        let directory = tempfile::tempdir().unwrap();
        let to = directory.path().join("super");
        assert_eq!(copy_super_log(&store, &to).await.unwrap(), 3);
        store.put(&place(1), "another".into()).await.unwrap();
        store.put(&place(3), "entry 3".into()).await.unwrap();
        assert_eq!(copy_super_log(&store, &to).await.unwrap(), 4);
        for number in 0..4 {
            let copied = std::fs::read_to_string(to.join(format!("{number:020}"))).unwrap();
            assert_eq!(copied, format!("entry {number}"));
        }
        assert_eq!(std::fs::read_dir(&to).unwrap().count(), 4);
        let some = super_entries(&store, 2, 9).await.unwrap();
        let (third, fourth) = (b"entry 2".to_vec(), b"entry 3".to_vec());
        assert_eq!(some, [(2, third), (3, fourth)]);
        let first = super_entries(&store, 0, 1).await.unwrap();
        assert_eq!(first, [(0, b"entry 0".to_vec())]);
    }
}
