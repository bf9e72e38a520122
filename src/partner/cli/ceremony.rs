//! `key share` and `key combine`.

use std::path::Path;

use samenloop_schema::{Digest, PartyId};
use serde::Serialize;

use super::commands::print_json;
use super::{CombineArguments, ShareCommand};
use crate::ceremony::{self, Commitments, Share};
use crate::{key_file, private_file};

pub(super) fn share(command: ShareCommand) -> anyhow::Result<()> {
    match command {
        ShareCommand::New { name, round, out, json } => new(&name, &round, &out, json),
        ShareCommand::Seal { share, commitments, out, json } => {
            seal(&share, &commitments, &out, json)
        }
    }
}

/// Four letters at a time, to be read aloud.
fn aloud(digest: Digest) -> String {
    let text = digest.to_string();
    let groups: Vec<&str> = (0..32).step_by(4).filter_map(|at| text.get(at..at + 4)).collect();
    groups.join(" ")
}

fn new(name: &PartyId, round: &str, out: &Path, json: bool) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Drawn<'a> {
        share: &'a Path,
        commitment: String,
    }
    let share = Share::draw(round, name)?;
    share.write(out)?;
    let commitment = share.commitment().to_string();
    if json {
        return print_json(&Drawn { share: out, commitment });
    }
    eprintln!(
        "Your share is in {}. Keep it, show it to nobody, and delete it when the key is made. Mail this \
         line to all other partners, and put their lines and yours into one file:",
        out.display()
    );
    println!("{commitment}");
    Ok(())
}

fn seal(share: &Path, commitments: &Path, out: &Path, json: bool) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct SealedTo<'a> {
        sealed: &'a Path,
        partners: Vec<String>,
        ceremony: Digest,
    }
    let (share, commitments) = (Share::read(share)?, Commitments::read(commitments)?);
    let text = ceremony::seal(&share, &commitments)?;
    private_file::write_new(out, text.as_bytes())?;
    let ceremony = commitments.digest();
    let others = commitments.names().filter(|name| *name != share.name());
    let partners: Vec<String> = others.map(str::to_owned).collect();
    if json {
        return print_json(&SealedTo { sealed: out, partners, ceremony });
    }
    println!(
        "ceremony  {}\n\nRead this to {} by telephone: all must have the same. If so, mail {} to them; only \
         they can open it. If not, somebody's mail was changed on its way: begin again, and mail nothing.",
        aloud(ceremony),
        partners.join(", "),
        out.display()
    );
    Ok(())
}

pub(super) fn combine(arguments: &CombineArguments) -> anyhow::Result<()> {
    #[derive(Serialize)]
    struct Combined<'a> {
        key: &'a Path,
        round: String,
        ceremony: Digest,
    }
    let CombineArguments { share, commitments, sealed, out, json } = arguments;
    let (share, commitments) = (Share::read(share)?, Commitments::read(commitments)?);
    let key = ceremony::combine(&share, &commitments, sealed)?;
    key_file::write(out, &key)?;
    let ceremony = commitments.digest();
    if *json {
        return print_json(&Combined { key: out, round: share.round().to_owned(), ceremony });
    }
    println!(
        "ceremony  {}\n\nAll {} shares fit their commitments; the linkage key of {} is in {}. Compare it with \
         the others by `samenloop-partner key check`, and delete your share.",
        aloud(ceremony),
        commitments.names().count(),
        share.round(),
        out.display()
    );
    Ok(())
}
