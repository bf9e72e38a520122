//! The records of each cluster.

use rayon::prelude::*;

/// Records by cluster, within a cluster in their order.
pub(crate) struct Members {
    /// Where the records of each cluster begin, and the end of the last.
    begins: Vec<u32>,
    records: Vec<u32>,
}

impl Members {
    /// A counting sort by label.
    pub(crate) fn of(clusters: &[u32]) -> Self {
        let count = clusters.iter().max().map_or(0, |last| *last as usize + 1);
        let mut begins = vec![0_u32; count + 1];
        clusters.iter().for_each(|cluster| begins[*cluster as usize + 1] += 1);
        (0..count).for_each(|cluster| begins[cluster + 1] += begins[cluster]);
        let mut next = begins.clone();
        let mut records = vec![0; clusters.len()];
        for (record, cluster) in (0..).zip(clusters) {
            let place = &mut next[*cluster as usize];
            records[*place as usize] = record;
            *place += 1;
        }
        Self { begins, records }
    }

    /// Labels, those of no record among them.
    pub(crate) fn len(&self) -> usize {
        self.begins.len() - 1
    }

    /// The records of one label.
    pub(crate) fn cluster(&self, label: u32) -> &[u32] {
        let [begin, end] = [0, 1].map(|next| self.begins[label as usize + next] as usize);
        &self.records[begin..end]
    }

    /// The records of every label.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u32]> {
        (0..self.len() as u32).map(|label| self.cluster(label))
    }

    /// The same, worked on side by side.
    pub(crate) fn par_iter(&self) -> impl ParallelIterator<Item = &[u32]> {
        (0..self.len() as u32).into_par_iter().map(|label| self.cluster(label))
    }
}
