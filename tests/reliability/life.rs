//! What a party knows of its submissions: what it asked for, and what was acknowledged.

use std::collections::BTreeMap;

use anyhow::{Context as _, ensure};
use samenloop_tests::Cast;
use samenloop_wire::v1;
use samenloop_wire::v1::SubmissionState;
use samenloop_wire::v1::submissions_client::SubmissionsClient;
use tonic::transport::Channel;

/// Records of every batch.
pub const ROWS: u64 = 2;

/// How far a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Known {
    #[default]
    Never,
    Asked,
    Acknowledged,
}

/// One submission as its party knows it.
#[derive(Debug, Clone, Default)]
pub struct Submission {
    pub batches: u32,
    pub opened: Known,
    pub acknowledged: u32,
    pub sealed: Known,
    /// Withdrawn, or left or replaced by another one.
    pub gone: Known,
}

/// A party at work. Every answer is written down before the next request.
pub struct PartyLife {
    pub name: &'static str,
    pub place: u8,
    pub submissions: BTreeMap<u8, Submission>,
    /// The highest ledger entry that an answer named.
    pub entry: u64,
}

impl PartyLife {
    pub fn new(name: &'static str, place: u8) -> Self {
        Self { name, place, submissions: BTreeMap::new(), entry: 0 }
    }

    fn id(&self, number: u8) -> [u8; 16] {
        let mut id = [self.place + 1; 16];
        id[15] = number;
        id
    }

    fn told(&mut self, entry: u64) {
        self.entry = self.entry.max(entry);
    }

    /// Works until a request fails, which the kill sees to: opens, uploads, seals, withdraws and
    /// replaces submissions.
    pub async fn work(&mut self, channel: Channel, cast: &Cast, mut random: u64) {
        let mut client = SubmissionsClient::new(channel);
        loop {
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            if self.step(&mut client, cast, random >> 33).await.is_err() {
                return;
            }
        }
    }

    /// Makes one sealed submission this party's last word.
    pub async fn settle(&mut self, channel: Channel, cast: &Cast) -> anyhow::Result<()> {
        let number = self.submissions.len() as u8;
        self.submissions.insert(number, Submission { batches: 3, ..Submission::default() });
        self.upload(&mut SubmissionsClient::new(channel), cast, number).await
    }

    async fn step(
        &mut self,
        client: &mut SubmissionsClient<Channel>,
        cast: &Cast,
        random: u64,
    ) -> anyhow::Result<()> {
        let unfinished =
            |held: &Submission| held.gone == Known::Never && held.sealed < Known::Acknowledged;
        let sealed =
            |held: &Submission| held.gone == Known::Never && held.sealed == Known::Acknowledged;
        let find = |which: &dyn Fn(&Submission) -> bool| {
            self.submissions.iter().rev().find(|(_, held)| which(held)).map(|(number, _)| *number)
        };
        match (find(&unfinished), find(&sealed)) {
            (_, Some(number)) if random.is_multiple_of(7) => {
                self.withdraw(client, cast, number).await
            }
            (Some(number), _) if !random.is_multiple_of(11) => {
                self.upload(client, cast, number).await
            }
            _ => {
                let number = self.submissions.len() as u8;
                ensure!(number < u8::MAX, "a life has too many submissions");
                let batches = 1 + (random % 4) as u32;
                self.submissions.insert(number, Submission { batches, ..Submission::default() });
                self.upload(client, cast, number).await
            }
        }
    }

