//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use samenloop_schema::{PartyId, RoundId};

use crate::cert::DEFAULT_DAYS;

/// The linkage service and its coordinator's commands.
#[derive(Debug, Parser)]
#[command(name = "samenloop-service", version)]
pub(crate) struct Flags {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make a new installation: authority, certificates, keys and configuration.
    Init(Init),
    /// Run the service until SIGINT or SIGTERM.
    Serve(Serve),
    /// Print the public key that checks the ledger's checkpoints, for auditors to note.
    LedgerKey(Serve),
    /// Copy the stopped service's store into one file, after checking all of it.
    Backup(Backup),
    /// Put a backup in the place of a lost store. What was deleted after it stays deleted.
    Restore(Restore),
    /// Link a linked round again before an auditor's eyes, while the service is stopped: the same
    /// inputs must give the same partition.
    Replay(Replay),
    /// Make certificates for a small installation.
    #[command(subcommand)]
    Cert(Cert),
    /// Take a round through its life.
    #[command(subcommand)]
    Round(Round),
}

#[derive(Debug, Args)]
pub(crate) struct Init {
    /// Directory to make; what exists is never overwritten.
    #[arg(long)]
    pub(crate) dir: PathBuf,
    /// Host name or address by which clients reach the service; may be given several times.
    #[arg(long, default_values = ["localhost", "127.0.0.1"])]
    pub(crate) host: Vec<String>,
    /// Port to listen on.
    #[arg(long, default_value_t = 7443)]
    pub(crate) port: u16,
}

#[derive(Debug, Args)]
pub(crate) struct Serve {
    /// The service's configuration file.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// Print for machines.
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    #[command(flatten)]
    pub(crate) service: Serve,
    /// File to write; it is never overwritten.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("later").required(true).args(["ledger", "nothing_later"]))]
pub(crate) struct Restore {
    #[command(flatten)]
    pub(crate) service: Serve,
    /// The backup.
    #[arg(long)]
    pub(crate) backup: PathBuf,
    /// The newest ledger that an auditor kept (`samenloop-audit verify --bundle-out`).
    #[arg(long)]
    pub(crate) ledger: Option<PathBuf>,
    /// Nothing was done after the backup. Auditors find out if that is not so.
    #[arg(long)]
    pub(crate) nothing_later: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Replay {
    #[command(flatten)]
    pub(crate) service: Serve,
    /// The round's id.
    #[arg(long)]
    pub(crate) round: RoundId,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Cert {
    /// Make a certificate authority: authority.pem and authority.key.
    Authority {
        /// Where to write it.
        #[arg(long)]
        out: PathBuf,
    },
    /// Revoke certificates: rewrites the authority's revoked.pem, which the service reads as tls.revoked.
    Revoke {
        /// Directory of the authority.
        #[arg(long)]
        authority: PathBuf,
        /// A certificate that is no longer valid, PEM; can be given several times.
        #[arg(long, required = true)]
        certificate: Vec<PathBuf>,
    },
    /// Make a certificate and its key: NAME.pem and NAME.key.
    Issue {
        /// Directory of the authority.
        #[arg(long)]
        authority: PathBuf,
        /// What its holder may do.
        #[arg(long)]
        role: Holder,
        /// Its holder; a partner's party id.
        #[arg(long)]
        name: PartyId,
        /// Host name or address, for a service certificate; may be given several times.
        #[arg(long, required_if_eq("role", "service"))]
        host: Vec<String>,
        /// Days that it is valid.
        #[arg(long, default_value_t = DEFAULT_DAYS)]
        days: u32,
        /// Where to write it.
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Holder {
    Partner,
    Coordinator,
    Monitor,
    Auditor,
    Service,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Round {
    /// Announce a round.
    Create {
        /// The manifest file.
        #[arg(long)]
        manifest: PathBuf,
        /// The linkage schema file.
        #[arg(long)]
        schema: PathBuf,
        #[command(flatten)]
        client: Client,
    },
    /// Turn a table of codes and their groups, such as municipalities and their cooperation regions,
    /// into a part of a manifest, and print it.
    RollUp {
        /// Its name in questions, such as regio.
        #[arg(long)]
        name: String,
        /// The dimension whose codes it takes together, such as gemeente.
        #[arg(long)]
        of: String,
        /// CSV file with a header: a code, and its group.
        #[arg(long)]
        csv: PathBuf,
    },
    /// Show a round, or all rounds if none is named.
    Status(Which),
    /// Let submissions in, once every party announced the same key check value.
    Open(Which),
    /// Fix the inputs.
    Freeze(Which),
    /// Link the frozen inputs and show progress.
    Link(Which),
    /// Stop a linkage that goes on.
    Cancel(Which),
    /// Materialise the release.
    Release(Which),
    /// Take a wrong release back, once at most, to link and release the round anew.
    Correct {
        /// What is wrong with it.
        #[arg(long)]
        reason: Reason,
        #[command(flatten)]
        which: Which,
    },
    /// End the round and delete its submissions.
    Close(Which),
}

/// What is wrong with a release. Inputs cannot be: they are frozen.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Reason {
    /// The program linked wrongly.
    Linkage,
    /// The program counted or protected wrongly.
    Tables,
}

#[derive(Debug, Args)]
pub(crate) struct Which {
    /// The round's id; else the configuration's.
    #[arg(long)]
    pub(crate) round: Option<RoundId>,
    #[command(flatten)]
    pub(crate) client: Client,
}

#[derive(Debug, Args)]
pub(crate) struct Client {
    /// The client configuration with the coordinator's certificate.
    #[arg(long)]
    pub(crate) config: PathBuf,
    /// Print for machines.
    #[arg(long)]
    pub(crate) json: bool,
}
