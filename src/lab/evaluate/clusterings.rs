//! Other ways from weighed pairs to clusters, side by side with the shipped one on the same pairs.
//!
//! Hassanzadeh, Chiang, Lee and Miller, "Framework for evaluating clustering algorithms in duplicate
//! detection" (PVLDB 2, 2009), compare them on plaintext. None of these knows that a source holds
//! nobody twice; the data they are compared on may hold people twice everywhere.

use std::collections::HashSet;

use samenloop_link::Linkage;
use serde::Serialize;

use super::counts::{self, Registry};
use super::{Clusters, Pairs};

/// One way of clustering and how well it does.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Clustering {
    /// Its name.
    pub method: String,
    /// Clusters of all rows.
    pub clusters: u64,
    /// Over pairs of rows.
    pub pairs: Pairs,
}

type Edge = (u32, u32, f32);

/// Log-odds of 0.5, 0.9 and 0.99.
const THRESHOLDS: [(&str, f32); 3] = [("0.5", 0.0), ("0.9", 2.197), ("0.99", 4.595)];

/// The shipped clusters and those of every other way.
pub(super) fn compare(
    linkage: &Linkage,
    registries: &[&Registry],
    widen: impl Fn(&[u32]) -> Clusters,
) -> Vec<Clustering> {
    let shipped = ("average link (shipped)".to_owned(), linkage.clusters.clone());
    let others = others(linkage.clusters.len(), &linkage.weights);
    let scored = |(method, labels): (String, Vec<u32>)| {
        let clusters = widen(&labels);
        let own: HashSet<&u32> = clusters.iter().flatten().collect();
        Clustering {
            method,
            clusters: own.len() as u64,
            pairs: counts::pairs(registries, &clusters),
        }
    };
    std::iter::once(shipped).chain(others).map(scored).collect()
}

/// Labels per record under every other way.
fn others(records: usize, weights: &[Edge]) -> Vec<(String, Vec<u32>)> {
    let mut edges: Vec<Edge> =
        weights.iter().copied().filter(|(.., weight)| *weight > 0.0).collect();
    edges.sort_by(|a, b| b.2.total_cmp(&a.2).then((a.0, a.1).cmp(&(b.0, b.1))));
    let mut all = vec![];
    for (name, least) in THRESHOLDS {
        let strong = edges.partition_point(|(.., weight)| *weight > least);
        let labels = components(records, &edges[..strong]);
        all.push((format!("connected components, p > {name}"), labels));
    }
    all.push(("centre".to_owned(), centre(records, &edges, false)));
    all.push(("merge-centre".to_owned(), centre(records, &edges, true)));
    all.push(("star, most ties first".to_owned(), star(records, &edges, true)));
    all.push(("pivot (correlation clustering)".to_owned(), star(records, &edges, false)));
    all
}

fn root(of: &mut [u32], mut record: u32) -> u32 {
    while of[record as usize] != record {
        let above = of[of[record as usize] as usize];
        of[record as usize] = above;
        record = above;
    }
    record
}

/// Everything that hangs together.
fn components(records: usize, edges: &[Edge]) -> Vec<u32> {
    let mut of: Vec<u32> = (0..records as u32).collect();
    for (a, b, _) in edges {
        let (a, b) = (root(&mut of, *a), root(&mut of, *b));
        of[a.max(b) as usize] = a.min(b);
    }
    (0..records as u32).map(|record| root(&mut of, record)).collect()
}

/// Along the edges from the strongest, the first end that is in no cluster becomes a centre, and the
/// other joins it (Haveliwala, Gionis and Indyk 2000). With `merge`, an edge between two centres, or from
/// a centre to another's member, makes their clusters one.
fn centre(records: usize, edges: &[Edge], merge: bool) -> Vec<u32> {
    #[derive(Clone, Copy, PartialEq)]
    enum Role {
        Free,
        Centre,
        Member,
    }
    let mut role = vec![Role::Free; records];
    let mut of: Vec<u32> = (0..records as u32).collect();
    for (a, b, _) in edges {
        match (role[*a as usize], role[*b as usize]) {
            (Role::Free, Role::Free) => {
                (role[*a as usize], role[*b as usize]) = (Role::Centre, Role::Member);
                of[*b as usize] = *a;
            }
            (Role::Centre, Role::Free) => {
                role[*b as usize] = Role::Member;
                of[*b as usize] = root(&mut of, *a);
            }
            (Role::Free, Role::Centre) => {
                role[*a as usize] = Role::Member;
                of[*a as usize] = root(&mut of, *b);
            }
            (first, second) if merge && (first == Role::Centre || second == Role::Centre) => {
                let (a, b) = (root(&mut of, *a), root(&mut of, *b));
                of[a.max(b) as usize] = a.min(b);
            }
            // Whoever is tied to a member only begins a cluster of its own, later.
            _ => {}
        }
    }
    (0..records as u32).map(|record| root(&mut of, record)).collect()
}

/// Record by record, one in no cluster takes everyone in none that it is tied to: in the order of most
/// ties (star: Aslam, Pelekhov and Rus 2004), or as they come (pivot: Ailon, Charikar and Newman 2008;
/// records stand in an order that tells nothing).
fn star(records: usize, edges: &[Edge], most_first: bool) -> Vec<u32> {
    let mut ties = vec![vec![]; records];
    for (a, b, _) in edges {
        ties[*a as usize].push(*b);
        ties[*b as usize].push(*a);
    }
    let mut order: Vec<u32> = (0..records as u32).collect();
    if most_first {
        order.sort_by_key(|record| std::cmp::Reverse(ties[*record as usize].len()));
    }
    let mut of = vec![u32::MAX; records];
    for record in order {
        if of[record as usize] != u32::MAX {
            continue;
        }
        of[record as usize] = record;
        for other in &ties[record as usize] {
            if of[*other as usize] == u32::MAX {
                of[*other as usize] = record;
            }
        }
    }
    of
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A chain of four, its middle tie the weakest, and a record by itself.
    const EDGES: [Edge; 3] = [(0, 1, 5.0), (2, 3, 4.0), (1, 2, 1.0)];

    fn clusters(labels: &[u32]) -> Vec<Vec<usize>> {
        let mut all: Vec<Vec<usize>> = vec![];
        for (record, label) in labels.iter().enumerate() {
            match all.iter_mut().find(|own| labels[own[0]] == *label) {
                Some(own) => own.push(record),
                None => all.push(vec![record]),
            }
        }
        all
    }

    #[test]
    fn a_chain_is_cut_where_the_method_says() {
        let all = others(5, &EDGES);
        let of = |name: &str| {
            let (_, labels) = all.iter().find(|(own, _)| own.starts_with(name)).expect("a method");
            clusters(labels)
        };
        assert_eq!(of("connected components, p > 0.5"), [vec![0, 1, 2, 3], vec![4]]);
        assert_eq!(of("connected components, p > 0.99"), [vec![0, 1], vec![2], vec![3], vec![4]]);
        // The middle tie is between a member and a centre.
        assert_eq!(of("centre"), [vec![0, 1], vec![2, 3], vec![4]]);
        assert_eq!(of("merge-centre"), [vec![0, 1, 2, 3], vec![4]]);
        assert_eq!(of("star"), [vec![0, 1, 2], vec![3], vec![4]]);
        assert_eq!(of("pivot"), [vec![0, 1], vec![2, 3], vec![4]]);
    }
}
