//! The tables of one running change: buckets, uploads, and the accounting of bodies.

use redb::{ReadableTable, Table, WriteTransaction};
use serde::Serialize;

use super::records::{BucketRecord, PartRecord, UploadRecord};
use super::{
    BODIES, BUCKETS, COUNTERS, CURRENT, HISTORY, Json, LAYOUTS, PARTS, SMALL, UPLOADS, lookup,
};
use crate::bodies::{BodyId, Held, Layout, Staged};
use crate::fault::Fault;

/// Every table, open for writing, and what is to happen to bodies once the change is committed.
pub(crate) struct Tables<'t> {
    counters: Table<'t, &'static str, u64>,
    pub(super) buckets: Table<'t, &'static str, Json>,
    pub(super) current: Table<'t, (u64, &'static str), Json>,
    pub(super) history: Table<'t, (u64, &'static str, u64), Json>,
    uploads: Table<'t, (u64, &'static str, &'static str), Json>,
    parts: Table<'t, (&'static str, u32), Json>,
    layouts: Table<'t, u64, &'static [u8]>,
    bodies: Table<'t, u128, u64>,
    small: Table<'t, u128, &'static [u8]>,
    last_seq: u64,
    pub(super) changes: u64,
    adopted: Vec<Staged>,
    released: Vec<BodyId>,
}

impl<'t> Tables<'t> {
    pub(super) fn open(transaction: &'t WriteTransaction) -> Result<Self, Fault> {
        let counters = transaction.open_table(COUNTERS)?;
        let last_seq = counters.get(SEQ)?.map_or(0, |row| row.value());
        Ok(Self {
            counters,
            buckets: transaction.open_table(BUCKETS)?,
            current: transaction.open_table(CURRENT)?,
            history: transaction.open_table(HISTORY)?,
            uploads: transaction.open_table(UPLOADS)?,
            parts: transaction.open_table(PARTS)?,
            layouts: transaction.open_table(LAYOUTS)?,
            bodies: transaction.open_table(BODIES)?,
            small: transaction.open_table(SMALL)?,
            last_seq,
            changes: 0,
            adopted: Vec::new(),
            released: Vec::new(),
        })
    }

    /// Ends the change: bodies to keep, and bodies to remove, after the commit.
    pub(super) fn close(mut self) -> Result<(Vec<Staged>, Vec<BodyId>), Fault> {
        self.counters.insert(SEQ, self.last_seq)?;
        Ok((self.adopted, self.released))
    }

    pub(super) fn changes(&self) -> u64 {
        self.changes
    }

    /// The next number for a version, part, bucket or upload.
    pub(crate) fn next_seq(&mut self) -> u64 {
        self.changes += 1;
        self.last_seq += 1;
        self.last_seq
    }

    pub(crate) fn bucket(&self, name: &str) -> Result<BucketRecord, Fault> {
        lookup::bucket(&self.buckets, name)
    }

    pub(crate) fn put_bucket(&mut self, name: &str, record: &BucketRecord) -> Result<(), Fault> {
        self.changes += 1;
        self.buckets.insert(name, &*json(record)?)?;
        Ok(())
    }

    /// Removes an empty bucket and its unfinished uploads.
    ///
    /// # Errors
    /// [`Fault::BucketNotEmpty`].
    pub(crate) fn remove_bucket(&mut self, name: &str) -> Result<(), Fault> {
        let id = self.bucket(name)?.id;
        if self.current.range((id, "")..(id + 1, ""))?.next().is_some() {
            return Err(Fault::BucketNotEmpty);
        }
        let uploads: Vec<(String, String)> = self
            .uploads
            .range((id, "", "")..(id + 1, "", ""))?
            .map(|row| {
                let (key, _) = row?;
                let (_, key, upload) = key.value();
                Ok((key.to_owned(), upload.to_owned()))
            })
            .collect::<Result<_, Fault>>()?;
        for (key, upload) in uploads {
            self.remove_upload(id, &key, &upload)?;
        }
        self.changes += 1;
        self.buckets.remove(name)?;
        Ok(())
    }