    async fn upload(
        &mut self,
        client: &mut SubmissionsClient<Channel>,
        cast: &Cast,
        number: u8,
    ) -> anyhow::Result<()> {
        let id = self.id(number);
        // Opening one leaves any other that is not sealed.
        let mut left = vec![];
        for (other, held) in &mut self.submissions {
            if *other != number
                && held.gone < Known::Acknowledged
                && held.sealed < Known::Acknowledged
            {
                held.gone = Known::Asked;
                left.push(*other);
            }
        }
        let held = self.submissions.get_mut(&number).context("held")?;
        held.opened = held.opened.max(Known::Asked);
        let batches = held.batches;
        let open = v1::OpenSubmissionRequest {
            round_id: cast.round_bytes(),
            submission_id: id.to_vec().into(),
            key_check_value: cast.kcv_bytes(),
            records: u64::from(batches) * ROWS,
        };
        let opened = client.open_submission(open).await?.into_inner();
        let held = self.submissions.get_mut(&number).context("held")?;
        held.opened = Known::Acknowledged;
        for other in left {
            let held = self.submissions.get_mut(&other).context("held")?;
            // A seal that was asked for may have come before.
            if held.sealed == Known::Never {
                held.gone = Known::Acknowledged;
            }
        }
        let rest: Vec<_> =
            (opened.next_batch..batches).map(|batch| cast.batch(id, batch, ROWS)).collect();
        if !rest.is_empty() {
            let mut answers = client.upload_batches(tokio_stream::iter(rest)).await?.into_inner();
            while let Some(answer) = answers.message().await? {
                self.told(answer.ledger_index);
                let held = self.submissions.get_mut(&number).context("held")?;
                held.acknowledged = held.acknowledged.max(answer.number + 1);
            }
        }
        let mut older = vec![];
        for (other, held) in &mut self.submissions {
            if *other != number && held.sealed > Known::Never && held.gone < Known::Acknowledged {
                held.gone = Known::Asked;
                older.push(*other);
            }
        }
        self.submissions.get_mut(&number).context("held")?.sealed = Known::Asked;
        let seal = v1::SealSubmissionRequest {
            round_id: cast.round_bytes(),
            submission_id: id.to_vec().into(),
            batches,
            records: u64::from(batches) * ROWS,
        };
        let sealed = client.seal_submission(seal).await?.into_inner();
        self.told(sealed.ledger_index);
        self.submissions.get_mut(&number).context("held")?.sealed = Known::Acknowledged;
        for other in older {
            self.submissions.get_mut(&other).context("held")?.gone = Known::Acknowledged;
        }
        Ok(())
    }

    async fn withdraw(
        &mut self,
        client: &mut SubmissionsClient<Channel>,
        cast: &Cast,
        number: u8,
    ) -> anyhow::Result<()> {
        self.submissions.get_mut(&number).context("held")?.gone = Known::Asked;
        let withdraw = v1::WithdrawSubmissionRequest {
            round_id: cast.round_bytes(),
            submission_id: self.id(number).to_vec().into(),
        };
        let answer = client.withdraw_submission(withdraw).await?.into_inner();
        self.told(answer.ledger_index);
        self.submissions.get_mut(&number).context("held")?.gone = Known::Acknowledged;
        Ok(())
    }

    /// Compares what the service holds with what was asked and acknowledged, and takes over what had
    /// been in doubt.
    pub async fn check(&mut self, channel: Channel, cast: &Cast) -> anyhow::Result<()> {
        let mut client = SubmissionsClient::new(channel);
        let mine = v1::GetSubmissionsRequest { round_id: cast.round_bytes() };
        let found = client.get_submissions(mine).await?.into_inner().submissions;
        let (name, ids): (_, Vec<_>) = (self.name, (0..=u8::MAX).map(|n| self.id(n)).collect());
        for (number, held) in &mut self.submissions {
            let id = ids[usize::from(*number)];
            let there = found.iter().find(|status| status.submission_id[..] == id);
            let Some(status) = there else {
                ensure!(held.opened < Known::Acknowledged, "{name} {number} is lost: {held:?}");
                // Never came in, so it is begun again.
                *held = Submission { batches: held.batches, ..Submission::default() };
                continue;
            };
            let state = status.state();
            let told = || format!("{name} {number} is {state:?}: {held:?}, {status:?}");
            let possible = match state {
                SubmissionState::Open => {
                    held.sealed < Known::Acknowledged && held.gone < Known::Acknowledged
                }
                SubmissionState::Sealed => {
                    held.sealed > Known::Never && held.gone < Known::Acknowledged
                }
                _ => held.gone > Known::Never,
            };
            ensure!(possible, told());
            if matches!(state, SubmissionState::Open | SubmissionState::Sealed) {
                ensure!(status.batches >= held.acknowledged, "{}: lost a batch", told());
                let whole = status.records == u64::from(status.batches) * ROWS;
                ensure!(whole, "{}: a partial batch", told());
                (held.gone, held.acknowledged) = (Known::Never, status.batches);
                held.sealed =
                    if state == SubmissionState::Open { Known::Never } else { Known::Acknowledged };
            } else {
                held.gone = Known::Acknowledged;
            }
            held.opened = Known::Acknowledged;
        }
        for status in &found {
            let known =
                self.submissions.keys().any(|n| ids[usize::from(*n)] == status.submission_id[..]);
            ensure!(known, "{name} never opened {:?}", status.submission_id);
        }
        Ok(())
    }
}