    pub(crate) fn upload(&self, bucket: u64, key: &str, id: &str) -> Result<UploadRecord, Fault> {
        lookup::upload(&self.uploads, bucket, key, id)
    }

    pub(crate) fn put_upload(
        &mut self,
        bucket: u64,
        key: &str,
        id: &str,
        record: &UploadRecord,
    ) -> Result<(), Fault> {
        self.changes += 1;
        self.uploads.insert((bucket, key, id), &*json(record)?)?;
        Ok(())
    }

    pub(crate) fn parts(&self, upload: &str) -> Result<Vec<(u32, PartRecord)>, Fault> {
        lookup::parts(&self.parts, upload, 0, usize::MAX)
    }

    /// Stores a part, numbering its record, in place of an earlier part of the same number.
    pub(crate) fn put_part(
        &mut self,
        upload: &str,
        number: u32,
        mut record: PartRecord,
        layout: &Layout,
    ) -> Result<(), Fault> {
        record.seq = self.next_seq();
        let earlier: Option<PartRecord> = self
            .parts
            .insert((upload, number), &*json(&record)?)?
            .map(|row| serde_json::from_slice(row.value()))
            .transpose()?;
        self.link(record.seq, layout)?;
        if let Some(earlier) = earlier {
            self.unlink(earlier.seq)?;
        }
        Ok(())
    }

    /// Forgets an upload and its parts.
    pub(crate) fn remove_upload(&mut self, bucket: u64, key: &str, id: &str) -> Result<(), Fault> {
        self.changes += 1;
        for (number, part) in self.parts(id)? {
            self.parts.remove((id, number))?;
            self.unlink(part.seq)?;
        }
        self.uploads.remove((bucket, key, id))?;
        Ok(())
    }

    pub(crate) fn layout(&self, seq: u64) -> Result<Layout, Fault> {
        lookup::layout(&self.layouts, seq)
    }

    /// Takes a staged body into the index; [`Self::link`] must follow with the layout it answers.
    pub(crate) fn adopt(&mut self, staged: Staged) -> Result<Layout, Fault> {
        self.changes += 1;
        let layout = staged.layout();
        match staged.held() {
            Held::Memory(bytes) if !bytes.is_empty() => {
                self.small.insert(staged.id, &**bytes)?;
            }
            Held::Memory(_) | Held::File(_) => {}
        }
        self.adopted.push(staged);
        Ok(layout)
    }

    /// Says that `seq` consists of `layout` and counts its hold on the bodies.
    pub(crate) fn link(&mut self, seq: u64, layout: &Layout) -> Result<(), Fault> {
        self.changes += 1;
        self.layouts.insert(seq, &*layout.encode())?;
        for extent in layout.extents() {
            let held = self.bodies.get(extent.body)?.map_or(0, |row| row.value());
            self.bodies.insert(extent.body, held + 1)?;
        }
        Ok(())
    }

    /// Drops what [`Self::link`] said, and bodies that nothing else holds.
    pub(super) fn unlink(&mut self, seq: u64) -> Result<(), Fault> {
        self.changes += 1;
        let layout = self.layout(seq)?;
        self.layouts.remove(seq)?;
        for extent in layout.extents() {
            let held = self.bodies.get(extent.body)?.map_or(0, |row| row.value());
            if held > 1 {
                self.bodies.insert(extent.body, held - 1)?;
                continue;
            }
            self.bodies.remove(extent.body)?;
            // Either it was a small body, or it is a file to remove.
            if self.small.remove(extent.body)?.is_none() {
                self.released.push(extent.body);
            }
        }
        Ok(())
    }
}

pub(super) fn json(record: &impl Serialize) -> Result<Vec<u8>, Fault> {
    Ok(serde_json::to_vec(record)?)
}

/// The counter behind [`Tables::next_seq`].
const SEQ: &str = "seq";
